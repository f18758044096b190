/* The acts of custody as itm-ingestd does them: rules, leaves, retention. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdbool.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "store/evidence_hold.h"
#include "store/evidence_remove.h"
#include "store/ingestd/custodian.h"
#include "store/source.h"
#include "tests/unit/fakestore.h"

struct bench {
	struct fakestore f;
	struct settings_server settings;
	struct custodian *custodian;
	struct fakesession session;
	char id[ID_TEXT_SIZE];
	char words[CUSTODIAN_WORDS];
};

static int set_up(void **state)
{
	struct bench *b = calloc(1, sizeof *b);
	log_open("test_custodian", 0);
	fakestore_open(&b->f);
	b->custodian = custodian_new(-1, b->f.evidence, &b->f.log, &b->settings);
	fakestore_session(&b->session, 1000, "alice", "pty");
	fakestore_out(&b->session, 1, "a secret\r\n");
	fakestore_chunk(&b->f, &b->session, CHUNK_END);
	id_format(&b->session.id, b->id);
	*state = b;
	return 0;
}

static int tear_down(void **state)
{
	struct bench *b = *state;
	custodian_free(b->custodian);
	fakestore_session_free(&b->session);
	fakestore_close(&b->f);
	free(b);
	return 0;
}

static int count_act(void *context, const struct evidence_act *a)
{
	(void)a;
	++*(unsigned *)context;
	return 0;
}

static unsigned acts(struct bench *b)
{
	unsigned n = 0;
	assert_int_equal(evidence_acts(b->f.evidence, 0, count_act, &n), 0);
	return n;
}

static int act(struct bench *b, const char *verb, const char *subject, const char *reason, const char *detail)
{
	struct act *a = calloc(1, sizeof *a);
	uint64_t leaf;
	a->wall_ns = clock_wall_ns();
	a->login = ACT_NO_LOGIN;
	snprintf(a->verb, sizeof a->verb, "%s", verb);
	snprintf(a->subject, sizeof a->subject, "%s", subject);
	snprintf(a->reason, sizeof a->reason, "%s", reason);
	snprintf(a->detail, sizeof a->detail, "%s", detail);
	unsigned before = acts(b);
	int rc = custodian_act(b->custodian, a, &leaf, b->words);
	/* A leaf exactly where something was done. */
	assert_int_equal(acts(b), before + (rc == 0));
	assert_true(b->words[0] != '\0');
	free(a);
	return rc;
}

static bool there(struct bench *b, const char *text)
{
	struct source_event e;
	int error, rc;
	bool found = false;
	struct source *s = source_open(b->f.store, &b->session.id, &error);
	while (s != NULL && (rc = source_next(s, &e)) == 1)
		found |= e.event.data != NULL && memmem(e.event.data, e.event.len, text, strlen(text)) != NULL;
	source_close(s);
	return found;
}

static void rules(void **state)
{
	struct bench *b = *state;
	assert_int_equal(act(b, "redact", b->id, "", "section=out\n"), ITM_EINVAL);
	assert_int_equal(act(b, "redact", b->id, "x", ""), ITM_EINVAL);
	assert_int_equal(act(b, "redact", b->id, "x", "section=ctl\n"), ITM_EINVAL);
	assert_int_equal(act(b, "redact", b->id, "x", "section=out,everything\n"), ITM_EINVAL);
	assert_int_equal(act(b, "redact", b->id, "x", "section=out\nfrom=later\n"), ITM_EINVAL);
	assert_int_equal(act(b, "redact", b->id, "x", "section=in\n"), ITM_ENOENT);
	assert_int_equal(act(b, "redact", "nothing", "x", "section=out\n"), ITM_EINVAL);
	assert_int_equal(act(b, "burn", b->id, "x", ""), ITM_EINVAL);
	assert_int_equal(act(b, "release", "1", "x", ""), ITM_ENOENT);
	assert_int_equal(act(b, "hold", "nowhere", "x", "kind=host\n"), ITM_ENOENT);
	snprintf(b->settings.approval, sizeof b->settings.approval, "delete redact");
	assert_int_equal(act(b, "delete", b->id, "x", ""), ITM_EPERM);
	assert_int_equal(act(b, "redact", b->id, "x", "section=out\n"), ITM_EPERM);
	assert_true(there(b, "a secret"));
	assert_int_equal(act(b, "hold", "alice", "a case", "kind=user\n"), 0);
	assert_int_equal(act(b, "delete", b->id, "x", "approval=bob\n"), ITM_EPERM);
	assert_non_null(strstr(b->words, "hold 1"));
	assert_int_equal(act(b, "hold", "db-01", "a case", "kind=host\n"), 0);
	assert_int_equal(act(b, "release", "1", "closed", ""), 0);
	assert_int_equal(act(b, "delete", b->id, "x", "approval=bob\n"), ITM_EPERM);
	assert_non_null(strstr(b->words, "hold 2"));
	assert_int_equal(act(b, "release", "2", "closed", ""), 0);
	assert_int_equal(act(b, "redact", b->id, "x", "section=out\napproval=bob\n"), 0);
	assert_false(there(b, "a secret"));
	assert_true(there(b, "alice"));
	assert_int_equal(act(b, "delete", b->id, "x", "approval=bob\n"), 0);
	assert_false(there(b, "alice"));
}

static void retention(void **state)
{
	struct bench *b = *state;
	int64_t now = clock_wall_ns(), day = INT64_C(86400) * 1000000000;
	uint64_t number, ms = 1;
	custodian_tick(b->custodian, ms, now + 1000 * day);
	assert_true(there(b, "a secret"));
	b->settings.retention_ms = 30 * UINT64_C(86400000);
	custodian_tick(b->custodian, ms, now + 29 * day);
	assert_true(there(b, "a secret"));
	/* Held: stays, however old. */
	assert_int_equal(evidence_hold_set(b->f.evidence, EVIDENCE_HOLD_USER, "alice", "root", "a case", 1, &number), 0);
	custodian_tick(b->custodian, ms += 3600 * 1000, now + 3000 * day);
	assert_true(there(b, "a secret"));
	assert_int_equal(evidence_hold_end(b->f.evidence, number, "root", "closed", 2), 0);
	/* Looked for once an hour only. */
	custodian_tick(b->custodian, ms += 1000, now + 31 * day);
	assert_true(there(b, "a secret"));
	assert_int_equal(acts(b), 0);
	custodian_tick(b->custodian, ms += 3600 * 1000, now + 31 * day);
	assert_false(there(b, "a secret"));
	assert_false(there(b, "alice"));
	assert_int_equal(acts(b), 1);
	custodian_tick(b->custodian, ms += 3600 * 1000, now + 31 * day);
	assert_int_equal(acts(b), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(rules, set_up, tear_down),
		cmocka_unit_test_setup_teardown(retention, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
