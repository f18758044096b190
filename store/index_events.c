#include "store/index.h"

#include <stdio.h>
#include <string.h>

#include "store/index_state.h"
#include "store/index_write.h"
#include "store/words.h"

enum { DEFAULT_LIMIT = 100 };

int index_write_event(struct index *x, int64_t session, const struct index_event *e)
{
	int result = index_state_prepare(x, &x->put_event,
		"INSERT INTO event (session, number, wall_ns, kind, user, login, about, provisional, text)"
		" VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT (session, number) DO UPDATE SET"
		" wall_ns = ?3, kind = ?4, user = ?5, login = ?6, about = ?7, provisional = ?8, text = ?9");
	if (result != 0)
		return result;
	struct sql_statement *q = x->put_event;
	sql_bind_int(q, 1, session);
	sql_bind_int(q, 2, (int64_t)e->number);
	sql_bind_int(q, 3, e->wall_ns);
	sql_bind_text(q, 4, e->kind);
	sql_bind_text(q, 5, e->user);
	sql_bind_blob(q, 6, e->login.bytes, ID_SIZE);
	sql_bind_blob(q, 7, e->about.bytes, ID_SIZE);
	sql_bind_int(q, 8, e->provisional);
	sql_bind_text_len(q, 9, e->text, e->text_len);
	return sql_finish(q);
}

/* Columns of the SELECT in index_events. */
static int read_event(struct sql_statement *q, struct index_event *e)
{
	*e = (struct index_event){ 0 };
	const struct { struct id *id; int column; } ids[] = { { &e->stream, 0 }, { &e->host, 1 }, { &e->login, 7 },
							      { &e->about, 8 } };
	for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
		int result = sql_blob_copy(q, ids[i].column, ids[i].id->bytes, ID_SIZE);
		if (result != 0)
			return result;
	}
	snprintf(e->hostname, sizeof e->hostname, "%s", sql_text(q, 2));
	e->number = (uint64_t)sql_int(q, 3);
	e->wall_ns = sql_int(q, 4);
	snprintf(e->kind, sizeof e->kind, "%s", sql_text(q, 5));
	snprintf(e->user, sizeof e->user, "%s", sql_text(q, 6));
	e->provisional = sql_int(q, 9) != 0;
	e->text = sql_blob(q, 10, &e->text_len);
	return 0;
}

bool index_event_wanted(const struct index_event_filter *f, const struct index_event *e)
{
	char host[ID_TEXT_SIZE];
	id_format(&e->host, host);
	return (f->user == NULL || words_glob(f->user, e->user)) &&
	       (f->kind == NULL || words_glob(f->kind, e->kind)) &&
	       (f->host == NULL || words_glob(f->host, e->hostname) || words_glob(f->host, host)) &&
	       (f->after_wall_ns == 0 || e->wall_ns >= f->after_wall_ns) &&
	       (f->before_wall_ns == 0 || e->wall_ns < f->before_wall_ns);
}

int index_events(struct index *x, const struct index_event_filter *f,
		 int (*each)(void *context, const struct index_event *e), void *context)
{
	struct sql_statement *q;
	uint64_t left = f->limit != 0 ? f->limit : DEFAULT_LIMIT;
	int result = sql_prepare(x->db,
		"SELECT s.stream, s.host, s.hostname, e.number, e.wall_ns, e.kind, e.user, e.login, e.about, e.provisional,"
		" CAST(e.text AS BLOB) FROM event e JOIN session s ON s.id = e.session"
		" WHERE e.wall_ns >= ?1 AND e.wall_ns < ?2 ORDER BY e.wall_ns DESC, e.id DESC", &q);
	if (result != 0)
		return result;
	sql_bind_int(q, 1, f->after_wall_ns ? f->after_wall_ns : INT64_MIN);
	sql_bind_int(q, 2, f->before_wall_ns ? f->before_wall_ns : INT64_MAX);
	while (left > 0 && (result = sql_step(q)) == 1) {
		struct index_event e;
		result = read_event(q, &e);
		if (result != 0)
			break;
		if (!index_event_wanted(f, &e))
			continue;
		left--;
		result = each(context, &e);
		if (result != 0)
			break;
	}
	sql_finalize(q);
	return result == 1 ? 0 : result;
}
