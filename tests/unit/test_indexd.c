/* What itm-indexd makes of a store: signed chunks, tails, restarts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/atomicfile.h"
#include "base/buffer.h"
#include "format/act.h"
#include "store/evidence_remove.h"
#include "store/index.h"
#include "store/indexd/follow.h"
#include "store/query.h"
#include "tests/unit/fakestore.h"

struct bench {
	struct fakestore f;
	struct index *x;
	struct follow *follow;
	uint64_t now_ms;
};

static int setup(void **state)
{
	struct bench *b = calloc(1, sizeof *b);
	int error;
	assert_non_null(b);
	fakestore_open(&b->f);
	b->x = index_open(b->f.index, true, &error);
	assert_non_null(b->x);
	b->follow = follow_new(b->x, b->f.evidence, &error);
	assert_non_null(b->follow);
	b->now_ms = 1000;
	*state = b;
	return 0;
}

static int teardown(void **state)
{
	struct bench *b = *state;
	follow_free(b->follow);
	index_close(b->x);
	fakestore_close(&b->f);
	free(b);
	return 0;
}

static void pass(struct bench *b)
{
	int result;
	b->now_ms += 1000;
	while ((result = follow_pass(b->follow, b->now_ms)) == 1)
		;
	assert_int_equal(result, 0);
}

static void restart(struct bench *b)
{
	int error;
	follow_free(b->follow);
	index_close(b->x);
	b->x = index_open(b->f.index, true, &error);
	assert_non_null(b->x);
	b->follow = follow_new(b->x, b->f.evidence, &error);
	assert_non_null(b->follow);
}

struct hits { struct buffer text; unsigned count, provisional, raw; };

static int add_hit(void *context, const struct index_hit *h)
{
	struct hits *hits = context;
	hits->count++;
	hits->provisional += h->provisional;
	hits->raw += h->kind == LINES_RAW;
	return buffer_printf(&hits->text, "%llu %s [%zu+%zu]\n", (unsigned long long)h->time_ms, h->line,
			     h->span_count > 0 ? h->spans[0].start : 0, h->span_count > 0 ? h->spans[0].len : 0);
}

static struct hits search(struct bench *b, const char *query)
{
	struct hits hits = { 0 };
	struct fault fault = { 0, "" };
	buffer_init(&hits.text, 1 << 20);
	struct index_search how = { 0 };
	int result = index_search(b->x, query, &how, add_hit, &hits, &fault);
	if (result != 0)
		print_message("%s: %s at %llu\n", query, fault.reason, (unsigned long long)fault.offset);
	assert_int_equal(result, 0);
	return hits;
}

/* Number of hits, and how many of them are from the tail. */
static void expect(struct bench *b, const char *query, unsigned count, unsigned provisional)
{
	struct hits hits = search(b, query);
	if (hits.count != count || hits.provisional != provisional)
		print_message("%s: %u hits, %u provisional\n%s", query, hits.count, hits.provisional,
			      hits.text.len ? buffer_text(&hits.text) : "");
	assert_int_equal(hits.count, count);
	assert_int_equal(hits.provisional, provisional);
	buffer_free(&hits.text);
}

static void test_session(void **state)
{
	struct bench *b = *state;
	struct fakesession s;
	struct index_session found;
	fakestore_session(&s, 5000, "john", "pty");
	fakestore_out(&s, 100, "$ cat /etc/passwd\r\nroot:x:0:0:root:/root:/bin/bash\r\n");
	fakestore_event(&s, 150, RECORD_COUNTED, 17 << 2, NULL);
	fakestore_event(&s, 160, RECORD_MASKED, 8, NULL);
	fakestore_chunk(&b->f, &s, 0);
	pass(b);
	expect(b, "/etc/passwd", 1, 0);
	assert_int_equal(index_session_find(b->x, "last", &found), 0);
	assert_false(found.ended);
	fakestore_event(&s, 900, RECORD_EXIT, 3 << 8, NULL);
	fakestore_chunk(&b->f, &s, CHUNK_END);
	pass(b);
	expect(b, "/etc/passwd", 1, 0);
	expect(b, "user:jo* host:DB* root:x:0", 1, 0);
	expect(b, "user:joe root", 0, 0);
	assert_int_equal(index_session_find(b->x, "last", &found), 0);
	assert_true(found.ended && found.has_exit && id_equal(&found.stream, &s.id));
	assert_int_equal(found.exit_status, 3 << 8);
	assert_int_equal(found.keys, 17);
	assert_int_equal(found.masked, 8);
	assert_int_equal(found.chunks, 2);
	assert_int_equal(found.uid, 1001);
	assert_int_equal(found.duration_ms, 900);
	assert_string_equal(found.user, "john");
	assert_string_equal(found.hostname, "db-01");
	fakestore_session_free(&s);
}

/* From the tail first, then from the signed chunk; never twice. */
static void test_tail(void **state)
{
	struct bench *b = *state;
	struct fakesession s;
	struct index_session found;
	fakestore_session(&s, 5000, "john", "pty");
	fakestore_out(&s, 100, "$ echo quarterly");
	fakestore_frame(&b->f, &s);
	pass(b);
	expect(b, "quarterly", 1, 1);
	assert_int_equal(index_session_find(b->x, "last", &found), 0);
	assert_true(found.provisional);
	fakestore_out(&s, 300, "\r\nquarterly\r\n");
	fakestore_frame(&b->f, &s);
	pass(b);
	expect(b, "quarterly", 2, 2);
	fakestore_chunk(&b->f, &s, 0);
	pass(b);
	expect(b, "quarterly", 2, 0);
	assert_int_equal(index_session_find(b->x, "last", &found), 0);
	assert_false(found.provisional);
	fakestore_out(&s, 400, "annual\r\n");
	fakestore_frame(&b->f, &s);
	pass(b);
	expect(b, "annual", 1, 1);
	expect(b, "quarterly", 2, 0);
	/* A chunk and more of the tail in one go. */
	fakestore_chunk(&b->f, &s, 0);
	fakestore_out(&s, 500, "weekly\r\n\r\n\r\n\r\n\r\n\r\n\r\n");
	fakestore_frame(&b->f, &s);
	pass(b);
	expect(b, "quarterly", 2, 0);
	expect(b, "annual", 1, 0);
	expect(b, "weekly", 1, 1);
	/* A tail that said something else than what is signed then. */
	fakestore_out(&s, 600, "genuine\r\n");
	buffer_clear(&s.run);
	s.run_last_ms = 0;
	assert_int_equal(record_put(&s.run, &s.run_last_ms, 600, RECORD_OUT, 9, "forgery\r\n"), 0);
	fakestore_frame(&b->f, &s);
	pass(b);
	expect(b, "forgery", 1, 1);
	fakestore_chunk(&b->f, &s, 0);
	fakestore_out(&s, 700, "afterwards");
	fakestore_frame(&b->f, &s);
	pass(b);
	expect(b, "forgery", 0, 0);
	expect(b, "genuine", 1, 0);
	expect(b, "afterwards", 1, 1);
	fakestore_chunk(&b->f, &s, CHUNK_END);
	pass(b);
	expect(b, "quarterly", 2, 0);
	expect(b, "annual", 1, 0);
	fakestore_session_free(&s);
}

struct told { char text[512]; unsigned count, provisional; };

static int take_told(void *context, const struct index_event *e)
{
	struct told *t = context;
	size_t used = strlen(t->text);
	t->count++;
	t->provisional += e->provisional;
	snprintf(t->text + used, sizeof t->text - used, "%llu %s %s %s;", (unsigned long long)e->number, e->kind, e->user,
		 e->hostname);
	return 0;
}

static struct told events(struct bench *b, const struct index_event_filter *f)
{
	struct told t = { 0 };
	assert_int_equal(index_events(b->x, f, take_told, &t), 0);
	return t;
}

/* A host's own stream is no session; its notes are events, each once, from the
 * tail first and from the signed chunk then. */
static void test_host_events(void **state)
{
	static const char opened[] = "event=login-opened\nuser=jo\\x1bhn\nlogin_id=7ZZZZZZZZZZZZZZZZZZZZZZZZZ\n";
	static const char missed[] = "event=login-unrecorded\nuser=mary\nwhen=2001-01-01T00:00:00.000Z\n";
	static const char other[] = "end=recorder lost\n";
	struct bench *b = *state;
	struct fakesession host, s;
	struct index_session found;
	fakestore_session(&s, 5000, "john", "pty");
	fakestore_out(&s, 100, "x");
	fakestore_event(&s, 110, RECORD_NOTE, sizeof opened - 1, opened); /* in a session it is nothing */
	fakestore_chunk(&b->f, &s, 0);
	fakestore_session(&host, 6000, "", "host");
	fakestore_event(&host, 10, RECORD_NOTE, sizeof opened - 1, opened);
	fakestore_event(&host, 20, RECORD_NOTE, sizeof other - 1, other);
	fakestore_frame(&b->f, &host);
	pass(b);
	struct told t = events(b, &(struct index_event_filter){ 0 });
	assert_string_equal(t.text, "0 login-opened jo\\x1bhn db-01;");
	assert_int_equal(t.provisional, 1);
	fakestore_event(&host, 30, RECORD_NOTE, sizeof missed - 1, missed);
	fakestore_frame(&b->f, &host);
	pass(b);
	fakestore_chunk(&b->f, &host, 0);
	pass(b);
	restart(b);
	pass(b);
	t = events(b, &(struct index_event_filter){ 0 });
	assert_string_equal(t.text, "0 login-opened jo\\x1bhn db-01;1 login-unrecorded mary db-01;");
	assert_int_equal(t.provisional, 0);
	fakestore_event(&host, 40, RECORD_NOTE, sizeof opened - 1, opened);
	fakestore_chunk(&b->f, &host, CHUNK_END);
	pass(b);
	assert_int_equal(events(b, &(struct index_event_filter){ 0 }).count, 3);
	assert_int_equal(events(b, &(struct index_event_filter){ .limit = 2 }).count, 2);
	assert_int_equal(events(b, &(struct index_event_filter){ .kind = "*-unrecorded" }).count, 1);
	assert_int_equal(events(b, &(struct index_event_filter){ .user = "mary" }).count, 1);
	assert_int_equal(events(b, &(struct index_event_filter){ .host = "web*" }).count, 0);
	assert_int_equal(events(b, &(struct index_event_filter){ .before_wall_ns = 1000000000000000000 }).count, 1);
	assert_int_equal(index_session_find(b->x, "last", &found), 0);
	assert_true(id_equal(&found.stream, &s.id));
	fakestore_session_free(&host);
	fakestore_session_free(&s);
}

/* What a trick took off the screen is found. */
static void test_hidden(void **state)
{
	struct bench *b = *state;
	struct fakesession s;
	fakestore_session(&s, 5000, "john", "pty");
	fakestore_out(&s, 100, "onesecret\r\033[K");
	fakestore_out(&s, 110, "two");
	fakestore_out(&s, 111, "secret\r\033[2K");
	fakestore_out(&s, 112, "\033[?1049h\033[Hthreesecret\033[2J\033[?1049l");
	fakestore_out(&s, 113, "\033]0;foursecret\007");
	fakestore_out(&s, 114, "\033[?7l\033[1;70Hxxxxxxxxxxxxfivesecretyyyyyyyyyyyy\033[?7h");
	fakestore_out(&s, 115, "\033[Hsixsecret\033[H\033[L\033[5;1Hsevensecret\033[H\033[5L");
	fakestore_out(&s, 116, "eight\033[31msecret\r\033[9P\033[9P");
	fakestore_chunk(&b->f, &s, 0);
	pass(b);
	static const char *const words[] = { "onesecret", "twosecret", "threesecret", "foursecret", "*", "sixsecret",
					     "sevensecret", "eightsecret" };
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (words[i][0] != '*')
			expect(b, words[i], 1, 0);
	struct hits hits = search(b, "xxxxxxxxxxxxfivesecretyyyyyyyyyyyy");
	assert_int_equal(hits.count, 1);
	assert_int_equal(hits.raw, 1);
	buffer_free(&hits.text);
	fakestore_session_free(&s);
}

static void test_pipe(void **state)
{
	struct bench *b = *state;
	struct fakesession s;
	fakestore_session(&s, 5000, "backup", "pipe");
	fakestore_out(&s, 10, "first li");
	fakestore_event(&s, 15, RECORD_ERR, 12, "oops failed\n");
	fakestore_out(&s, 20, "ne\nsecond");
	fakestore_event(&s, 25, RECORD_OUT, 20, "\001\002\003readable\000\377\376\001\002xy\n");
	fakestore_chunk(&b->f, &s, CHUNK_END);
	pass(b);
	expect(b, "\"first line\"", 1, 0);
	expect(b, "\"oops failed\"", 1, 0);
	expect(b, "readable", 1, 0);
	fakestore_session_free(&s);
}

/* A session in many pieces, read by one writer or by one that is restarted in
 * between, makes the same index. */
static struct hits pieces(struct bench *b, unsigned restart_every)
{
	struct fakesession s;
	fakestore_session(&s, 5000, "john", "pty");
	for (unsigned i = 0; i < 200; i++) {
		char text[64];
		snprintf(text, sizeof text, "line %u of the report\r\n", i);
		fakestore_out(&s, 100 + i * 10, text);
		if (i % 7 == 6) {
			fakestore_chunk(&b->f, &s, 0);
			pass(b);
			if (restart_every != 0 && i / 7 % restart_every == 0)
				restart(b);
		}
	}
	fakestore_chunk(&b->f, &s, CHUNK_END);
	pass(b);
	char query[64], id[ID_TEXT_SIZE];
	id_format(&s.id, id);
	snprintf(query, sizeof query, "report session:%.12s", id);
	struct hits hits = { 0 };
	buffer_init(&hits.text, 1 << 20);
	struct index_search how = { .limit = 1000 };
	assert_int_equal(index_search(b->x, query, &how, add_hit, &hits, NULL), 0);
	fakestore_session_free(&s);
	return hits;
}

static void test_restart(void **state)
{
	struct bench *b = *state;
	struct hits whole = pieces(b, 0), parts = pieces(b, 3);
	assert_int_equal(whole.count, 200);
	assert_string_equal(buffer_text(&whole.text), buffer_text(&parts.text));
	assert_memory_equal(buffer_text(&whole.text), "2090 line 199", 13); /* newest first */
	buffer_free(&whole.text);
	buffer_free(&parts.text);
}

static int add_around(void *context, const struct index_hit *h)
{
	struct buffer *out = context;
	for (size_t i = 0; i < h->before_count; i++)
		(void)buffer_printf(out, "%.*s|", (int)h->before[i].len, h->before[i].text);
	(void)buffer_printf(out, "<%s>", h->line);
	for (size_t i = 0; i < h->after_count; i++)
		(void)buffer_printf(out, "|%.*s", (int)h->after[i].len, h->after[i].text);
	return buffer_put_u8(out, '\n');
}

/* Lines around a hit, over the borders of blocks; pages. */
static void test_around(void **state)
{
	static const struct { const char *query; struct index_search how; const char *hits; bool more; } cases[] = {
		{ "\"line 24\"", { .context = 2 }, "line 22|line 23|<line 24>|line 25|line 26\n", false },
		{ "\"line 48\"", { .context = 2 }, "line 46|line 47|<line 48>|line 49|line 50\n", false },
		{ "\"line 47\"", { .context = 2 }, "line 45|line 46|<line 47>|line 48|line 49\n", false },
		{ "\"line 0\"", { .context = 1 }, "<line 0>|line 1\n", false },
		{ "\"line 199\"", { .context = 2 }, "line 197|line 198|<line 199>\n", false },
		{ "/ 1.9$/", { .limit = 2 }, "<line 199>\n<line 189>\n", true },
		{ "/ 1.9$/", { .limit = 2, .offset = 8 }, "<line 119>\n<line 109>\n", false },
		{ "*ine (199 or 7) -user:joe", { 0 }, "<line 199>\n<line 7>\n", false },
		{ "line user:joe", { 0 }, "", false },
	};
	struct bench *b = *state;
	struct fakesession s;
	fakestore_session(&s, 5000, "john", "pty");
	for (unsigned i = 0; i < 200; i++) {
		char text[64];
		snprintf(text, sizeof text, "line %u\r\n", i);
		fakestore_out(&s, 100 + i * 10, text);
	}
	fakestore_chunk(&b->f, &s, CHUNK_END);
	pass(b);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct index_search how = cases[i].how;
		struct buffer out;
		buffer_init(&out, 1 << 16);
		assert_int_equal(index_search(b->x, cases[i].query, &how, add_around, &out, NULL), 0);
		assert_string_equal(buffer_text(&out), cases[i].hits);
		assert_int_equal(how.more, cases[i].more);
		buffer_free(&out);
	}
	struct fault fault = { 0, NULL };
	struct index_search how = { 0 };
	assert_int_equal(index_search(b->x, "line or session:ZZZZZ", &how, add_around, NULL, &fault), ITM_ENOENT);
	assert_int_equal(fault.offset, 16);
	fakestore_session_free(&s);
}

/* From the tail while it runs, from the chunk with its exit status. */
static void test_commands(void **state)
{
	struct bench *b = *state;
	struct fakesession s;
	fakestore_session(&s, 5000, "john", "pty");
	fakestore_out(&s, 100, "\033]133;A\007$ ");
	fakestore_event(&s, 120, RECORD_COUNTED, 1 << 2, NULL);
	fakestore_out(&s, 130, "scp pay.tar x:\r\ndenied\r\n");
	fakestore_frame(&b->f, &s);
	pass(b);
	expect(b, "cmd:scp", 1, 1);
	expect(b, "scp", 1, 1);
	expect(b, "cmd:denied", 0, 0);
	fakestore_out(&s, 200, "\033]133;D;1\007\033]133;A\007$ ");
	fakestore_chunk(&b->f, &s, CHUNK_END);
	pass(b);
	expect(b, "cmd:*", 1, 0);
	expect(b, "cmd:/^scp.*x:$/ user:john", 1, 0);
	restart(b);
	expect(b, "cmd:scp", 1, 0);
	fakestore_session_free(&s);
}

static unsigned in_file(struct bench *b, const char *name, const char *text)
{
	char path[128];
	struct buffer data;
	unsigned found = 0;
	snprintf(path, sizeof path, "%s/%s", b->f.index, name);
	buffer_init(&data, 64 << 20);
	if (atomicfile_read(path, &data) == 0)
		for (size_t at = 0; at + strlen(text) <= data.len; at++)
			found += memcmp(data.data + at, text, strlen(text)) == 0;
	buffer_free(&data);
	return found;
}

static void remove_part(struct bench *b, const struct fakesession *s, enum removal_act act, uint8_t sections)
{
	char words[EVIDENCE_REMOVE_ERROR_SIZE];
	struct evidence_removal r = { .declaration = { .act = act, .sections = sections, .stream = s->id } };
	snprintf(r.declaration.who, sizeof r.declaration.who, "root");
	snprintf(r.declaration.reason, sizeof r.declaration.reason, "a customer");
	assert_int_equal(evidence_begin(b->f.evidence), 0);
	assert_int_equal(evidence_remove(b->f.evidence, &r, 1, &b->f.log, words), 0);
	assert_int_equal(evidence_commit(b->f.evidence), 0);
}

/* Redacted and deleted text leaves the index, and the files of the index. */
static void test_removed(void **state)
{
	struct bench *b = *state;
	struct fakesession s, other;
	struct index_session found;
	char id[ID_TEXT_SIZE];
	fakestore_session(&s, 5000, "john", "pty");
	fakestore_session(&other, 6000, "mary", "pty");
	id_format(&s.id, id);
	for (int i = 0; i < 40; i++) {
		fakestore_out(&s, (uint64_t)i, "qxzzyverysecretword 4711\r\n");
		fakestore_out(&other, (uint64_t)i, "harmless 4711\r\n");
	}
	fakestore_chunk(&b->f, &s, CHUNK_END);
	fakestore_chunk(&b->f, &other, CHUNK_END);
	pass(b);
	expect(b, "qxzzyverysecretword", 1, 0);
	assert_true(in_file(b, "index.db", "qxzzyverysecretword") + in_file(b, "index.db-wal", "qxzzyverysecretword") > 0);
	remove_part(b, &s, REMOVAL_REDACTION, 1 << CHUNK_OUT);
	pass(b);
	expect(b, "qxzzyverysecretword", 0, 0);
	expect(b, "redacted customer", 1, 0);
	expect(b, "harmless", 1, 0);
	assert_int_equal(in_file(b, "index.db", "qxzzyverysecretword"), 0);
	assert_int_equal(in_file(b, "index.db-wal", "qxzzyverysecretword"), 0);
	assert_int_equal(index_session_find(b->x, id, &found), 0);
	assert_string_equal(found.user, "john");
	assert_true(found.ended);
	remove_part(b, &s, REMOVAL_DELETION, 0);
	pass(b);
	restart(b);
	pass(b);
	assert_int_equal(index_session_find(b->x, id, &found), ITM_ENOENT);
	expect(b, "redacted", 0, 0);
	expect(b, "harmless", 1, 0);
	fakestore_session_free(&s);
	fakestore_session_free(&other);
}

static int take_alert(void *context, const struct index_alert *a)
{
	struct told *t = context;
	size_t used = strlen(t->text);
	t->count++;
	t->provisional += a->provisional;
	snprintf(t->text + used, sizeof t->text - used, "%llu %s %s %s %s;", (unsigned long long)a->number, a->name,
		 alert_severity_word(a->severity), a->hostname, id_is_zero(&a->stream) ? "server" : "host");
	return 0;
}

static struct told alerts(struct bench *b, const struct index_alert_filter *f)
{
	struct told t = { 0 };
	assert_int_equal(index_alerts(b->x, f, take_alert, &t), 0);
	return t;
}

static void server_alert(struct bench *b, const char *text)
{
	struct act act = { .wall_ns = 1900000000000000000, .login = ACT_NO_LOGIN, .verb = ACT_ALERT };
	struct buffer encoded;
	uint64_t leaf;
	id_format(&b->f.host, act.subject);
	assert_int_equal(act_detail(&act, "alert=host-silent"), 0);
	assert_int_equal(act_detail(&act, "severity=high"), 0);
	assert_int_equal(act_detail(&act, text), 0);
	buffer_init(&encoded, ACT_TEXT_MAX);
	assert_int_equal(act_encode(&encoded, &act), 0);
	assert_int_equal(evidence_begin(b->f.evidence), 0);
	assert_int_equal(evidence_act_put(b->f.evidence, encoded.data, encoded.len, act.wall_ns, &leaf), 0);
	assert_int_equal(evidence_commit(b->f.evidence), 0);
	buffer_free(&encoded);
}

/* Those of hosts from their streams, those of the server from its log: the same
 * ones when the index is made anew. */
static void test_alerts(void **state)
{
	static const char lost[] = "event=alert\nalert=recorder-lost\nseverity=high\nstream=7ZZZZZZZZZZZZZZZZZZZZZZZZZ\nreason=x\n";
	static const char other[] = "event=alert\nalert=of-another-version\nseverity=absurd\n";
	static const char bad[] = "event=alert\nalert=no name\n";
	struct bench *b = *state;
	struct fakesession host, s;
	fakestore_session(&s, 5000, "john", "pty");
	fakestore_event(&s, 110, RECORD_NOTE, sizeof lost - 1, lost); /* in a session it is nothing */
	fakestore_chunk(&b->f, &s, 0);
	fakestore_session(&host, 6000, "", "processes");
	fakestore_event(&host, 10, RECORD_NOTE, sizeof lost - 1, lost);
	fakestore_event(&host, 20, RECORD_NOTE, sizeof other - 1, other);
	fakestore_event(&host, 30, RECORD_NOTE, sizeof bad - 1, bad);
	fakestore_frame(&b->f, &host);
	server_alert(b, "hostname=db-01");
	pass(b);
	struct told t = alerts(b, &(struct index_alert_filter){ 0 });
	assert_int_equal(t.provisional, 2);
	fakestore_chunk(&b->f, &host, 0);
	pass(b);
	restart(b);
	pass(b);
	struct told sealed = alerts(b, &(struct index_alert_filter){ 0 });
	assert_int_equal(sealed.provisional, 0);
	assert_string_equal(sealed.text, t.text);
	/* Its number is the leaf of the log. */
	assert_string_equal(t.text + strcspn(t.text, " "), " host-silent high db-01 server;1 of-another-version medium db-01 host;"
			    "0 recorder-lost high db-01 host;");
	assert_int_equal(alerts(b, &(struct index_alert_filter){ .severity = ALERT_HIGH }).count, 2);
	assert_int_equal(alerts(b, &(struct index_alert_filter){ .session = "7ZZZ" }).count, 1);
	assert_int_equal(alerts(b, &(struct index_alert_filter){ .name = "*-silent" }).count, 1);
	assert_int_equal(alerts(b, &(struct index_alert_filter){ .host = "web*" }).count, 0);
	assert_int_equal(alerts(b, &(struct index_alert_filter){ .limit = 1 }).count, 1);
	fakestore_session_free(&host);
	fakestore_session_free(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_session, setup, teardown),
		cmocka_unit_test_setup_teardown(test_tail, setup, teardown),
		cmocka_unit_test_setup_teardown(test_host_events, setup, teardown),
		cmocka_unit_test_setup_teardown(test_alerts, setup, teardown),
		cmocka_unit_test_setup_teardown(test_hidden, setup, teardown),
		cmocka_unit_test_setup_teardown(test_pipe, setup, teardown),
		cmocka_unit_test_setup_teardown(test_restart, setup, teardown),
		cmocka_unit_test_setup_teardown(test_around, setup, teardown),
		cmocka_unit_test_setup_teardown(test_commands, setup, teardown),
		cmocka_unit_test_setup_teardown(test_removed, setup, teardown),
	};
	return cmocka_run_group_tests_name("indexd", tests, NULL, NULL);
}
