/* The walk of itm verify over a store: removals and the log's acts must tell the
 * same, and an approval is for its act and for one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/atomicfile.h"
#include "base/base64.h"
#include "cli/walk.h"
#include "format/request.h"
#include "store/evidence_remove.h"
#include "store/tlog.h"
#include "tests/unit/fakestore.h"

struct bench {
	struct fakestore f;
	struct fakesession session;
	struct tlog *tlog;
	char flaw[VERIFY_DETAIL_SIZE];
	uint64_t flaws, keys_destroyed;
};

static int set_up(void **state)
{
	struct bench *b = calloc(1, sizeof *b);
	char log[128];
	int error = 0;
	fakestore_open(&b->f);
	snprintf(log, sizeof log, "%s/log", b->f.store);
	assert_int_equal(atomicfile_mkdir(log, 0750), 0);
	b->tlog = tlog_open(b->f.store, b->f.evidence, &b->f.server, &b->f.log, &error);
	assert_non_null(b->tlog);
	fakestore_session(&b->session, 1000, "alice", "pty");
	assert_int_equal(evidence_begin(b->f.evidence), 0);
	fakestore_out(&b->session, 1, "a secret\r\n");
	fakestore_chunk(&b->f, &b->session, CHUNK_END);
	assert_int_equal(evidence_commit(b->f.evidence), 0);
	assert_int_equal(tlog_publish(b->tlog), 1);
	*state = b;
	return 0;
}

static int tear_down(void **state)
{
	struct bench *b = *state;
	tlog_close(b->tlog);
	fakestore_session_free(&b->session);
	fakestore_close(&b->f);
	free(b);
	return 0;
}

static enum verdict verify(struct bench *b)
{
	struct walk w;
	walk_init(&w);
	memcpy(w.trust.log, b->f.log.public_key, SIGN_PUBLIC_SIZE);
	w.trust.has_log = true;
	assert_int_equal(walk_store(&w, b->f.store), 0);
	enum verdict v = walk_finish(&w);
	memcpy(b->flaw, w.flaw, sizeof b->flaw);
	b->flaws = w.flaws;
	b->keys_destroyed = w.keys_destroyed;
	walk_free(&w);
	return v;
}

static void act(struct bench *b, const char *verb, int64_t wall_ns, const char *detail)
{
	struct act *a = calloc(1, sizeof *a);
	struct buffer text;
	uint64_t leaf;
	a->wall_ns = wall_ns;
	a->login = ACT_NO_LOGIN;
	snprintf(a->verb, sizeof a->verb, "%s", verb);
	id_format(&b->session.id, a->subject);
	snprintf(a->reason, sizeof a->reason, "a test");
	snprintf(a->detail, sizeof a->detail, "%s", detail);
	buffer_init(&text, ACT_TEXT_MAX);
	assert_int_equal(act_encode(&text, a), 0);
	assert_int_equal(evidence_act_put(b->f.evidence, text.data, text.len, wall_ns, &leaf), 0);
	buffer_free(&text);
	free(a);
}

static void removal(struct bench *b, enum removal_act kind, int64_t wall_ns)
{
	char words[EVIDENCE_REMOVE_ERROR_SIZE];
	struct evidence_removal r = { .declaration = {
		.act = kind, .sections = kind == REMOVAL_REDACTION ? 1 << CHUNK_OUT : 0, .wall_ns = wall_ns,
		.stream = b->session.id, .who = "root", .reason = "a test" } };
	if (evidence_remove(b->f.evidence, &r, 1, &b->f.log, words) != 0)
		fail_msg("%s", words);
}

static void commit(struct bench *b, bool publish)
{
	assert_int_equal(evidence_commit(b->f.evidence), 0);
	if (publish)
		assert_int_equal(tlog_publish(b->tlog), 1);
}

static void begin(struct bench *b)
{
	assert_int_equal(evidence_begin(b->f.evidence), 0);
}

static void removals_with_their_acts_are_redacted(void **state)
{
	struct bench *b = *state;
	char id[ID_TEXT_SIZE + 1];
	assert_true(verify(b) < VERDICT_REDACTED);
	begin(b);
	act(b, "redact", 1, "section=out\n");
	removal(b, REMOVAL_REDACTION, 1);
	commit(b, false);
	/* Its act waits for the next checkpoint. */
	assert_int_equal(verify(b), VERDICT_REDACTED);
	assert_int_equal(tlog_publish(b->tlog), 1);
	assert_int_equal(verify(b), VERDICT_REDACTED);
	/* What retention takes later leaves the redaction's declaration. */
	begin(b);
	id_format(&b->session.id, id);
	strncat(id, "\n", 2);
	act(b, "retention", 2, id);
	removal(b, REMOVAL_RETENTION, 2);
	commit(b, true);
	assert_int_equal(verify(b), VERDICT_REDACTED);
	assert_int_equal(b->flaws, 0);
	begin(b);
	act(b, "destroy-key", 3, "");
	act(b, "export", 3, "");
	commit(b, true);
	assert_int_equal(verify(b), VERDICT_REDACTED);
	assert_int_equal(b->keys_destroyed, 1);
}

static void a_removal_needs_its_own_act(void **state)
{
	struct bench *b = *state;
	begin(b);
	act(b, "delete", 1, "");
	act(b, "redact", 2, "");
	removal(b, REMOVAL_REDACTION, 1);
	commit(b, true);
	assert_int_equal(verify(b), VERDICT_TAMPERED);
	assert_non_null(strstr(b->flaw, "removal without its act"));
	assert_int_equal(b->flaws, 3); /* and two acts without their removals */
}

static void an_act_needs_its_removal(void **state)
{
	struct bench *b = *state;
	char id[ID_TEXT_SIZE];
	begin(b);
	act(b, "delete", 1, "");
	commit(b, true);
	assert_int_equal(verify(b), VERDICT_TAMPERED);
	assert_non_null(strstr(b->flaw, "act in the log without its removal"));
	id_format(&b->session.id, id);
	assert_non_null(strstr(b->flaw, id));
	assert_int_equal(b->flaws, 1);
}

/* A detail line with the approval of a release by uid 0 for this reason. */
static void approval_line(const char *verb, const struct id *subject, char *out, size_t size)
{
	struct act *asked = calloc(1, sizeof *asked);
	struct buffer request, line;
	asked->wall_ns = 1000;
	asked->login = ACT_NO_LOGIN;
	snprintf(asked->verb, sizeof asked->verb, "%s", verb);
	id_format(subject, asked->subject);
	snprintf(asked->reason, sizeof asked->reason, "a test");
	buffer_init(&request, REQUEST_MAX);
	buffer_init(&line, 8192);
	assert_int_equal(request_encode(&request, asked), 0);
	assert_int_equal(buffer_put_text(&line, "approval-request=") | base64_put(&line, request.data, request.len) |
			 buffer_put_u8(&line, '\n'), 0);
	snprintf(out, size, "%s", buffer_text(&line));
	buffer_free(&request);
	buffer_free(&line);
	free(asked);
}

static void an_approval_is_for_its_act_and_for_one(void **state)
{
	struct bench *b = *state;
	char line[4096];
	approval_line("release", &b->session.id, line, sizeof line);
	begin(b);
	act(b, "release", 5, line);
	commit(b, true);
	verify(b);
	assert_int_equal(b->flaws, 0);
	begin(b);
	act(b, "release", 6, line);
	commit(b, true);
	assert_int_equal(verify(b), VERDICT_TAMPERED);
	assert_non_null(strstr(b->flaw, "one approval stands in two acts"));
	begin(b);
	act(b, "hold", 7, line);
	commit(b, true);
	assert_int_equal(verify(b), VERDICT_TAMPERED);
	assert_non_null(strstr(b->flaw, "not for it"));
	assert_int_equal(b->flaws, 2);
	begin(b);
	act(b, "release", 8, "approval-request=!\n");
	commit(b, true);
	verify(b);
	assert_int_equal(b->flaws, 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(removals_with_their_acts_are_redacted, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_removal_needs_its_own_act, set_up, tear_down),
		cmocka_unit_test_setup_teardown(an_act_needs_its_removal, set_up, tear_down),
		cmocka_unit_test_setup_teardown(an_approval_is_for_its_act_and_for_one, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
