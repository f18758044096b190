#include "store/index_write.h"

#include <string.h>

#include "store/index_blocks.h"
#include "store/index_state.h"

int index_write_begin(struct index *x) { return sql_begin(x->db); }

int index_write_commit(struct index *x)
{
	int result = sql_commit(x->db);
	if (result != 0)
		x->loose_count = -1;
	return result;
}

void index_write_rollback(struct index *x)
{
	sql_rollback(x->db);
	x->loose_count = -1;
}

int index_write_position(struct index *x, uint64_t *row)
{
	int result = index_state_prepare(x, &x->get_position, "SELECT value FROM position WHERE name = 'chunk'");
	if (result != 0)
		return result;
	result = sql_step(x->get_position);
	if (result < 0)
		return result;
	*row = result == 1 ? (uint64_t)sql_int(x->get_position, 0) : 0;
	sql_reset(x->get_position);
	return 0;
}

int index_write_set_position(struct index *x, uint64_t row)
{
	int result = index_state_prepare(x, &x->put_position,
		"INSERT INTO position VALUES ('chunk', ?1) ON CONFLICT (name) DO UPDATE SET value = ?1");
	if (result != 0)
		return result;
	sql_bind_int(x->put_position, 1, (int64_t)row);
	return sql_finish(x->put_position);
}

static void bind_session(struct sql_statement *q, const struct index_session *s, const struct index_write_state *state)
{
	char name[ID_TEXT_SIZE];
	id_format(&s->stream, name);
	int p = 1;
	sql_bind_blob(q, p++, s->stream.bytes, ID_SIZE);
	sql_bind_text(q, p++, name);
	sql_bind_blob(q, p++, s->host.bytes, ID_SIZE);
	sql_bind_blob(q, p++, s->login.bytes, ID_SIZE);
	const char *texts[] = { s->hostname, s->user, s->service, s->rhost, s->tty, s->mode, s->shell, s->command };
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		sql_bind_text(q, p++, texts[i]);
	sql_bind_int(q, p++, s->uid);
	sql_bind_int(q, p++, s->start_wall_ns);
	sql_bind_int(q, p++, s->last_wall_ns);
	sql_bind_int(q, p++, (int64_t)s->duration_ms);
	sql_bind_int(q, p++, s->ended);
	sql_bind_int(q, p++, s->open_tail);
	if (s->has_exit)
		sql_bind_int(q, p, s->exit_status);
	else
		sql_bind_null(q, p);
	p++;
	const uint64_t numbers[] = { s->out_bytes, s->keys, s->masked, s->lost_bytes, s->chunks, s->columns, s->rows,
				     s->provisional, state->boot_ns, state->blocks };
	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
		sql_bind_int(q, p++, (int64_t)numbers[i]);
}

static int find_id(struct index *x, const struct id *stream, int64_t *id)
{
	int result = index_state_prepare(x, &x->find_session, "SELECT id FROM session WHERE stream = ?1");
	if (result != 0)
		return result;
	sql_bind_blob(x->find_session, 1, stream->bytes, ID_SIZE);
	result = sql_step(x->find_session);
	if (result < 0)
		return result;
	if (result == 1)
		*id = sql_int(x->find_session, 0);
	sql_reset(x->find_session);
	return result == 1 ? 0 : ITM_ENOENT;
}

int index_write_session(struct index *x, const struct index_session *s, const struct index_write_state *state, int64_t *id)
{
	int result = index_state_prepare(x, &x->put_session,
		"INSERT INTO session (stream, name, host, login, hostname, user, service, rhost, tty, mode, shell, command,"
		" uid, start_wall_ns, last_wall_ns, duration_ms, ended, open_tail, exit_status, out_bytes, keys, masked,"
		" lost_bytes, chunks, columns, rows, provisional, boot_ns, blocks)"
		" VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20,"
		" ?21, ?22, ?23, ?24, ?25, ?26, ?27, ?28, ?29)"
		" ON CONFLICT (stream) DO UPDATE SET host = ?3, login = ?4, hostname = ?5, user = ?6, service = ?7,"
		" rhost = ?8, tty = ?9, mode = ?10, shell = ?11, command = ?12, uid = ?13, start_wall_ns = ?14,"
		" last_wall_ns = ?15, duration_ms = ?16, ended = ?17, open_tail = ?18, exit_status = ?19, out_bytes = ?20,"
		" keys = ?21, masked = ?22, lost_bytes = ?23, chunks = ?24, columns = ?25, rows = ?26, provisional = ?27,"
		" boot_ns = ?28, blocks = ?29");
	if (result != 0)
		return result;
	bind_session(x->put_session, s, state);
	result = sql_finish(x->put_session);
	return result != 0 ? result : find_id(x, &s->stream, id);
}

int index_write_find(struct index *x, const struct id *stream, struct index_session *s,
		     struct index_write_state *state, int64_t *id)
{
	struct sql_statement *q;
	int result = sql_prepare(x->db, "SELECT " INDEX_SESSION_COLUMNS ", s.boot_ns, s.blocks, s.id"
				 " FROM session s WHERE s.stream = ?1", &q);
	if (result != 0)
		return result;
	sql_bind_blob(q, 1, stream->bytes, ID_SIZE);
	result = sql_step(q);
	if (result == 1) {
		result = index_state_session(q, s);
		state->boot_ns = (uint64_t)sql_int(q, 26);
		state->blocks = (uint64_t)sql_int(q, 27);
		*id = sql_int(q, 28);
	} else if (result == 0) {
		result = ITM_ENOENT;
	}
	sql_finalize(q);
	return result;
}

int index_write_restarted(struct index *x, const struct id *host, int64_t boot_wall_ns)
{
	struct sql_statement *q;
	int result = sql_prepare(x->db, "UPDATE session SET open_tail = 1 WHERE host = ?1 AND ended = 0 AND open_tail = 0"
				 " AND last_wall_ns < ?2 AND start_wall_ns < ?2", &q);
	if (result != 0)
		return result;
	sql_bind_blob(q, 1, host->bytes, ID_SIZE);
	sql_bind_int(q, 2, boot_wall_ns);
	result = sql_finish(q);
	sql_finalize(q);
	return result;
}

int index_write_block(struct index *x, int64_t session, bool live, bool provisional, const struct tblock *t)
{
	struct buffer body;
	uint64_t start_ms, end_ms;
	if (t->count == 0)
		return 0;
	buffer_init(&body, TBLOCK_PLAIN_MAX * 2);
	tblock_span(t, &start_ms, &end_ms);
	int result = tblock_encode(t, x->compress, &body);
	if (result == 0)
		result = index_state_prepare(x, &x->put_block,
			"INSERT INTO tblock (session, start_ms, end_ms, live, provisional, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6)");
	if (result == 0) {
		sql_bind_int(x->put_block, 1, session);
		sql_bind_int(x->put_block, 2, (int64_t)start_ms);
		sql_bind_int(x->put_block, 3, (int64_t)end_ms);
		sql_bind_int(x->put_block, 4, live);
		sql_bind_int(x->put_block, 5, provisional);
		sql_bind_blob(x->put_block, 6, body.data, body.len);
		result = sql_finish(x->put_block);
	}
	if (result == 0)
		result = index_blocks_put(x, sql_last_row(x->db), live, (const char *)t->text.data, t->text.len);
	buffer_free(&body);
	return result;
}

int index_write_drop_live(struct index *x, int64_t session)
{
	int result = index_blocks_drop_live(x, session);
	if (result == 0)
		result = index_state_prepare(x, &x->drop_block, "DELETE FROM tblock WHERE session = ?1 AND live = 1");
	if (result != 0)
		return result;
	sql_bind_int(x->drop_block, 1, session);
	return sql_finish(x->drop_block);
}

/* What was removed */

static int run_with(struct index *x, const char *text, int64_t value)
{
	struct sql_statement *q;
	int result = sql_prepare(x->db, text, &q);
	if (result != 0)
		return result;
	sql_bind_int(q, 1, value);
	result = sql_finish(q);
	sql_finalize(q);
	return result;
}

int index_write_forget(struct index *x, const struct id *stream)
{
	static const char *const steps[] = {
		"DELETE FROM tblock WHERE session = ?1", "DELETE FROM event WHERE session = ?1",
		"DELETE FROM alert WHERE session = ?1",
		"DELETE FROM session WHERE id = ?1",
	};
	int64_t id;
	int result = find_id(x, stream, &id);
	if (result != 0)
		return result == ITM_ENOENT ? 0 : result;
	result = index_blocks_forget(x, id);
	for (size_t i = 0; result == 0 && i < sizeof steps / sizeof *steps; i++)
		result = run_with(x, steps[i], id);
	return result;
}

int index_write_scrub(struct index *x)
{
	return sql_scrub(x->db);
}

static int get_position(struct index *x, const char *name, uint64_t *row)
{
	struct sql_statement *q;
	int result = sql_prepare(x->db, "SELECT value FROM position WHERE name = ?1", &q);
	if (result != 0)
		return result;
	sql_bind_text(q, 1, name);
	result = sql_step(q);
	*row = result == 1 ? (uint64_t)sql_int(q, 0) : 0;
	sql_finalize(q);
	return result < 0 ? result : 0;
}

int index_write_removed(struct index *x, uint64_t *row)
{
	return get_position(x, "removal", row);
}

int index_write_acts(struct index *x, uint64_t *leaf)
{
	return get_position(x, "act", leaf);
}

int index_write_set_acts(struct index *x, uint64_t leaf)
{
	return run_with(x, "INSERT INTO position VALUES ('act', ?1) ON CONFLICT (name) DO UPDATE SET value = ?1", (int64_t)leaf);
}

int index_write_set_removed(struct index *x, uint64_t row)
{
	return run_with(x, "INSERT INTO position VALUES ('removal', ?1) ON CONFLICT (name) DO UPDATE SET value = ?1",
			(int64_t)row);
}

int index_write_count(struct index *x, uint64_t *sessions)
{
	struct sql_statement *q;
	int result = sql_prepare(x->db, "SELECT count(*) FROM session WHERE mode NOT IN ('host', 'processes')", &q);
	if (result != 0)
		return result;
	result = sql_step(q);
	if (result == 1)
		*sessions = (uint64_t)sql_int(q, 0);
	sql_finalize(q);
	return result == 1 ? 0 : result < 0 ? result : ITM_EDB;
}
