/* The recorder's decisions: what of typed bytes is kept, how events become
 * frames, what is kept until it is durable, what happens when it can't be. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "itm-shell/recorder/flow.h"
#include "itm-shell/recorder/masking.h"
#include "local/outbox.h"
#include "local/recording.h"
#include "local/message.h"

#define MS UINT64_C(1000000)

enum { COOKED = 7, PROMPT = 6, RAW = 0, READLINE = 4 }; /* TTYSTATE codes: 1 ECHO, 2 ICANON, 4 ISIG */

static void test_masking_states(void **state)
{
	static const struct { tcflag_t modes; uint32_t code; bool hides; } table[] = {
		{ ECHO | ICANON | ISIG, COOKED, false }, { ICANON | ISIG, PROMPT, true },
		{ ICANON, 2, true }, { 0, RAW, false }, { ISIG, READLINE, false }, { ECHO, 1, false },
		{ ECHO | ICANON, 3, false }, { ICANON | ECHOE | ECHOK | IEXTEN, 2, true },
	};
	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
		assert_int_equal(masking_state(table[i].modes), table[i].code);
		assert_int_equal(masking_hides(table[i].code), table[i].hides);
	}
}

/* Each step: bytes typed in a state, and the events that must come of it. */
static void test_masking_lines(void **state)
{
	static const struct {
		uint32_t tty;
		const char *typed;
		size_t n;
		struct masking_event events[MASKING_EVENTS_MAX];
	} steps[] = {
		{ READLINE, "ls\r", 1, { { RECORD_COUNTED, 3 << 2 } } },
		{ PROMPT, "s", 0, { { 0, 0 } } },
		{ PROMPT, "ecret", 0, { { 0, 0 } } },
		{ PROMPT, "\r", 1, { { RECORD_MASKED, 7 } } },
		{ PROMPT, "abc\n", 1, { { RECORD_MASKED, 4 } } },
		{ PROMPT, "ab", 0, { { 0, 0 } } },
		{ COOKED, "x", 2, { { RECORD_MASKED, 2 }, { RECORD_COUNTED, 1 << 2 } } },
		{ RAW, "y", 1, { { RECORD_COUNTED, 1 << 2 } } },
	};
	struct masking m = { 0 };
	struct masking_event out[MASKING_EVENTS_MAX];
	for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
		size_t n = masking_typed(&m, steps[i].tty, (const uint8_t *)steps[i].typed,
					 strlen(steps[i].typed), out);
		assert_int_equal(n, steps[i].n);
		for (size_t j = 0; j < n; j++) {
			assert_int_equal(out[j].kind, steps[i].events[j].kind);
			assert_int_equal(out[j].code, steps[i].events[j].code);
		}
	}
}

static void test_masking_is_released(void **state)
{
	struct masking m = { 0 };
	struct masking_event out[MASKING_EVENTS_MAX];
	assert_int_equal(masking_typed(&m, PROMPT, (const uint8_t *)"half", 4, out), 0);
	assert_int_equal(masking_observe(&m, PROMPT, out), 0);
	assert_int_equal(masking_observe(&m, COOKED, out), 1);
	assert_int_equal(out[0].kind, RECORD_MASKED);
	assert_int_equal(out[0].code, 4);
	assert_int_equal(masking_observe(&m, COOKED, out), 0);
}

static void test_masking_prompts(void **state)
{
	static const struct { const char *text; bool asks; } table[] = {
		{ "Password: ", true }, { "password for bob:", true }, { "[sudo] password for alice: ", true },
		{ "Enter passphrase for key '/home/alice/.ssh/id': ", true }, { "Passwort: ", true },
		{ "Mot de passe : ", true }, { "Contraseña: ", true }, { "Senha:", true }, { "Hasło: ", true },
		{ "Пароль: ", true }, { "パスワード：", true }, { "密码：", true }, { "Verification code: ", true },
		{ "PIN: ", true }, { "Enter OTP> ", true }, { "Token?", true }, { "login\r\nPassword:", true },
		{ "password\n$ ", false }, { "alice@lab:~$ ", false }, { "Shopping: ", false }, { "hotpot: ", false },
		{ "The password was changed.", false }, { "", false }, { ":", false }, { "Password: \n> ", false },
		{ "password, as it is on the sheet in here: ", true },
		{ "password, and then so many words that it can't be the question any more: ", false },
	};
	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
		if (masking_prompts(table[i].text, strlen(table[i].text)) != table[i].asks)
			fail_msg("%s", table[i].text);
}

static void show(struct masking *m, const char *text)
{
	masking_shown(m, (const uint8_t *)text, strlen(text));
}

/* Key by key, no echo: masked after a prompt, counted otherwise. */
static void test_masking_raw_prompts(void **state)
{
	struct masking m = { 0 };
	struct masking_event out[MASKING_EVENTS_MAX];
	static uint8_t flood[5000];
	show(&m, "\033[2J\033]0;title\007Pass");
	show(&m, "\033[1mword\033[0m:\033[0");
	show(&m, "m ");
	assert_int_equal(masking_typed(&m, RAW, (const uint8_t *)"s", 1, out), 0);
	show(&m, "*"); /* feedback is no new prompt, and does not end this one */
	assert_int_equal(masking_observe(&m, RAW, out), 0);
	assert_int_equal(masking_typed(&m, RAW, (const uint8_t *)"ec", 2, out), 0);
	assert_int_equal(masking_typed(&m, RAW, (const uint8_t *)"\r", 1, out), 1);
	assert_int_equal(out[0].kind, RECORD_MASKED);
	assert_int_equal(out[0].code, 4);
	assert_int_equal(masking_typed(&m, RAW, (const uint8_t *)"x", 1, out), 1);
	assert_int_equal(out[0].kind, RECORD_COUNTED);
	show(&m, "Token: ");
	assert_int_equal(masking_typed(&m, RAW, (const uint8_t *)"ab", 2, out), 0);
	assert_int_equal(masking_typed(&m, COOKED, (const uint8_t *)"x", 1, out), 2);
	assert_int_equal(out[0].kind, RECORD_MASKED);
	assert_int_equal(out[1].kind, RECORD_COUNTED);
	memset(flood, 'x', sizeof flood);
	memcpy(flood + sizeof flood - 10, "Password: ", 10);
	masking_shown(&m, flood, sizeof flood);
	assert_true(m.tail_len <= MASKING_TAIL);
	assert_int_equal(masking_typed(&m, RAW, (const uint8_t *)"q", 1, out), 0);
	assert_int_equal(masking_observe(&m, COOKED, out), 1);
}

struct wire { int ours, sealers; };

static struct wire wire_new(void)
{
	int pair[2];
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, pair), 0);
	return (struct wire){ pair[0], pair[1] };
}

static void wire_free(struct wire *w)
{
	close(w->ours);
	if (w->sealers >= 0)
		close(w->sealers);
}

static void say(const struct wire *w, enum message_type type, uint64_t number)
{
	struct buffer b;
	buffer_init(&b, 64);
	assert_int_equal(message_encode_numbers(&b, type, number, 0), 0);
	assert_int_equal(send(w->sealers, b.data, b.len, 0), (ssize_t)b.len);
	buffer_free(&b);
}

/* The next frame the sealer sees; its run is put at the end of *run. */
static bool take(const struct wire *w, struct frame *out, struct buffer *run)
{
	static uint8_t data[MESSAGE_MAX];
	const uint8_t *payload;
	size_t len;
	ssize_t n = recv(w->sealers, data, sizeof data, MSG_DONTWAIT);
	if (n <= 0)
		return false;
	assert_int_equal(message_decode_bytes(data, (size_t)n, MESSAGE_FRAME, &payload, &len, NULL), 0);
	assert_int_equal(frame_decode(payload, len, out, NULL), 0);
	if (run != NULL)
		assert_int_equal(buffer_put(run, out->run, out->run_len), 0);
	return true;
}

static void test_outbox_keeps_until_durable(void **state)
{
	struct wire w = wire_new();
	struct outbox o;
	struct frame f = { .run = (const uint8_t *)"run", .run_len = 3 }, got;
	outbox_init(&o, w.ours);
	for (f.number = 1; f.number <= 5; f.number++)
		assert_int_equal(outbox_add(&o, &f), 0);
	assert_int_equal(outbox_events(&o), POLLIN | POLLOUT);
	outbox_send(&o);
	assert_int_equal(outbox_events(&o), POLLIN);
	for (uint64_t i = 1; i <= 5; i++) {
		assert_true(take(&w, &got, NULL));
		assert_int_equal(got.number, i);
	}
	say(&w, MESSAGE_ACK, 2);
	assert_true(outbox_receive(&o));
	say(&w, MESSAGE_ACK, 2);   /* again: nothing moves */
	say(&w, MESSAGE_ACK, 99);  /* never sent: not believed */
	assert_false(outbox_receive(&o));
	say(&w, MESSAGE_RESUME_FROM, 3);
	assert_true(outbox_receive(&o));
	outbox_send(&o);
	assert_true(take(&w, &got, NULL));
	assert_int_equal(got.number, 4);
	assert_true(take(&w, &got, NULL));
	assert_false(take(&w, &got, NULL));
	say(&w, MESSAGE_ACK, 5);
	assert_true(outbox_receive(&o));
	assert_true(outbox_empty(&o));
	assert_int_equal(o.bytes, 0);
	outbox_free(&o);
	wire_free(&w);
}

static void test_outbox_refuses_nonsense(void **state)
{
	struct wire w = wire_new();
	struct outbox o;
	const struct frame f = { .number = 1 };
	outbox_init(&o, w.ours);
	assert_int_equal(outbox_add(&o, &f), 0);
	outbox_send(&o);
	assert_int_equal(send(w.sealers, "x", 1, 0), 1);
	assert_int_equal(send(w.sealers, "\x15\x01\0\0\x01", 5, 0), 5);
	say(&w, MESSAGE_DURABLE, 1);
	assert_false(outbox_receive(&o));
	assert_false(outbox_empty(&o));
	close(w.sealers);
	w.sealers = -1;
	assert_false(outbox_receive(&o));
	assert_true(o.lost);
	assert_true(outbox_empty(&o));
	assert_int_equal(outbox_add(&o, &f), ITM_ECLOSED);
	assert_int_equal(outbox_events(&o), 0);
	outbox_free(&o);
	wire_free(&w);
}

struct counts { size_t out, gap, events; };

static struct counts count(const struct buffer *run)
{
	struct counts c = { 0 };
	struct record_run r;
	struct record_event e;
	record_run_init(&r, run->data, run->len);
	for (int more; (more = record_run_next(&r, &e, NULL)) != 0;) {
		assert_int_equal(more, 1);
		c.events++;
		c.out += e.kind == RECORD_OUT ? e.len : 0;
		c.gap += e.kind == RECORD_GAP ? e.code : 0;
	}
	return c;
}

static void test_recording_sends_when_due(void **state)
{
	struct wire w = wire_new();
	struct recording r;
	struct id stream = { { 7 } };
	struct frame got;
	assert_int_equal(recording_open(&r, w.ours, &stream, USERS_BEST_EFFORT), 0);
	assert_int_equal(recording_wait_ms(&r, 5 * MS), -1);
	recording_bytes(&r, 5 * MS, RECORD_OUT, "a", 1);
	recording_tick(&r, 6 * MS);
	assert_int_equal(recording_wait_ms(&r, 6 * MS), RECORDING_HOLD_MS - 1);
	recording_tick(&r, (5 + RECORDING_HOLD_MS) * MS - 1);
	assert_false(take(&w, &got, NULL));
	recording_tick(&r, (5 + RECORDING_HOLD_MS) * MS);
	assert_true(take(&w, &got, NULL));
	assert_int_equal(got.number, 1);
	assert_int_equal(got.boot_ns, 5 * MS);
	assert_memory_equal(got.stream.bytes, stream.bytes, ID_SIZE);
	recording_code(&r, 400 * MS, RECORD_EXIT, 0);
	recording_finish(&r, 401 * MS);
	assert_true(take(&w, &got, NULL));
	assert_int_equal(got.flags, FRAME_END);
	assert_false(recording_settled(&r));
	say(&w, MESSAGE_ACK, 2);
	recording_receive(&r, 402 * MS);
	assert_true(recording_settled(&r));
	recording_close(&r);
	wire_free(&w);
}

static void test_recording_cuts_large_pieces(void **state)
{
	struct wire w = wire_new();
	struct recording r;
	struct id stream = { { 7 } };
	struct frame got;
	struct buffer run;
	uint8_t *bytes = calloc(1, 200000);
	size_t total = 0;
	assert_non_null(bytes);
	assert_int_equal(recording_open(&r, w.ours, &stream, USERS_BEST_EFFORT), 0);
	recording_bytes(&r, 1 * MS, RECORD_OUT, bytes, 200000);
	recording_finish(&r, 2 * MS);
	do {
		buffer_init(&run, 1 << 20);
		while (take(&w, &got, &run)) {
			assert_true(got.run_len <= RECORDING_RUN_AIM);
			total += count(&run).out;
			buffer_clear(&run);
		}
		buffer_free(&run);
		outbox_send(&r.outbox);
	} while (r.outbox.unsent != NULL || total < 200000);
	assert_int_equal(total, 200000);
	recording_close(&r);
	wire_free(&w);
	free(bytes);
}

/* Fill up to the bound with nobody reading. */
static size_t fill(struct recording *r, uint64_t now)
{
	static uint8_t piece[4096];
	size_t total = 0;
	while (!recording_full(r)) {
		recording_bytes(r, now, RECORD_OUT, piece, sizeof piece);
		recording_tick(r, now);
		total += sizeof piece;
		assert_true(total < 2 * OUTBOX_BOUND);
	}
	assert_int_equal(r->lost_bytes, 0);
	return total;
}

static void drain(struct recording *r, const struct wire *w, uint64_t now, struct buffer *all)
{
	struct frame got;
	for (int idle = 0; idle < 2; idle++)
		while (take(w, &got, all)) {
			idle = 0;
			say(w, MESSAGE_ACK, got.number);
			recording_receive(r, now);
		}
}

static void test_recording_counts_what_it_loses(void **state)
{
	struct wire w = wire_new();
	struct recording r;
	struct id stream = { { 7 } };
	struct buffer all;
	buffer_init(&all, 4 << 20);
	assert_int_equal(recording_open(&r, w.ours, &stream, USERS_BREAK_GLASS), 0);
	size_t kept = fill(&r, 10 * MS);
	assert_int_equal(recording_wait_ms(&r, 10 * MS), RECORDING_STALL_MS);
	recording_tick(&r, 2009 * MS);
	assert_true(recording_full(&r));
	recording_tick(&r, 2010 * MS);
	assert_false(recording_full(&r));   /* the session goes on */
	assert_null(recording_refusal(&r));
	recording_bytes(&r, 2011 * MS, RECORD_OUT, "lost", 4);
	recording_bytes(&r, 2012 * MS, RECORD_OUT, "lost too", 8);
	drain(&r, &w, 2500 * MS, &all);
	recording_tick(&r, 2501 * MS);
	recording_bytes(&r, 2502 * MS, RECORD_OUT, "kept", 4);
	recording_finish(&r, 2503 * MS);
	drain(&r, &w, 2504 * MS, &all);
	struct counts c = count(&all);
	assert_int_equal(c.gap, 12);
	assert_int_equal(c.out, kept + 4);
	assert_true(recording_settled(&r));
	buffer_free(&all);
	recording_close(&r);
	wire_free(&w);
}

/* A disk that is full from the start: strict ends, the others do not. */
static void test_recording_strict_awaits_the_first_frame(void **state)
{
	static const struct { enum users_failure failure; bool acked, refused; } table[] = {
		{ USERS_STRICT, false, true }, { USERS_STRICT, true, false },
		{ USERS_BEST_EFFORT, false, false }, { USERS_BREAK_GLASS, false, false },
	};
	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
		struct wire w = wire_new();
		struct recording r;
		struct id stream = { { 7 } };
		assert_int_equal(recording_open(&r, w.ours, &stream, table[i].failure), 0);
		recording_bytes(&r, 5 * MS, RECORD_OUT, "a", 1);
		recording_tick(&r, (5 + RECORDING_HOLD_MS) * MS);
		if (table[i].acked) {
			say(&w, MESSAGE_ACK, 1);
			recording_receive(&r, 500 * MS);
		} else if (table[i].failure == USERS_STRICT) {
			assert_int_equal(recording_wait_ms(&r, 505 * MS), RECORDING_FIRST_MS - 500);
		}
		recording_tick(&r, (4 + RECORDING_FIRST_MS) * MS);
		assert_null(recording_refusal(&r));
		recording_tick(&r, (5 + RECORDING_FIRST_MS) * MS);
		assert_int_equal(recording_refusal(&r) != NULL, table[i].refused);
		recording_close(&r);
		wire_free(&w);
	}
}

static void tell_space(struct recording *r, const struct wire *w, enum space_level level, enum space_policy policy)
{
	struct buffer b;
	buffer_init(&b, 64);
	assert_int_equal(message_encode_numbers(&b, MESSAGE_SPACE, level, policy), 0);
	assert_int_equal(send(w->sealers, b.data, b.len, 0), (ssize_t)b.len);
	buffer_free(&b);
	recording_receive(r, 1 * MS);
}

/* A flood is counted, in its place; what a person does is kept whole. */
static void test_recording_thins(void **state)
{
	static uint8_t flood[32768];
	struct wire w = wire_new();
	struct recording r;
	struct id stream = { { 7 } };
	struct buffer all;
	buffer_init(&all, 4 << 20);
	assert_int_equal(recording_open(&r, w.ours, &stream, USERS_STRICT), 0);
	recording_bytes(&r, 10 * MS, RECORD_OUT, flood, sizeof flood);
	tell_space(&r, &w, SPACE_FULL, SPACE_DEGRADE);
	size_t total = sizeof flood;
	for (uint64_t ms = 20; ms < 10020; ms += 10, total += sizeof flood) {
		recording_bytes(&r, ms * MS, RECORD_OUT, flood, sizeof flood);
		recording_tick(&r, ms * MS);
		drain(&r, &w, ms * MS, &all);
	}
	assert_false(recording_full(&r));
	for (uint64_t ms = 40000; ms < 100000; ms += 1000, total += 800) { /* as somebody reads a page at a time */
		recording_bytes(&r, ms * MS, RECORD_OUT, flood, 800);
		recording_tick(&r, ms * MS);
	}
	tell_space(&r, &w, SPACE_ROOM, SPACE_DEGRADE);
	recording_bytes(&r, 100001 * MS, RECORD_OUT, flood, sizeof flood);
	total += sizeof flood;
	assert_null(recording_refusal(&r));
	recording_finish(&r, 100002 * MS);
	drain(&r, &w, 100003 * MS, &all);
	struct counts c = count(&all);
	assert_int_equal(c.out + c.gap, total);
	size_t least = 2 * sizeof flood + RECORDING_THIN_BURST + 60 * 800;
	assert_true(c.out >= least + 9 * RECORDING_THIN_RATE && c.out <= least + 10 * RECORDING_THIN_RATE);
	assert_true(c.events < 200);
	buffer_free(&all);
	recording_close(&r);
	wire_free(&w);
}

/* Held: the producer waits as long as it takes, and nothing is lost; who ends
 * may end. */
static void test_recording_holds(void **state)
{
	struct wire w = wire_new();
	struct recording r;
	struct id stream = { { 7 } };
	assert_int_equal(recording_open(&r, w.ours, &stream, USERS_BEST_EFFORT), 0);
	fill(&r, 10 * MS);
	tell_space(&r, &w, SPACE_FULL, SPACE_BLOCK);
	for (uint64_t ms = 10; ms < 60000; ms += 500) {
		recording_tick(&r, ms * MS);
		assert_true(recording_full(&r));
	}
	assert_int_equal(r.lost_bytes, 0);
	struct buffer all;
	buffer_init(&all, 4 << 20);
	drain(&r, &w, 60001 * MS, &all);
	assert_true(recording_full(&r)); /* policy's, though there is room in memory */
	recording_last(&r);
	assert_false(recording_full(&r));
	r.last = false;
	tell_space(&r, &w, SPACE_LOW, SPACE_BLOCK);
	assert_false(recording_full(&r));
	tell_space(&r, &w, SPACE_LEVELS, SPACE_BLOCK); /* nonsense */
	tell_space(&r, &w, SPACE_FULL, SPACE_POLICIES);
	assert_false(recording_full(&r));
	buffer_free(&all);
	recording_close(&r);
	wire_free(&w);
}

static void test_recording_strict_refuses(void **state)
{
	struct wire w = wire_new();
	struct recording r;
	struct id stream = { { 7 } };
	assert_int_equal(recording_open(&r, w.ours, &stream, USERS_STRICT), 0);
	r.stored = true;
	fill(&r, 10 * MS);
	recording_tick(&r, 2009 * MS);
	assert_null(recording_refusal(&r));
	recording_tick(&r, 2011 * MS);
	assert_non_null(recording_refusal(&r));
	recording_close(&r);

	assert_int_equal(recording_open(&r, w.ours, &stream, USERS_STRICT), 0);
	close(w.sealers);
	w.sealers = -1;
	recording_receive(&r, 10 * MS);
	recording_tick(&r, 10 * MS);
	assert_non_null(recording_refusal(&r));
	assert_true(recording_settled(&r));
	recording_close(&r);
	wire_free(&w);
}

static void test_flow(void **state)
{
	struct wire w = wire_new();
	struct flow f;
	uint8_t back[16];
	assert_int_equal(flow_open(&f, 8), 0);
	assert_int_equal(flow_fill(&f, w.ours, true), ITM_EBUSY);
	assert_int_equal(send(w.sealers, "abc", 3, 0), 3);
	assert_int_equal(flow_fill(&f, w.ours, false), 3);
	assert_int_equal(flow_put(&f, "defghijkl", 9), 5);
	assert_int_equal(flow_waiting(&f), 8);
	assert_int_equal(flow_drain(&f, w.ours, true, 3), ITM_EBUSY);
	assert_int_equal(flow_drain(&f, w.ours, true, 0), 0);
	assert_true(flow_empty(&f));
	assert_int_equal(recv(w.sealers, back, sizeof back, 0), 3);
	assert_memory_equal(back, "abc", 3);
	assert_int_equal(recv(w.sealers, back, sizeof back, 0), 5);
	assert_memory_equal(back, "defgh", 5);
	close(w.sealers);
	w.sealers = -1;
	assert_int_equal(flow_fill(&f, w.ours, true), 0);
	flow_clear(&f);
	assert_int_equal(flow_put(&f, "x", 1), 1);
	assert_int_equal(flow_drain(&f, w.ours, true, 0), ITM_ECLOSED);
	flow_close(&f);
	wire_free(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_masking_states),
		cmocka_unit_test(test_masking_lines),
		cmocka_unit_test(test_masking_is_released),
		cmocka_unit_test(test_masking_prompts),
		cmocka_unit_test(test_masking_raw_prompts),
		cmocka_unit_test(test_outbox_keeps_until_durable),
		cmocka_unit_test(test_outbox_refuses_nonsense),
		cmocka_unit_test(test_recording_sends_when_due),
		cmocka_unit_test(test_recording_cuts_large_pieces),
		cmocka_unit_test(test_recording_counts_what_it_loses),
		cmocka_unit_test(test_recording_strict_refuses),
		cmocka_unit_test(test_recording_strict_awaits_the_first_frame),
		cmocka_unit_test(test_recording_thins),
		cmocka_unit_test(test_recording_holds),
		cmocka_unit_test(test_flow),
	};
	return cmocka_run_group_tests_name("recorder", tests, NULL, NULL);
}
