#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "store/index.h"
#include "store/index_state.h"
#include "store/query.h"
#include "store/tblock.h"

struct search {
	struct index *x;
	struct query query;
	struct tblock block;
	struct sql_statement *sessions;      /* one session by its row */
	struct index_hit hit;                /* hit.session: of session_row */
	int64_t session_row;
	bool session_wanted;
	struct id only;                      /* session: */
	uint64_t left;
	int (*each)(void *context, const struct index_hit *h);
	void *context;
};

static bool session_matches(const struct search *s)
{
	const struct query *q = &s->query;
	const struct index_session *session = &s->hit.session;
	char host[ID_TEXT_SIZE];
	id_format(&session->host, host);
	return (q->user[0] == '\0' || query_glob(q->user, session->user)) &&
	       (q->host[0] == '\0' || query_glob(q->host, session->hostname) || query_glob(q->host, host)) &&
	       (q->session[0] == '\0' || id_equal(&s->only, &session->stream));
}

static int load_session(struct search *s, int64_t row)
{
	if (s->session_row == row)
		return 0;
	sql_bind_int(s->sessions, 1, row);
	int result = sql_step(s->sessions);
	if (result == 1) {
		result = index_state_session(s->sessions, &s->hit.session);
		sql_reset(s->sessions);
	} else if (result == 0) {
		result = ITM_EFORMAT;
	}
	if (result != 0)
		return result;
	s->session_row = row;
	s->session_wanted = session_matches(s);
	return 0;
}

/* The lines of one block, newest first. */
static int search_lines(struct search *s)
{
	struct tblock_line line;
	size_t n = s->block.count, offset = s->block.text.len;
	while (s->left > 0 && tblock_last(&s->block, &n, &offset, &line)) {
		struct index_hit *h = &s->hit;
		h->wall_ns = h->session.start_wall_ns + (int64_t)(line.time_ms * 1000000);
		if (h->wall_ns < s->query.after_wall_ns ||
		    (s->query.before_wall_ns != 0 && h->wall_ns >= s->query.before_wall_ns))
			continue;
		if (!query_match(&s->query, line.text, line.len, &h->match_start, &h->match_len))
			continue;
		char *text = strndup(line.text, line.len);
		if (text == NULL)
			return ITM_ENOMEM;
		h->time_ms = line.time_ms;
		h->raw = line.raw;
		h->line = text;
		s->left--;
		int result = s->each(s->context, h);
		free(text);
		h->line = NULL;
		if (result != 0)
			return result;
	}
	return 0;
}

static int search_block(struct search *s, struct sql_statement *q)
{
	size_t len;
	int result = load_session(s, sql_int(q, 0));
	if (result != 0 || !s->session_wanted)
		return result;
	const void *body = sql_blob(q, 3, &len);
	result = tblock_decode(&s->block, body, len, (uint64_t)sql_int(q, 1), s->x->inflate, NULL);
	if (result != 0)
		return result;
	s->hit.provisional = sql_int(q, 2) != 0;
	return search_lines(s);
}

static int search_all(struct search *s, const char *expression, struct fault *fault)
{
	struct sql_statement *q;
	uint64_t deadline_ns = clock_boot_ns() + (uint64_t)INDEX_SEARCH_MS * 1000000;
	int result = sql_prepare(s->x->db,
		"SELECT b.session, b.start_ms, b.provisional, b.body FROM words JOIN tblock b ON b.id = words.rowid"
		" WHERE words MATCH ?1 ORDER BY words.rowid DESC", &q);
	if (result != 0)
		return result;
	sql_bind_text(q, 1, expression);
	while (s->left > 0 && (result = sql_step(q)) == 1) {
		result = search_block(s, q);
		if (result == 0 && clock_boot_ns() > deadline_ns)
			result = error_fault(fault, ITM_ETIMEOUT, 0, "stopped after 10 s: narrow the search by user:, host:, session: or a rarer word");
		if (result != 0)
			break;
	}
	sql_finalize(q);
	return result == 1 ? 0 : result;
}

static int find_only(struct search *s, const char *query, struct fault *fault)
{
	if (s->query.session[0] == '\0')
		return 0;
	struct index_session found;
	int result = index_session_find(s->x, s->query.session, &found);
	const char *field = strstr(query, "session:");
	uint64_t offset = field != NULL ? (uint64_t)(field - query) + 8 : 0;
	if (result == ITM_ENOENT)
		return error_fault(fault, result, offset, "no session of this name");
	if (result == ITM_EBUSY)
		return error_fault(fault, result, offset, "several sessions begin so: give more of its name");
	if (result == 0)
		s->only = found.stream;
	return result;
}

int index_search(struct index *x, const char *query, uint64_t limit,
		 int (*each)(void *context, const struct index_hit *h), void *context, struct fault *fault)
{
	struct search *s = calloc(1, sizeof *s);
	struct buffer expression;
	if (s == NULL)
		return ITM_ENOMEM;
	s->x = x;
	s->left = limit ? limit : 100;
	s->each = each;
	s->context = context;
	tblock_init(&s->block);
	buffer_init(&expression, (size_t)QUERY_MAX * 16);
	int result = query_parse(query, strlen(query), &s->query, fault);
	if (result == 0)
		result = query_expression(&s->query, &expression);
	if (result == 0 && buffer_text(&expression) == NULL)
		result = ITM_ENOMEM;
	if (result != 0)
		goto out;
	result = sql_prepare(x->db, "SELECT " INDEX_SESSION_COLUMNS " FROM session s WHERE s.id = ?1", &s->sessions);
	if (result == 0)
		result = sql_snapshot(x->db);
	if (result != 0)
		goto out;
	result = find_only(s, query, fault);
	if (result == 0)
		result = search_all(s, buffer_text(&expression), fault);
	if (sql_commit(x->db) != 0 && result == 0)
		result = ITM_EDB;
out:
	if (s->sessions != NULL)
		sql_finalize(s->sessions);
	buffer_free(&expression);
	tblock_free(&s->block);
	free(s);
	return result;
}
