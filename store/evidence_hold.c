#include "store/evidence_hold.h"

#include <stdio.h>
#include <string.h>

#include "format/meta.h"
#include "store/evidence_state.h"

int evidence_hold_set(struct evidence *e, enum evidence_hold_kind kind, const char *value, const char *who,
		      const char *reason, int64_t wall_ns, uint64_t *number)
{
	struct sql_statement *q;
	int rc = sql_prepare(e->db, "SELECT row FROM hold WHERE kind = ?1 AND value = ?2 AND ended_wall_ns = 0", &q);
	if (rc != 0)
		return rc;
	sql_bind_int(q, 1, kind);
	sql_bind_text(q, 2, value);
	rc = sql_step(q);
	if (rc == 1)
		*number = (uint64_t)sql_int(q, 0);
	sql_finalize(q);
	if (rc != 0)
		return rc < 0 ? rc : 0;
	rc = sql_prepare(e->db, "INSERT INTO hold(kind, value, who, reason, wall_ns, ended_wall_ns, ended_who, ended_reason)"
			 " VALUES(?1, ?2, ?3, ?4, ?5, 0, '', '')", &q);
	if (rc != 0)
		return rc;
	sql_bind_int(q, 1, kind);
	sql_bind_text(q, 2, value);
	sql_bind_text(q, 3, who);
	sql_bind_text(q, 4, reason);
	sql_bind_int(q, 5, wall_ns);
	rc = sql_finish(q);
	sql_finalize(q);
	if (rc == 0)
		*number = (uint64_t)sql_last_row(e->db);
	return rc;
}

int evidence_hold_end(struct evidence *e, uint64_t number, const char *who, const char *reason, int64_t wall_ns)
{
	struct sql_statement *q;
	int rc = sql_prepare(e->db, "UPDATE hold SET ended_wall_ns = ?2, ended_who = ?3, ended_reason = ?4"
			     " WHERE row = ?1 AND ended_wall_ns = 0", &q);
	if (rc != 0)
		return rc;
	sql_bind_int(q, 1, (int64_t)number);
	sql_bind_int(q, 2, wall_ns);
	sql_bind_text(q, 3, who);
	sql_bind_text(q, 4, reason);
	rc = sql_finish(q);
	if (rc == 0 && sql_changes(e->db) == 0)
		rc = ITM_ENOENT;
	sql_finalize(q);
	return rc;
}

int evidence_hold_list(struct evidence *e, bool ended, int (*each)(void *context, const struct evidence_hold *h), void *context)
{
	struct sql_statement *q;
	int rc = sql_prepare(e->db, "SELECT row, kind, value, who, reason, wall_ns, ended_wall_ns, ended_who, ended_reason"
			     " FROM hold WHERE ended_wall_ns = 0 OR ?1 ORDER BY row", &q);
	if (rc != 0)
		return rc;
	sql_bind_int(q, 1, ended);
	while ((rc = sql_step(q)) == 1) {
		struct evidence_hold h = {
			.number = (uint64_t)sql_int(q, 0), .kind = (enum evidence_hold_kind)sql_int(q, 1),
			.value = sql_text(q, 2), .who = sql_text(q, 3), .reason = sql_text(q, 4),
			.wall_ns = sql_int(q, 5), .ended_wall_ns = sql_int(q, 6),
			.ended_who = sql_text(q, 7), .ended_reason = sql_text(q, 8),
		};
		rc = each(context, &h);
		if (rc != 0)
			break;
	}
	sql_finalize(q);
	return rc;
}

/* Whose a session is.  Read once from its first chunk, before that can be
 * removed, and kept: a hold on an account must find its sessions later too. */

static int hold_first_chunk(void *context, const struct evidence_chunk *c)
{
	*(struct evidence_chunk *)context = *c;
	return 1;
}

static void hold_read_meta(const struct buffer *payload, char user[EVIDENCE_HOLD_VALUE_SIZE],
			   char login[EVIDENCE_HOLD_VALUE_SIZE])
{
	struct chunk_reader *reader = chunk_reader_new();
	struct record_cursor cursor;
	struct record_event event;
	struct chunk chunk;
	uint8_t digest[HASH_SIZE];
	if (reader != NULL && chunk_reader_next(reader, payload->data, payload->len, &chunk, &cursor, digest, NULL) == 0)
		while (record_cursor_next(&cursor, &event, NULL) == 1) {
			if (event.kind != RECORD_ENV || event.data == NULL)
				continue;
			if (meta_get((const char *)event.data, event.len, "user", 0, user, EVIDENCE_HOLD_VALUE_SIZE) < 0)
				user[0] = '\0';
			if (meta_get((const char *)event.data, event.len, "login_id", 0, login, EVIDENCE_HOLD_VALUE_SIZE) < 0)
				login[0] = '\0';
			break;
		}
	chunk_reader_free(reader);
}

static int hold_describe(struct evidence *e, const struct id *stream)
{
	char user[EVIDENCE_HOLD_VALUE_SIZE] = "", login[EVIDENCE_HOLD_VALUE_SIZE] = "";
	struct evidence_chunk first = { 0 };
	struct buffer payload;
	buffer_init(&payload, UNIT_PAYLOAD_MAX);
	int rc = evidence_chunks_of(e, stream, 1, hold_first_chunk, &first);
	if (rc == 1 && first.number == 1 && evidence_read_chunk(e, &first, &payload) == 0)
		hold_read_meta(&payload, user, login);
	buffer_free(&payload);
	if (rc < 0)
		return rc;
	struct sql_statement *q;
	rc = sql_prepare(e->db, "INSERT OR REPLACE INTO about VALUES(?1, ?2, ?3)", &q);
	if (rc != 0)
		return rc;
	evidence_bind_id(q, 1, stream);
	sql_bind_text(q, 2, user);
	sql_bind_text(q, 3, login);
	rc = sql_finish(q);
	sql_finalize(q);
	return rc;
}

/* Every stream that has a first chunk must be described before accounts are
 * compared: another session of the same login may be the held one's. */
static int hold_describe_all(struct evidence *e)
{
	for (;;) {
		struct id stream;
		struct sql_statement *q;
		int rc = sql_prepare(e->db, "SELECT s.id FROM stream s WHERE s.last_number > 0"
				     " AND NOT EXISTS (SELECT 1 FROM about a WHERE a.stream = s.id) LIMIT 1", &q);
		if (rc != 0)
			return rc;
		rc = sql_step(q);
		if (rc == 1)
			sql_blob_copy(q, 0, stream.bytes, ID_SIZE);
		sql_finalize(q);
		if (rc != 1)
			return rc;
		rc = hold_describe(e, &stream);
		if (rc != 0)
			return rc;
	}
}

static int hold_query(struct evidence *e, const char *text, const struct id *stream, const char *name, uint64_t *number)
{
	struct sql_statement *q;
	int rc = sql_prepare(e->db, text, &q);
	if (rc != 0)
		return rc;
	if (stream != NULL)
		evidence_bind_id(q, 1, stream);
	if (name != NULL)
		sql_bind_text(q, 1, name);
	rc = sql_step(q);
	if (rc == 1)
		*number = (uint64_t)sql_int(q, 0);
	sql_finalize(q);
	return rc;
}

static int hold_on_account(struct evidence *e, const struct id *stream, uint64_t *number)
{
	int rc = hold_query(e, "SELECT row FROM hold WHERE kind = 2 AND ended_wall_ns = 0 LIMIT 1", NULL, NULL, number);
	if (rc != 1)
		return rc;
	rc = hold_describe_all(e);
	if (rc != 0)
		return rc;
	return hold_query(e, "SELECT h.row FROM hold h, about a WHERE a.stream = ?1 AND h.kind = 2 AND h.ended_wall_ns = 0"
			  " AND (a.user = '' OR h.value = a.user OR (a.login <> '' AND EXISTS (SELECT 1 FROM about b"
			  " WHERE b.login = a.login AND b.user = h.value))) ORDER BY h.row LIMIT 1", stream, NULL, number);
}

int evidence_hold_covers(struct evidence *e, const struct id *stream, uint64_t *number)
{
	static const char by_name[] =
		"SELECT row FROM hold WHERE kind = 1 AND value = ?1 AND ended_wall_ns = 0 LIMIT 1";
	static const char by_host[] =
		"SELECT row FROM hold WHERE kind = 3 AND value = ?1 AND ended_wall_ns = 0 LIMIT 1";
	char text[ID_TEXT_SIZE];
	struct id host;
	uint64_t last_number, last_frame;
	id_format(stream, text);
	int rc = hold_query(e, by_name, NULL, text, number);
	if (rc == 0)
		rc = evidence_stream_get(e, stream, &host, &last_number, &last_frame);
	else
		return rc;
	if (rc != 0)
		return rc == ITM_ENOENT ? 0 : rc;
	id_format(&host, text);
	rc = hold_query(e, by_host, NULL, text, number);
	return rc == 0 ? hold_on_account(e, stream, number) : rc;
}
