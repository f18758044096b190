/* What the server notices: silent hosts, each once, also after its restart. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "format/act.h"
#include "format/block.h"
#include "store/ingestd/alarm.h"
#include "tests/unit/fakestore.h"

enum { SILENCE_MS = 60000 };

struct bench { struct fakestore f; struct fakesession s; struct alarm *alarm; char told[4096]; };

static int setup(void **state)
{
	struct bench *b = calloc(1, sizeof *b);
	assert_non_null(b);
	fakestore_open(&b->f);
	fakestore_session(&b->s, 5000, "john", "pty");
	b->alarm = alarm_new(b->f.evidence, SILENCE_MS);
	assert_non_null(b->alarm);
	*state = b;
	return 0;
}

static int teardown(void **state)
{
	struct bench *b = *state;
	alarm_free(b->alarm);
	fakestore_session_free(&b->s);
	fakestore_close(&b->f);
	free(b);
	return 0;
}

static void send_block(struct bench *b)
{
	fakestore_out(&b->s, 100, "x");
	fakestore_chunk(&b->f, &b->s, 0);
}

static int take(void *context, const struct evidence_act *a)
{
	struct bench *b = context;
	struct act *act = malloc(sizeof *act);
	char host[ID_TEXT_SIZE];
	assert_non_null(act);
	assert_int_equal(act_decode(a->text, a->len, act, NULL), 0);
	assert_string_equal(act->verb, ACT_ALERT);
	id_format(&b->f.host, host);
	assert_string_equal(act->subject, host);
	size_t used = strlen(b->told);
	/* alert=NAME */
	snprintf(b->told + used, sizeof b->told - used, "%.*s ", (int)strcspn(act->detail, "\n") - 6, act->detail + 6);
	free(act);
	return 0;
}

static const char *told(struct bench *b)
{
	b->told[0] = '\0';
	assert_int_equal(evidence_acts(b->f.evidence, 0, take, b), 0);
	return b->told;
}

static void test_silence(void **state)
{
	struct bench *b = *state;
	assert_false(alarm_tick(b->alarm, 1000)); /* enrolled, nothing came yet: not silent */
	assert_false(alarm_tick(b->alarm, 1000 + 2 * SILENCE_MS));
	send_block(b);
	assert_false(alarm_tick(b->alarm, 200000));
	assert_false(alarm_tick(b->alarm, 200000 + SILENCE_MS - 1));
	assert_true(alarm_tick(b->alarm, 200000 + SILENCE_MS));
	assert_false(alarm_tick(b->alarm, 200000 + 3 * SILENCE_MS));
	assert_string_equal(told(b), "host-silent ");
	/* A server that comes back does not say it again. */
	alarm_free(b->alarm);
	b->alarm = alarm_new(b->f.evidence, SILENCE_MS);
	assert_non_null(b->alarm);
	assert_false(alarm_tick(b->alarm, 1000));
	assert_false(alarm_tick(b->alarm, 1000 + 2 * SILENCE_MS));
	send_block(b);
	assert_false(alarm_tick(b->alarm, 300000));
	assert_true(alarm_tick(b->alarm, 300000 + SILENCE_MS));
	assert_string_equal(told(b), "host-silent host-silent ");
}

static void test_blocks(void **state)
{
	struct bench *b = *state;
	struct block block = { .flags = BLOCK_GENESIS, .host = b->f.host, .sequence = 1, .genesis = { .reason = BLOCK_INSTALL } };
	alarm_block(b->alarm, &block, 1000);
	assert_false(alarm_tick(b->alarm, 1000));
	block.sequence = 2;
	block.genesis.reason = BLOCK_KEY_LOST;
	alarm_block(b->alarm, &block, 2000);
	block.genesis.reason = BLOCK_REBOOT;
	alarm_block(b->alarm, &block, 2000);
	assert_true(alarm_tick(b->alarm, 2000));
	assert_string_equal(told(b), "chain-restarted host-rebooted ");
	/* Who said that it stops is not silent. */
	send_block(b);
	block.sequence = b->f.sequence;
	block.flags = BLOCK_CLOSE;
	alarm_block(b->alarm, &block, 3000);
	assert_true(alarm_tick(b->alarm, 3000));
	assert_false(alarm_tick(b->alarm, 3000 + 2 * SILENCE_MS));
	assert_string_equal(told(b), "chain-restarted host-rebooted host-stopped ");
	/* Nor has it lost its key when it goes on. */
	block.sequence++;
	block.flags = BLOCK_GENESIS;
	block.genesis.reason = BLOCK_KEY_LOST;
	alarm_block(b->alarm, &block, 3000 + 2 * SILENCE_MS);
	assert_false(alarm_flush(b->alarm));
}

/* The same of the same host is one alert in a minute; too many are counted. */
static void test_repeats(void **state)
{
	struct bench *b = *state;
	for (uint64_t ms = 1000; ms < 50000; ms += 1000) {
		alarm_raise(b->alarm, ALERT_FORK, &b->f.host, "a second block 7\nforged", ms);
		(void)alarm_tick(b->alarm, ms);
	}
	assert_string_equal(told(b), "fork ");
	alarm_raise(b->alarm, ALERT_FORK, &b->f.host, "a second block 7", 1000 + ALARM_REPEAT_MS);
	assert_true(alarm_tick(b->alarm, 1000 + ALARM_REPEAT_MS));
	assert_string_equal(told(b), "fork fork ");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_silence, setup, teardown),
		cmocka_unit_test_setup_teardown(test_blocks, setup, teardown),
		cmocka_unit_test_setup_teardown(test_repeats, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
