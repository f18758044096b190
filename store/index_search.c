#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "store/index.h"
#include "store/index_around.h"
#include "store/index_blocks.h"
#include "store/index_state.h"
#include "store/narrow.h"
#include "store/program.h"
#include "store/query.h"
#include "store/tblock.h"

struct search {
	struct index *x;
	struct query query;
	struct narrow narrow;
	struct query_facts facts;            /* of the session in hit, and the line */
	char host[ID_TEXT_SIZE];
	struct tblock block;
	struct index_around around;
	struct sql_statement *sessions;      /* one session by its row */
	struct sql_statement *by_stream;     /* ... by its stream */
	struct index_hit hit;                /* hit.session: of session_row */
	int64_t session_row, block_id;
	struct index_search *how;
	uint64_t pass_over, left;
	uint64_t deadline_ns;
	int (*each)(void *context, const struct index_hit *h);
	void *context;
	struct fault *fault;
};

static void take_session(struct search *s)
{
	const struct index_session *session = &s->hit.session;
	id_format(&session->host, s->host);
	s->facts = (struct query_facts){ .user = session->user, .hostname = session->hostname, .host = s->host,
					 .tty = session->tty, .src = session->rhost, .stream = session->stream };
}

static int load_session(struct search *s, int64_t row)
{
	struct index_session *session = &s->hit.session;
	if (s->session_row == row)
		return 0;
	sql_bind_int(s->sessions, 1, row);
	int result = sql_step(s->sessions);
	if (result == 1) {
		result = index_state_session(s->sessions, session);
		sql_reset(s->sessions);
	} else if (result == 0) {
		result = ITM_EFORMAT;
	}
	if (result != 0)
		return result;
	s->session_row = row;
	take_session(s);
	return 0;
}

static int late(struct search *s)
{
	return clock_boot_ns() <= s->deadline_ns ? 0 :
	       error_fault(s->fault, ITM_ETIMEOUT, 0, "stopped after 10 s: narrow the search by user:, host:, session: or a word");
}

/* One line that matches. */
static int give(struct search *s, const struct lines_line *line, size_t number, size_t offset)
{
	struct query_span spans[INDEX_SPANS_MAX];
	struct index_hit *h = &s->hit;
	if (s->pass_over > 0) {
		s->pass_over--;
		return 0;
	}
	if (s->left == 0) {
		s->how->more = true;
		return 0;
	}
	int result = index_around_find(&s->around, s->x, s->session_row, s->block_id, &s->block, number, offset,
				       line->kind == LINES_PROGRAM ? 0 : s->how->context);
	char *text = result == 0 ? strndup(line->text, line->len) : NULL;
	if (text == NULL)
		return result != 0 ? result : ITM_ENOMEM;
	h->time_ms = line->time_ms;
	h->wall_ns = s->facts.from_wall_ns;
	h->kind = line->kind;
	h->has_exit = line->has_exit;
	h->exit_status = line->exit_status;
	h->line = text;
	h->spans = spans;
	h->span_count = query_spans(&s->query, &s->facts, spans, INDEX_SPANS_MAX);
	h->before = s->around.before;
	h->before_count = s->around.before_count;
	h->after = s->around.after;
	h->after_count = s->around.after_count;
	s->left--;
	result = s->each(s->context, h);
	free(text);
	h->line = NULL;
	return result;
}

/* The session a program ran in; ITM_ENOENT when it is not in the index (it was
 * deleted, or is not of this store). */
static int load_stream(struct search *s, const struct id *stream)
{
	if (s->session_row == -1 && id_equal(&s->hit.session.stream, stream))
		return 0;
	int result = index_state_prepare(s->x, &s->by_stream, "SELECT " INDEX_SESSION_COLUMNS " FROM session s WHERE s.stream = ?1");
	if (result != 0)
		return result;
	sql_bind_blob(s->by_stream, 1, stream->bytes, ID_SIZE);
	result = sql_step(s->by_stream);
	if (result == 1)
		result = index_state_session(s->by_stream, &s->hit.session);
	else if (result == 0)
		result = ITM_ENOENT;
	sql_reset(s->by_stream);
	s->session_row = result == 0 ? -1 : 0;
	if (result == 0)
		take_session(s);
	return result;
}

/* The programs in a block of a host's monitor, each held against the session
 * it ran in. */
static int search_programs(struct search *s)
{
	struct lines_line line;
	struct program p;
	size_t n = s->block.count, offset = s->block.text.len;
	int64_t start_wall_ns = s->hit.session.start_wall_ns;
	while (!s->how->more && tblock_last(&s->block, &n, &offset, &line)) {
		if (line.kind != LINES_PROGRAM || program_read(line.text, line.len, &p) != 0)
			continue;
		int result = load_stream(s, &p.session);
		if (result == ITM_ENOENT)
			continue;
		if (result != 0)
			return result;
		int64_t wall_ns = start_wall_ns + (int64_t)(line.time_ms * 1000000), since_ns = wall_ns - s->hit.session.start_wall_ns;
		s->facts.from_wall_ns = s->facts.to_wall_ns = wall_ns;
		s->facts.kind = LINES_PROGRAM;
		s->facts.text = line.text = p.text;
		s->facts.len = line.len = p.len;
		s->facts.path_len = p.path_len;
		line.time_ms = since_ns > 0 ? (uint64_t)since_ns / 1000000 : 0;
		if (query_match(&s->query, &s->facts, &s->how->given_up) == QUERY_YES)
			result = give(s, &line, n, offset);
		if (result == 0)
			result = late(s);
		if (result != 0)
			return result;
	}
	return 0;
}

/* The lines of one block, newest first. */
static int search_lines(struct search *s)
{
	struct lines_line line;
	struct query_facts *f = &s->facts;
	size_t n = s->block.count, offset = s->block.text.len;
	while (!s->how->more && tblock_last(&s->block, &n, &offset, &line)) {
		uint64_t given_up = s->how->given_up;
		f->from_wall_ns = f->to_wall_ns = s->hit.session.start_wall_ns + (int64_t)(line.time_ms * 1000000);
		f->kind = line.kind;
		f->text = line.text;
		f->len = line.len;
		int result = 0;
		if (query_match(&s->query, f, &s->how->given_up) == QUERY_YES)
			result = give(s, &line, n, offset);
		if (result == 0 && s->how->given_up != given_up)
			result = late(s);
		if (result != 0)
			return result;
	}
	return 0;
}

/* Columns of BLOCK_COLUMNS. */
#define BLOCK_COLUMNS "session, start_ms, provisional, body, end_ms, id"
static int search_block(struct search *s, struct sql_statement *q)
{
	size_t len;
	uint64_t none = 0;
	int result = load_session(s, sql_int(q, 0));
	if (result != 0)
		return result;
	int64_t start_wall_ns = s->hit.session.start_wall_ns;
	bool programs = strcmp(s->hit.session.mode, "processes") == 0;
	s->facts.text = NULL;
	s->facts.from_wall_ns = start_wall_ns + sql_int(q, 1) * 1000000;
	s->facts.to_wall_ns = start_wall_ns + sql_int(q, 4) * 1000000;
	if (programs ? !s->query.programs : query_match(&s->query, &s->facts, &none) == QUERY_NO)
		return 0;
	const void *body = sql_blob(q, 3, &len);
	result = tblock_decode(&s->block, body, len, (uint64_t)sql_int(q, 1), s->x->inflate, NULL);
	if (result != 0)
		return result;
	s->block_id = sql_int(q, 5);
	s->hit.provisional = sql_int(q, 2) != 0;
	return programs ? search_programs(s) : search_lines(s);
}

static int search_all(struct search *s)
{
	struct sql_statement *q;
	int result = sql_prepare(s->x->db, "SELECT " BLOCK_COLUMNS " FROM tblock ORDER BY id DESC", &q);
	if (result != 0)
		return result;
	while (!s->how->more && (result = sql_step(q)) == 1) {
		result = search_block(s, q);
		if (result == 0)
			result = late(s);
		if (result != 0)
			break;
	}
	sql_finalize(q);
	return result == 1 ? 0 : result;
}

/* One block by its id; 0 also when it is gone. */
static int search_one(struct search *s, struct sql_statement *q, int64_t block)
{
	sql_bind_int(q, 1, block);
	int result = sql_step(q);
	if (result == 1)
		result = search_block(s, q);
	sql_reset(q);
	return result;
}

static int search_narrowed(struct search *s)
{
	struct index_blocks blocks;
	struct sql_statement *q = NULL;
	int64_t block;
	int result = index_blocks_open(&blocks, s->x, &s->narrow);
	if (result == 0)
		result = sql_prepare(s->x->db, "SELECT " BLOCK_COLUMNS " FROM tblock WHERE id = ?1", &q);
	while (result == 0 && !s->how->more && (result = index_blocks_next(&blocks, &block)) == 1) {
		result = block != 0 ? search_one(s, q, block) : 0;
		if (result == 0)
			result = late(s);
	}
	sql_finalize(q);
	index_blocks_close(&blocks);
	return result;
}

static int find_sessions(struct search *s)
{
	struct query *q = &s->query;
	for (size_t i = 0; i < q->node_count; i++) {
		struct query_node *t = &q->nodes[i];
		struct index_session found;
		if (t->kind != QUERY_SESSION)
			continue;
		int result = index_session_find(s->x, q->text + t->first, &found);
		if (result == ITM_ENOENT)
			return error_fault(s->fault, result, t->at, "no session of this name");
		if (result == ITM_EBUSY)
			return error_fault(s->fault, result, t->at, "several sessions begin so: give more of its name");
		if (result != 0)
			return result;
		t->stream = found.stream;
	}
	return 0;
}

static int search_snapshot(struct search *s)
{
	int result = sql_prepare(s->x->db, "SELECT " INDEX_SESSION_COLUMNS " FROM session s WHERE s.id = ?1", &s->sessions);
	if (result == 0)
		result = find_sessions(s);
	if (result == 0)
		result = narrow_query(&s->narrow, &s->query) ? search_narrowed(s) : search_all(s);
	sql_finalize(s->sessions);
	sql_finalize(s->by_stream);
	return result;
}

int index_search(struct index *x, const char *query, struct index_search *how,
		 int (*each)(void *context, const struct index_hit *h), void *context, struct fault *fault)
{
	struct search *s = calloc(1, sizeof *s);
	if (s == NULL)
		return ITM_ENOMEM;
	s->x = x;
	s->how = how;
	s->pass_over = how->offset;
	s->left = how->limit ? how->limit : 100;
	s->deadline_ns = clock_boot_ns() + (uint64_t)INDEX_SEARCH_MS * 1000000;
	s->each = each;
	s->context = context;
	s->fault = fault;
	how->more = how->unanswered = false;
	how->given_up = 0;
	if (how->context > INDEX_CONTEXT_MAX)
		how->context = INDEX_CONTEXT_MAX;
	tblock_init(&s->block);
	index_around_init(&s->around);
	int result = query_parse(query, strlen(query), &s->query, fault);
	how->unanswered = result == 0 && s->query.unanswered;
	if (result == 0)
		result = sql_snapshot(x->db);
	if (result == 0) {
		result = search_snapshot(s);
		if (sql_commit(x->db) != 0 && result == 0)
			result = ITM_EDB;
	}
	index_around_free(&s->around);
	tblock_free(&s->block);
	query_free(&s->query);
	free(s);
	return result;
}
