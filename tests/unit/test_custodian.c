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

#include "base/atomicfile.h"
#include "base/base64.h"
#include "base/clock.h"
#include "base/log.h"
#include "format/minisign.h"
#include "format/request.h"
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
	assert_true(there(b, "a secret"));
	assert_int_equal(act(b, "hold", "alice", "a case", "kind=user\n"), 0);
	assert_int_equal(act(b, "delete", b->id, "x", ""), ITM_EPERM);
	assert_non_null(strstr(b->words, "hold 1"));
	assert_int_equal(act(b, "hold", "db-01", "a case", "kind=host\n"), 0);
	assert_int_equal(act(b, "release", "1", "closed", ""), 0);
	assert_int_equal(act(b, "delete", b->id, "x", ""), ITM_EPERM);
	assert_non_null(strstr(b->words, "hold 2"));
	assert_int_equal(act(b, "release", "2", "closed", ""), 0);
	assert_int_equal(act(b, "redact", b->id, "x", "section=out\n"), 0);
	assert_false(there(b, "a secret"));
	assert_true(there(b, "alice"));
	assert_int_equal(act(b, "delete", b->id, "x", ""), 0);
	assert_false(there(b, "alice"));
}

/* Two persons */

struct second { struct keyfile_secret key; char path[128]; };

static void second_open(struct bench *b, struct second *s, const char *name)
{
	struct keyfile_public public;
	struct buffer line;
	assert_int_equal(keyfile_new(KEYFILE_OFFICER, &s->key), 0);
	keyfile_public(&s->key, &public);
	snprintf(s->path, sizeof s->path, "%s/approvers", b->f.dir);
	buffer_init(&line, 1024);
	assert_int_equal(buffer_printf(&line, "# who may\n%s ", name), 0);
	assert_int_equal(keyfile_put_word(&line, KEYFILE_OFFICER, &public), 0);
	assert_int_equal(buffer_put_u8(&line, '\n'), 0);
	assert_int_equal(atomicfile_write(s->path, line.data, line.len, 0600), 0);
	snprintf(b->settings.approvers, sizeof b->settings.approvers, "%s", s->path);
	buffer_free(&line);
}

/* What was asked, and by whom it was signed; the act's own details are before. */
static void approve(const struct act *asked, const struct keyfile_secret *key, char *detail, size_t size)
{
	struct buffer request, signature, lines;
	buffer_init(&request, REQUEST_MAX);
	buffer_init(&signature, MINISIGN_MAX);
	buffer_init(&lines, 1 << 16);
	assert_int_equal(request_encode(&request, asked), 0);
	assert_int_equal(minisign_sign(&signature, key, request.data, request.len, "x"), 0);
	assert_int_equal(buffer_printf(&lines, "%sapproval-request=", asked->detail), 0);
	assert_int_equal(base64_put(&lines, request.data, request.len), 0);
	assert_int_equal(buffer_put_text(&lines, "\napproval-signature="), 0);
	assert_int_equal(base64_put(&lines, signature.data, signature.len), 0);
	assert_int_equal(buffer_put_text(&lines, "\n"), 0);
	assert_true(lines.len < size);
	memcpy(detail, buffer_text(&lines), lines.len + 1);
	buffer_free(&request);
	buffer_free(&signature);
	buffer_free(&lines);
}

static void asks(struct bench *b, struct act *a)
{
	*a = (struct act){ .wall_ns = clock_wall_ns() + INT64_C(3600) * 1000000000, .login = ACT_NO_LOGIN };
	snprintf(a->verb, sizeof a->verb, "redact");
	snprintf(a->subject, sizeof a->subject, "%s", b->id);
	snprintf(a->reason, sizeof a->reason, "a card number");
	snprintf(a->detail, sizeof a->detail, "section=out\n");
}

static void a_second_person_signs_this_very_act(void **state)
{
	static char detail[ACT_DETAIL_SIZE];
	struct bench *b = *state;
	struct second boss, stranger;
	static struct act a;
	second_open(b, &stranger, "stranger");
	second_open(b, &boss, "boss");
	snprintf(b->settings.approval, sizeof b->settings.approval, "delete,redact release");
	assert_int_equal(act(b, "redact", b->id, "a card number", "section=out\n"), ITM_EPERM);
	assert_non_null(strstr(b->words, "second person"));
	assert_int_equal(act(b, "redact", b->id, "a card number", "section=out\napproval=boss\n"), ITM_EPERM);
	/* Each thing that the approval binds, changed alone. */
	static const struct { const char *what; size_t at; const char *text, *why; } changes[] = {
		{ "verb", offsetof(struct act, verb), "delete", "another act" },
		{ "subject", offsetof(struct act, subject), "5FA5QN31QYF80KMBNH83V1DCZF", "another subject" },
		{ "reason", offsetof(struct act, reason), "because", "another reason" },
		{ "detail", offsetof(struct act, detail), "section=meta\n", "another part" },
		{ "details", offsetof(struct act, detail), "section=out\nfrom=5\n", "another part" },
	};
	for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
		asks(b, &a);
		snprintf((char *)&a + changes[i].at, ACT_SUBJECT_SIZE / 8, "%s", changes[i].text);
		approve(&a, &boss.key, detail, sizeof detail);
		char *own = strstr(detail, "approval-request");
		memmove(detail + 12, own, strlen(own) + 1);
		memcpy(detail, "section=out\n", 12);
		assert_int_equal(act(b, "redact", b->id, "a card number", detail), ITM_EPERM);
		if (strstr(b->words, changes[i].why) == NULL)
			fail_msg("%s: %s", changes[i].what, b->words);
	}
	asks(b, &a);
	a.uid = 1;
	approve(&a, &boss.key, detail, sizeof detail);
	assert_int_equal(act(b, "redact", b->id, "a card number", detail), ITM_EPERM);
	assert_non_null(strstr(b->words, "somebody else"));
	asks(b, &a);
	a.wall_ns = clock_wall_ns() - 1;
	approve(&a, &boss.key, detail, sizeof detail);
	assert_int_equal(act(b, "redact", b->id, "a card number", detail), ITM_EPERM);
	assert_non_null(strstr(b->words, "day is over"));
	asks(b, &a);
	a.wall_ns += INT64_C(86400) * 1000000000;
	approve(&a, &boss.key, detail, sizeof detail);
	assert_int_equal(act(b, "redact", b->id, "a card number", detail), ITM_EPERM);
	assert_non_null(strstr(b->words, "longer"));
	asks(b, &a);
	approve(&a, &stranger.key, detail, sizeof detail);
	assert_int_equal(act(b, "redact", b->id, "a card number", detail), ITM_EPERM);
	assert_non_null(strstr(b->words, "nobody whom"));
	approve(&a, &boss.key, detail, sizeof detail);
	detail[strlen(detail) - 3] = '?';
	assert_int_equal(act(b, "redact", b->id, "a card number", detail), ITM_EPERM);
	assert_non_null(strstr(b->words, "damaged"));
	assert_true(there(b, "a secret"));
	approve(&a, &boss.key, detail, sizeof detail);
	assert_int_equal(act(b, "redact", b->id, "a card number", detail), 0);
	assert_false(there(b, "a secret"));
}

static void an_approval_is_for_once_and_from_somebody_else(void **state)
{
	static char detail[ACT_DETAIL_SIZE];
	struct bench *b = *state;
	struct second boss;
	static struct act a;
	/* Acts of this test are uid 0's: a key under the account's own name. */
	second_open(b, &boss, "root");
	asks(b, &a);
	approve(&a, &boss.key, detail, sizeof detail);
	assert_int_equal(act(b, "redact", b->id, "a card number", detail), ITM_EPERM);
	assert_non_null(strstr(b->words, "his own"));
	second_open(b, &boss, "boss");
	approve(&a, &boss.key, detail, sizeof detail);
	b->settings.approvers[0] = '\0';
	assert_int_equal(act(b, "redact", b->id, "a card number", detail), ITM_EPERM);
	assert_non_null(strstr(b->words, "approvers"));
	snprintf(b->settings.approvers, sizeof b->settings.approvers, "%s", boss.path);
	/* What was not done did not use it up. */
	assert_int_equal(act(b, "hold", "alice", "a case", "kind=user\n"), 0);
	assert_int_equal(act(b, "redact", b->id, "a card number", detail), ITM_EPERM);
	assert_non_null(strstr(b->words, "hold 1"));
	assert_int_equal(act(b, "release", "1", "closed", ""), 0);
	/* Given where it is not needed, it is checked and recorded all the same. */
	assert_int_equal(act(b, "redact", b->id, "a card number", detail), 0);
	assert_int_equal(act(b, "redact", b->id, "a card number", detail), ITM_EPERM);
	assert_non_null(strstr(b->words, "used already"));
	snprintf(a.verb, sizeof a.verb, "delete");
	approve(&a, &boss.key, detail, sizeof detail);
	assert_int_equal(act(b, "delete", b->id, "a card number", detail), 0);
	assert_false(there(b, "alice"));
}

static void a_key_is_destroyed_while_nothing_is_held(void **state)
{
	struct bench *b = *state;
	assert_int_equal(act(b, "destroy-key", "A2B0F8B1C82F340", "period over", ""), ITM_EINVAL);
	assert_int_equal(act(b, "destroy-key", "A2B0F8B1C82F340g", "period over", ""), ITM_EINVAL);
	assert_int_equal(act(b, "hold", "bob", "a case", "kind=user\n"), 0);
	assert_int_equal(act(b, "destroy-key", "A2B0F8B1C82F3409", "period over", ""), ITM_EPERM);
	assert_non_null(strstr(b->words, "hold 1"));
	assert_int_equal(act(b, "release", "1", "closed", ""), 0);
	snprintf(b->settings.approval, sizeof b->settings.approval, "destroy-key");
	assert_int_equal(act(b, "destroy-key", "A2B0F8B1C82F3409", "period over", ""), ITM_EPERM);
	b->settings.approval[0] = '\0';
	assert_int_equal(act(b, "destroy-key", "A2B0F8B1C82F3409", "period over", ""), 0);
	assert_true(there(b, "a secret"));
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
		cmocka_unit_test_setup_teardown(a_second_person_signs_this_very_act, set_up, tear_down),
		cmocka_unit_test_setup_teardown(an_approval_is_for_once_and_from_somebody_else, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_key_is_destroyed_while_nothing_is_held, set_up, tear_down),
		cmocka_unit_test_setup_teardown(retention, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
