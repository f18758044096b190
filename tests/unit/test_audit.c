/* Acts: one form, every cut and flipped bit of it refused or another act; the
 * audit door end to end, with a server of one process. */
#include <ftw.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/id.h"
#include "format/act.h"
#include "store/audit.h"
#include "store/evidence.h"
#include "store/ingestd/auditor.h"

static const struct act sample = {
	.wall_ns = 1763932936123456789, .uid = 1000, .login = 1000, .verb = "export",
	.subject = "7VDPY4QDPBZME66GXSQP2ARS9M", .reason = "case 17, caf\xc3\xa9", .detail = "format asciicast\nto case.cast\n",
};

static void encode(struct buffer *b, const struct act *a)
{
	buffer_init(b, ACT_TEXT_MAX);
	assert_int_equal(act_encode(b, a), 0);
}

static void act_text_is_as_documented(void **state)
{
	static const char expected[] = "ITM act 1\ntime 2025-11-23T21:22:16.123456789Z\nuid 1000\nlogin 1000\nverb export\n"
		"subject 7VDPY4QDPBZME66GXSQP2ARS9M\nreason case 17, caf\xc3\xa9\ndetail format asciicast\ndetail to case.cast\n";
	struct buffer b;
	(void)state;
	encode(&b, &sample);
	assert_string_equal(buffer_text(&b), expected);
	buffer_free(&b);
}

static void act_comes_back_as_it_went(void **state)
{
	struct act out;
	struct buffer b;
	(void)state;
	encode(&b, &sample);
	assert_int_equal(act_decode(b.data, b.len, &out, NULL), 0);
	assert_int_equal(out.wall_ns, sample.wall_ns);
	assert_int_equal(out.login, 1000);
	assert_string_equal(out.detail, sample.detail);
	buffer_free(&b);
}

/* What decodes must encode to the very same bytes: no two texts for one act. */
static void every_change_of_an_act_is_seen(void **state)
{
	struct act out;
	struct buffer b, again;
	(void)state;
	encode(&b, &sample);
	buffer_init(&again, ACT_TEXT_MAX);
	for (size_t i = 0; i < b.len * 8; i++) {
		b.data[i / 8] ^= (uint8_t)(1 << i % 8);
		if (act_decode(b.data, b.len, &out, NULL) == 0) {
			buffer_clear(&again);
			assert_int_equal(act_encode(&again, &out), 0);
			assert_int_equal(again.len, b.len);
			assert_memory_equal(again.data, b.data, b.len);
		}
		b.data[i / 8] ^= (uint8_t)(1 << i % 8);
	}
	for (size_t len = 0; len < b.len; len++)
		if (b.data[len ? len - 1 : 0] != '\n' || len < 100)
			assert_int_not_equal(act_decode(b.data, len, &out, NULL), 0);
	buffer_free(&b);
	buffer_free(&again);
}

static void act_refuses_line_breaks(void **state)
{
	struct act a = sample;
	struct buffer b;
	(void)state;
	buffer_init(&b, ACT_TEXT_MAX);
	snprintf(a.reason, sizeof a.reason, "one\nuid 0");
	assert_int_equal(act_encode(&b, &a), ITM_EINVAL);
	a = sample;
	snprintf(a.verb, sizeof a.verb, "Export it");
	assert_int_equal(act_encode(&b, &a), ITM_EINVAL);
	assert_int_equal(b.len, 0);
	assert_int_equal(act_detail(&a, "two\nlines"), 0);
	assert_string_equal(a.detail, "format asciicast\nto case.cast\ntwo lines\n");
	buffer_free(&b);
}

/* The door */

static void serve(int listen_fd, struct evidence *e, bool store)
{
	struct auditor *a = auditor_new(listen_fd, e);
	for (int turns = 0; turns < 200; turns++) {
		struct pollfd fds[AUDITOR_FDS];
		bool batch = false;
		size_t n = auditor_fds(a, fds);
		poll(fds, n, 50);
		auditor_work(a, fds, n, &batch, 0);
		if (batch && store)
			evidence_commit(e);
		auditor_committed(a, store);
		auditor_logged(a, UINT64_MAX, "a note");
	}
	auditor_free(a);
}

struct door { char dir[64]; pid_t server; };

static void open_door(struct door *d, bool store)
{
	struct id server = { { 1, 2, 3 } };
	int rc;
	snprintf(d->dir, sizeof d->dir, "test_audit.XXXXXX");
	assert_non_null(mkdtemp(d->dir));
	int fd = auditor_listen(d->dir);
	assert_true(fd >= 0);
	d->server = fork();
	if (d->server == 0) {
		struct evidence *e = evidence_open(d->dir, &server, true, &rc);
		if (e == NULL)
			_exit(1);
		serve(fd, e, store);
		_exit(0);
	}
	close(fd);
}

static void stop_server(struct door *d)
{
	kill(d->server, SIGKILL);
	waitpid(d->server, NULL, 0);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st, (void)type, (void)at;
	return remove(path);
}

static void close_door(struct door *d)
{
	nftw(d->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static int count_act(void *context, const struct evidence_act *a)
{
	struct act act;
	assert_non_null(a->text);
	assert_int_equal(act_decode(a->text, a->len, &act, NULL), 0);
	assert_int_equal(act.uid, getuid());
	assert_string_equal(act.verb, "hold");
	assert_string_equal(act.reason, "case 18");
	*(uint64_t *)context = a->leaf + 1;
	return 0;
}

static void an_act_is_logged_and_readable(void **state)
{
	static const char *const detail[] = { "until 2027-01-01", NULL };
	struct audit_answer answer;
	char words[AUDIT_ERROR_SIZE];
	struct door d;
	uint64_t acts = 0;
	int rc;
	(void)state;
	open_door(&d, true);
	assert_int_equal(audit_act(d.dir, "hold", "host-1", "case 18", detail, &answer, words), 0);
	assert_int_equal(answer.leaf, 0);
	assert_string_equal(answer.checkpoint, "a note");
	assert_int_equal(audit_act(d.dir, "hold", "host-1", "case 18", NULL, &answer, words), 0);
	assert_int_equal(answer.leaf, 1);
	stop_server(&d);
	struct evidence *e = evidence_open(d.dir, NULL, false, &rc);
	assert_non_null(e);
	assert_int_equal(evidence_acts(e, 0, count_act, &acts), 0);
	assert_int_equal(acts, 2);
	evidence_close(e);
	close_door(&d);
}

static void an_act_that_is_not_stored_is_an_error(void **state)
{
	char words[AUDIT_ERROR_SIZE];
	struct door d;
	(void)state;
	open_door(&d, false);
	assert_int_equal(audit_act(d.dir, "hold", "x", "y", NULL, NULL, words), ITM_EDB);
	assert_true(strlen(words) > 0);
	assert_int_equal(audit_act(d.dir, "Not a verb", "x", "y", NULL, NULL, words), ITM_EINVAL);
	stop_server(&d);
	/* The socket is there, nobody listens. */
	assert_int_equal(audit_act(d.dir, "hold", "x", "y", NULL, NULL, words), ITM_ENOENT);
	assert_non_null(strstr(words, "itm-server"));
	close_door(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(act_text_is_as_documented),
		cmocka_unit_test(act_comes_back_as_it_went),
		cmocka_unit_test(every_change_of_an_act_is_seen),
		cmocka_unit_test(act_refuses_line_breaks),
		cmocka_unit_test(an_act_is_logged_and_readable),
		cmocka_unit_test(an_act_that_is_not_stored_is_an_error),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
