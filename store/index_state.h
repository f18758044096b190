/* index_state: what the files of the index share. */
#ifndef ITM_STORE_INDEX_STATE_H
#define ITM_STORE_INDEX_STATE_H

#include "format/compress.h"
#include "store/index.h"
#include "store/sql.h"

struct index {
	struct sql *db;
	struct compress *compress;
	struct inflate *inflate;
	/* The writer's statements, prepared when first used. */
	struct sql_statement *put_session, *find_session, *put_block, *drop_block, *drop_live, *get_position, *put_position,
			     *put_event, *loose, *put_loose, *drop_loose, *put_shelf, *put_slice, *put_alert;
	int64_t loose_count;             /* of final blocks on no shelf; -1 = to be counted */
};

/* The columns index_state_session reads, in its order. */
#define INDEX_SESSION_COLUMNS \
	"s.stream, s.host, s.login, s.hostname, s.user, s.service, s.rhost, s.tty, s.mode, s.shell, s.command, " \
	"s.uid, s.start_wall_ns, s.last_wall_ns, s.duration_ms, s.ended, s.open_tail, s.exit_status, " \
	"s.out_bytes, s.keys, s.masked, s.lost_bytes, s.chunks, s.columns, s.rows, s.provisional"
int index_state_session(struct sql_statement *q, struct index_session *out);
/* Prepare once. */
int index_state_prepare(struct index *x, struct sql_statement **q, const char *text);

#endif
