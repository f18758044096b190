/* evidence_state: the inside of an open store, shared by the evidence_*.c
 * files and nobody else. */
#ifndef ITM_STORE_EVIDENCE_STATE_H
#define ITM_STORE_EVIDENCE_STATE_H

#include <sys/types.h>
#include <time.h>

#include "store/evidence.h"
#include "store/segment.h"
#include "store/sql.h"

/* Statements prepared once.  Only for look-ups that are finished before they
 * return: walks that call back prepare their own, so that a callback may ask
 * again. */
enum evidence_query {
	EVIDENCE_Q_META_GET, EVIDENCE_Q_META_PUT,
	EVIDENCE_Q_HOST_ADD, EVIDENCE_Q_HOST_GET, EVIDENCE_Q_HOST_SEEN, EVIDENCE_Q_HOST_CHAIN,
	EVIDENCE_Q_BLOCK_GET, EVIDENCE_Q_BLOCK_ADD, EVIDENCE_Q_CHUNK_ADD, EVIDENCE_Q_CHUNK_RESET,
	EVIDENCE_Q_STREAM_ADD, EVIDENCE_Q_STREAM_GET, EVIDENCE_Q_STREAM_MOVE,
	EVIDENCE_Q_SEGMENT_PUT, EVIDENCE_Q_SEGMENT_GET, EVIDENCE_Q_EVENT_ADD,
	EVIDENCE_Q_LEAF_NEXT, EVIDENCE_Q_LEAF_ADD, EVIDENCE_Q_LEAF_DONE, EVIDENCE_Q_ACT_ADD,
	EVIDENCE_Q_COUNT
};

enum { EVIDENCE_PATH_SIZE = 4096, EVIDENCE_DIR_MAX = 3900 };

struct evidence_trim { struct id host, stream; uint64_t last_frame; };

struct evidence {
	char dir[EVIDENCE_PATH_SIZE];
	bool write;
	int lock;                        /* flock on store/lock; -1 for readers */
	struct id server;
	struct sql *db;
	struct sql_statement *query[EVIDENCE_Q_COUNT];

	/* The segment being written; NULL until the first put, and after a failure. */
	struct segment *segment;
	uint64_t segment_size;
	uint64_t full;                   /* number of a segment to be sealed after the commit; 0 = none */
	bool batch;                      /* between begin and commit */
	int batch_error;                 /* the batch can't be committed any more */
	struct buffer group;             /* one group's units before they are written */
	struct evidence_trim *trim;      /* tails to be cut once the batch is committed */
	size_t trim_count, trim_size;

	uint64_t quarantine_left_out;    /* what found no room there */

	/* Tests: called between the steps of a rewriting. */
	void (*step)(void *context);
	void *step_context;

	struct timespec hosts_changed;   /* mtime of store/hosts at the last import */
};

/* The statement, ready to be bound; NULL and logged when it can't be had. */
struct sql_statement *evidence_query(struct evidence *e, enum evidence_query which);
void evidence_bind_id(struct sql_statement *q, int index, const struct id *id);
void evidence_segment_path(const struct evidence *e, uint64_t number, char out[EVIDENCE_PATH_SIZE]);
/* The host a stream belongs to: the first whose block held a chunk of it. */
int evidence_stream_get(struct evidence *e, const struct id *stream, struct id *host, uint64_t *last_number,
			uint64_t *last_frame);

#endif
