/* Redaction, deletion, holds and retention on a store: what goes is gone, what
 * stays can be read and verified, and a kill at any step leaves one or the
 * other. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdbool.h>
#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "cli/walk.h"
#include "store/evidence_hold.h"
#include "store/evidence_remove.h"
#include "store/evidence_state.h"
#include "store/source.h"
#include "tests/unit/fakestore.h"

struct bench {
	struct fakestore f;
	struct id server;
	struct fakesession secret, other;
};

static void reopen(struct bench *b)
{
	int error;
	evidence_close(b->f.evidence);
	b->f.evidence = evidence_open(b->f.store, &b->server, true, &error);
	assert_non_null(b->f.evidence);
}

/* Two sessions side by side, in several segments. */
static int set_up(void **state)
{
	struct bench *b = calloc(1, sizeof *b);
	log_open("test_remove", 0);
	fakestore_open(&b->f);
	assert_int_equal(evidence_server(b->f.evidence, &b->server), 0);
	evidence_set_segment_size(b->f.evidence, 1024);
	fakestore_session(&b->secret, 1000, "alice", "pty");
	fakestore_session(&b->other, 2000, "bob", "pty");
	for (int i = 0; i < 6; i++) {
		char text[64];
		snprintf(text, sizeof text, "card 4111-0000-0000-%04d\r\n", i);
		fakestore_out(&b->secret, (uint64_t)i * 100, text);
		fakestore_event(&b->secret, (uint64_t)i * 100, RECORD_NOTE, 8, "kept=yes");
		fakestore_chunk(&b->f, &b->secret, i == 5 ? CHUNK_END : 0);
		snprintf(text, sizeof text, "harmless line %04d\r\n", i);
		fakestore_out(&b->other, (uint64_t)i * 100, text);
		fakestore_chunk(&b->f, &b->other, i == 5 ? CHUNK_END : 0);
	}
	*state = b;
	return 0;
}

static int tear_down(void **state)
{
	struct bench *b = *state;
	fakestore_session_free(&b->secret);
	fakestore_session_free(&b->other);
	fakestore_close(&b->f);
	free(b);
	return 0;
}

/* How many events of the session hold the text, and how often reading failed. */
static unsigned read_text(struct bench *b, const struct fakesession *s, const char *text, unsigned *faults)
{
	struct source_event event;
	unsigned found = 0;
	int error, rc;
	struct source *source = source_open(b->f.store, &s->id, &error);
	*faults = 0;
	while (source != NULL && (rc = source_next(source, &event)) != 0) {
		if (rc < 0)
			++*faults;
		else if (event.event.data != NULL && memmem(event.event.data, event.event.len, text, strlen(text)) != NULL)
			found++;
	}
	source_close(source);
	return found;
}

static unsigned files(struct bench *b)
{
	char path[128];
	unsigned count = 0;
	snprintf(path, sizeof path, "%s/segments", b->f.store);
	DIR *d = opendir(path);
	assert_non_null(d);
	for (struct dirent *e; (e = readdir(d)) != NULL; )
		count += e->d_name[0] != '.';
	closedir(d);
	return count;
}

static int count_segment(void *context, const struct evidence_segment *s)
{
	++*(unsigned *)context;
	return access(s->path, R_OK) == 0 ? 0 : ITM_ENOENT;
}

static unsigned segments(struct bench *b)
{
	unsigned count = 0;
	assert_int_equal(evidence_segments(b->f.evidence, count_segment, &count), 0);
	return count;
}

static enum verdict verdict(struct bench *b)
{
	struct walk w;
	walk_init(&w);
	w.trust.has_log = true;
	memcpy(w.trust.log, b->f.log.public_key, SIGN_PUBLIC_SIZE);
	assert_int_equal(walk_store(&w, b->f.store), 0);
	enum verdict v = walk_finish(&w);
	if (v == VERDICT_TAMPERED)
		print_message("%s / %s\n", w.flaws > 0 ? w.flaw : "", w.host_count > 0 ? w.hosts[0].result.detail : "");
	walk_free(&w);
	return v;
}

static struct evidence_removal removal(const struct fakesession *s, enum removal_act act, uint8_t sections)
{
	struct evidence_removal r = { .declaration = { .act = act, .sections = sections, .stream = s->id, .wall_ns = 1 } };
	snprintf(r.declaration.who, sizeof r.declaration.who, "root");
	snprintf(r.declaration.reason, sizeof r.declaration.reason, "a test");
	return r;
}

static int apply(struct bench *b, struct evidence_removal *r)
{
	char words[EVIDENCE_REMOVE_ERROR_SIZE];
	assert_int_equal(evidence_begin(b->f.evidence), 0);
	int rc = evidence_remove(b->f.evidence, r, 1, &b->f.log, words);
	int committed = evidence_commit(b->f.evidence);
	assert_true((rc == 0) == (committed == 0));
	return rc;
}

static void redact(void **state)
{
	struct bench *b = *state;
	unsigned faults;
	struct evidence_removal r = removal(&b->secret, REMOVAL_REDACTION, 1 << CHUNK_OUT);
	assert_int_equal(verdict(b), VERDICT_OPEN_TAIL);
	assert_int_equal(read_text(b, &b->secret, "card 4111", &faults), 6);
	unsigned before = segments(b);
	assert_true(before > 2);
	assert_int_equal(apply(b, &r), 0);
	assert_int_equal(r.chunks, 6);
	assert_true(r.declaration.first == 1 && r.declaration.last == 6);
	assert_int_equal(read_text(b, &b->secret, "card 4111", &faults), 0);
	assert_int_equal(faults, 0);
	assert_int_equal(read_text(b, &b->secret, "kept=yes", &faults), 6);
	assert_int_equal(read_text(b, &b->other, "harmless", &faults), 6);
	/* Said where it was, once. */
	assert_int_equal(read_text(b, &b->secret, "[redacted: a test]", &faults), 1);
	assert_int_equal(read_text(b, &b->other, "[redacted", &faults), 0);
	assert_int_equal(verdict(b), VERDICT_REDACTED);
	assert_int_equal(segments(b), before);
	/* The old files stay for the grace, then go. */
	assert_true(files(b) > before);
	assert_true(evidence_remove_tidy(b->f.evidence, 3600000) > 0);
	assert_int_equal(evidence_remove_tidy(b->f.evidence, 0), 0);
	assert_int_equal(files(b), before);
	assert_int_equal(verdict(b), VERDICT_REDACTED);
	/* Twice is once; more can be stored afterwards. */
	assert_int_equal(apply(b, &r), ITM_ENOENT);
	reopen(b);
	struct fakesession later;
	fakestore_session(&later, 9000, "carol", "pty");
	fakestore_out(&later, 1, "afterwards\r\n");
	fakestore_chunk(&b->f, &later, CHUNK_END);
	assert_int_equal(read_text(b, &later, "afterwards", &faults), 1);
	assert_int_equal(verdict(b), VERDICT_REDACTED);
	fakestore_session_free(&later);
}

static void delete(void **state)
{
	struct bench *b = *state;
	unsigned faults;
	struct evidence_removal r = removal(&b->secret, REMOVAL_REDACTION, 1 << CHUNK_OUT);
	assert_int_equal(apply(b, &r), 0);
	r = removal(&b->secret, REMOVAL_DELETION, 0);
	assert_int_equal(apply(b, &r), 0);
	assert_int_equal(r.chunks, 6);
	assert_int_equal(evidence_remove_tidy(b->f.evidence, 0), 0);
	int error;
	assert_null(source_open(b->f.store, &b->secret.id, &error));
	assert_int_equal(error, ITM_ENOENT);
	assert_int_equal(read_text(b, &b->other, "harmless", &faults), 6);
	assert_int_equal(verdict(b), VERDICT_REDACTED);
	assert_int_equal(apply(b, &r), ITM_ENOENT);
}

/* Somebody with the database, but without the log key. */
static void undeclared(void **state)
{
	struct bench *b = *state;
	struct evidence_removal r = removal(&b->secret, REMOVAL_REDACTION, 1 << CHUNK_OUT);
	struct sign_key log = b->f.log;
	sign_keypair(&b->f.log);
	assert_int_equal(apply(b, &r), 0);
	b->f.log = log;
	assert_int_equal(verdict(b), VERDICT_TAMPERED);
}

static void still_written(void **state)
{
	struct bench *b = *state;
	unsigned faults;
	struct fakesession live;
	fakestore_session(&live, 20000, "dave", "pty");
	fakestore_out(&live, 1, "not yet over\r\n");
	fakestore_chunk(&b->f, &live, 0);
	struct evidence_removal r = removal(&live, REMOVAL_DELETION, 0);
	assert_int_equal(apply(b, &r), ITM_EBUSY);
	r = removal(&live, REMOVAL_REDACTION, 1 << CHUNK_OUT);
	assert_int_equal(apply(b, &r), ITM_EBUSY);
	/* Notes stand on their own: nothing that comes later needs them. */
	r = removal(&live, REMOVAL_REDACTION, 1 << CHUNK_META);
	assert_int_equal(apply(b, &r), 0);
	assert_int_equal(read_text(b, &live, "not yet over", &faults), 1);
	assert_int_equal(faults, 0);
	fakestore_session_free(&live);
}

static void holds_win(void **state)
{
	struct bench *b = *state;
	struct evidence *e = b->f.evidence;
	char id[ID_TEXT_SIZE], host[ID_TEXT_SIZE];
	struct id due[EVIDENCE_REMOVE_MAX];
	uint64_t number, found;
	struct evidence_removal r;
	id_format(&b->secret.id, id);
	id_format(&b->f.host, host);
	const struct { enum evidence_hold_kind kind; const char *value; bool covers; } cases[] = {
		{ EVIDENCE_HOLD_SESSION, id, true }, { EVIDENCE_HOLD_USER, "alice", true },
		{ EVIDENCE_HOLD_HOST, host, true }, { EVIDENCE_HOLD_USER, "bob", false },
	};
	assert_int_equal(evidence_remove_due(e, INT64_MAX, due), 2);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		assert_int_equal(evidence_hold_set(e, cases[i].kind, cases[i].value, "root", "a case", 1, &number), 0);
		assert_int_equal(evidence_hold_covers(e, &b->secret.id, &found), cases[i].covers);
		r = removal(&b->secret, REMOVAL_REDACTION, 1 << CHUNK_OUT);
		if (cases[i].covers) {
			assert_int_equal(found, number);
			assert_int_equal(apply(b, &r), ITM_EPERM);
			r = removal(&b->secret, REMOVAL_DELETION, 0);
			assert_int_equal(apply(b, &r), ITM_EPERM);
		}
		assert_true(evidence_remove_due(e, INT64_MAX, due) < 2);
		assert_int_equal(evidence_hold_end(e, number, "root", "closed", 2), 0);
		assert_int_equal(evidence_hold_end(e, number, "root", "closed", 2), ITM_ENOENT);
	}
	/* Without its metadata nobody can tell whose it is: held by any account's. */
	r = removal(&b->secret, REMOVAL_REDACTION, 1 << CHUNK_META);
	assert_int_equal(apply(b, &r), 0);
	assert_int_equal(evidence_hold_set(e, EVIDENCE_HOLD_USER, "alice", "root", "a case", 3, &number), 0);
	assert_int_equal(evidence_hold_covers(e, &b->secret.id, &found), 1);
	assert_int_equal(verdict(b), VERDICT_REDACTED);
}

static void retention(void **state)
{
	struct bench *b = *state;
	struct id due[EVIDENCE_REMOVE_MAX];
	char words[EVIDENCE_REMOVE_ERROR_SIZE];
	assert_int_equal(evidence_remove_due(b->f.evidence, 1, due), 0);
	assert_int_equal(evidence_remove_due(b->f.evidence, INT64_MAX, due), 2);
	struct evidence_removal r[2] = { removal(&b->secret, REMOVAL_RETENTION, 0), removal(&b->other, REMOVAL_RETENTION, 0) };
	assert_int_equal(evidence_begin(b->f.evidence), 0);
	assert_int_equal(evidence_remove(b->f.evidence, r, 2, &b->f.log, words), 0);
	assert_int_equal(evidence_commit(b->f.evidence), 0);
	assert_int_equal(evidence_remove_due(b->f.evidence, INT64_MAX, due), 0);
	assert_int_equal(verdict(b), VERDICT_REDACTED);
}

/* The torn end of a crash may hold what is to go. */
static void torn_end_goes(void **state)
{
	struct bench *b = *state;
	char path[EVIDENCE_PATH_SIZE];
	struct stat st;
	evidence_close(b->f.evidence);
	snprintf(path, sizeof path, "%s/segments/%016x.itm", b->f.store, 1);
	assert_int_equal(chmod(path, 0640), 0);
	int fd = open(path, O_WRONLY | O_APPEND);
	assert_int_equal(write(fd, "4111-torn", 9), 9);
	close(fd);
	b->f.evidence = NULL;
	reopen(b);
	struct evidence_removal r = removal(&b->other, REMOVAL_DELETION, 0);
	assert_int_equal(apply(b, &r), 0);
	assert_int_equal(evidence_remove_tidy(b->f.evidence, 0), 0);
	assert_int_equal(stat(path, &st), -1);
	assert_int_equal(verdict(b), VERDICT_REDACTED);
}

/* Kill at every step */

static void die_at(void *context)
{
	int *left = context;
	if ((*left)-- == 0)
		raise(SIGKILL);
}

static void child(struct bench *b, struct evidence_removal *r, int at)
{
	char words[EVIDENCE_REMOVE_ERROR_SIZE];
	int error;
	struct evidence *e = evidence_open(b->f.store, &b->server, true, &error);
	if (e == NULL)
		_exit(2);
	e->step = die_at;
	e->step_context = &at;
	if (evidence_begin(e) != 0 || evidence_remove(e, r, 1, &b->f.log, words) != 0)
		_exit(3);
	die_at(&at);
	if (evidence_commit(e) != 0)
		_exit(4);
	die_at(&at);
	if (evidence_remove_tidy(e, 0) != 0)
		_exit(5);
	_exit(0);
}

static void killed_anywhere(void **state)
{
	struct bench *b = *state;
	unsigned faults, found, before = segments(b);
	int status = -1, step = 0, old = 0, fresh = 0;
	struct evidence_removal r = removal(&b->secret, REMOVAL_REDACTION, 1 << CHUNK_OUT);
	for (; status != 0 && step < 500; step++) {
		evidence_close(b->f.evidence);
		b->f.evidence = NULL;
		pid_t pid = fork();
		if (pid == 0)
			child(b, &r, step);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(status == 0 || (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) || WEXITSTATUS(status) == 3);
		reopen(b);
		found = read_text(b, &b->secret, "card 4111", &faults);
		assert_int_equal(faults, 0);
		assert_true(found == 0 || found == 6);
		assert_int_equal(read_text(b, &b->other, "harmless", &faults), 6);
		assert_int_equal(verdict(b), found == 0 ? VERDICT_REDACTED : VERDICT_OPEN_TAIL);
		/* Nothing half is left about, and no old copy. */
		assert_int_equal(files(b), before);
		assert_int_equal(segments(b), before);
		old += found == 6;
		fresh += found == 0;
		if (found == 0 && status != 0)
			break;
	}
	assert_true(old > 10 && fresh == 1);
	print_message("%d steps killed: %d left all of the old, then all of the new\n", step, old);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(redact, set_up, tear_down),
		cmocka_unit_test_setup_teardown(delete, set_up, tear_down),
		cmocka_unit_test_setup_teardown(undeclared, set_up, tear_down),
		cmocka_unit_test_setup_teardown(still_written, set_up, tear_down),
		cmocka_unit_test_setup_teardown(holds_win, set_up, tear_down),
		cmocka_unit_test_setup_teardown(retention, set_up, tear_down),
		cmocka_unit_test_setup_teardown(torn_end_goes, set_up, tear_down),
		cmocka_unit_test_setup_teardown(killed_anywhere, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
