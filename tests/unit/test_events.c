/* The host's stream: what is told reaches a sealer made of a socket, survives
 * its restart, is bounded while there is none, and names what was lost; and
 * notes of missed logins, hostile ones too. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/brokerd/absence.h"
#include "agent/brokerd/events.h"
#include "agent/brokerd/login.h"
#include "agent/brokerd/lookout.h"
#include "agent/brokerd/logwatch.h"
#include "base/atomicfile.h"
#include "base/error.h"
#include "base/fdpass.h"
#include "format/frame.h"
#include "format/meta.h"

struct fixture {
	struct loop loop;
	struct control control;
	int supervisor, sealer;  /* the other ends; -1 */
	struct scope scope;
	struct events events;
	uint64_t last;           /* frame the sealer has */
	uint64_t gap, lost;      /* bytes and events it was told are lost */
	char seen[64][HOSTSTREAM_NOTE_MAX];
	size_t count;
	char dir[64];
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);
	int pair[2];
	if (f == NULL || loop_open(&f->loop) != 0 || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
		return -1;
	f->control = (struct control){ .loop = &f->loop, .sock = pair[0], .watch = { .fd = -1 } };
	f->supervisor = pair[1];
	f->sealer = -1;
	snprintf(f->scope.host_id, sizeof f->scope.host_id, "here");
	snprintf(f->dir, sizeof f->dir, "/tmp/itm-events-XXXXXX");
	if (mkdtemp(f->dir) == NULL)
		return -1;
	events_init(&f->events, &f->loop, &f->control, &f->scope);
	*state = f;
	return 0;
}

static void remove_dir(const char *dir)
{
	char names[100][MISSED_NAME_SIZE];
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (int n; fd >= 0 && (n = missed_list(fd, names, 100)) > 0; )
		for (int i = 0; i < n; i++)
			unlinkat(fd, names[i], 0);
	close(fd);
	rmdir(dir);
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	events_stop(&f->events);
	close(f->supervisor);
	close(f->control.sock);
	if (f->sealer >= 0)
		close(f->sealer);
	loop_close(&f->loop);
	remove_dir(f->dir);
	free(f);
	return 0;
}

/* The supervisor's answer to the last question for a pair. */
static void connect_sealer(struct fixture *f)
{
	char key[ID_TEXT_SIZE];
	int pair[2];
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	id_format(&f->events.stream.id, key);
	assert_true(hoststream_paired(&f->events.stream, key, pair[0]));
	if (f->sealer >= 0)
		close(f->sealer);
	f->sealer = pair[1];
	events_tick(&f->events, loop_now_ms());
}

static void answer(struct fixture *f, enum message_type type, uint64_t number)
{
	struct buffer b;
	buffer_init(&b, 64);
	assert_int_equal(message_encode_numbers(&b, type, number, 0), 0);
	assert_int_equal(fdpass_send(f->sealer, b.data, b.len, NULL, 0), 0);
	buffer_free(&b);
	assert_int_equal(loop_wait(&f->loop, 100), 0);
}

static void take_run(struct fixture *f, const struct frame *frame)
{
	struct record_run run;
	struct record_event e;
	record_run_init(&run, frame->run, frame->run_len);
	while (record_run_next(&run, &e, NULL) == 1) {
		if (e.kind == RECORD_GAP)
			f->gap += e.code;
		char count[24];
		if (e.kind == RECORD_NOTE && memmem(e.data, e.len, "event=events-lost\n", 18) != NULL &&
		    meta_get((const char *)e.data, e.len, "count", 0, count, sizeof count) > 0)
			f->lost += strtoull(count, NULL, 10);
		if (e.kind == RECORD_NOTE && f->count < 64)
			snprintf(f->seen[f->count++], sizeof f->seen[0], "%.*s", (int)e.len, (const char *)e.data);
	}
}

/* All frames that wait in the sealer's socket; those it has are passed over. */
static void read_frames(struct fixture *f)
{
	static uint8_t data[MESSAGE_MAX];
	const uint8_t *payload;
	size_t len;
	struct frame frame;
	for (ssize_t n; (n = recv(f->sealer, data, sizeof data, MSG_DONTWAIT)) > 0; ) {
		assert_int_equal(message_decode_bytes(data, (size_t)n, MESSAGE_FRAME, &payload, &len, NULL), 0);
		assert_int_equal(frame_decode(payload, len, &frame, NULL), 0);
		if (frame.number <= f->last)
			continue;
		assert_int_equal(frame.number, f->last + 1);
		f->last = frame.number;
		take_run(f, &frame);
	}
}

static bool has(const struct fixture *f, const char *words)
{
	for (size_t i = 0; i < f->count; i++)
		if (strstr(f->seen[i], words) != NULL)
			return true;
	return false;
}

static struct message_login somebody(const char *user)
{
	struct message_login m = { .pid = 4242, .uid = 1001, .loginuid = UINT32_MAX, .audit_session = UINT32_MAX };
	snprintf(m.user, sizeof m.user, "%s", user);
	snprintf(m.service, sizeof m.service, "sshd");
	return m;
}

/* What was told before there was a way to the sealer comes with it; what is
 * told afterwards is in its socket at once, without a turn of the loop. */
static void test_told(void **state)
{
	struct fixture *f = *state;
	struct message_login m = somebody("al\nevent=forged\\");
	events_start(&f->events);
	events_login_refused(&f->events, &m, "early");
	connect_sealer(f);
	read_frames(f);
	assert_int_equal(f->count, 2);
	assert_non_null(strstr(f->seen[0], "event=agent-started\nreason=start\n"));
	assert_non_null(strstr(f->seen[1], "event=login-refused\nuser=al\\x0aevent=forged\\x5c\nservice=sshd\n"));
	assert_non_null(strstr(f->seen[1], "reason=early\n"));
	events_login_refused(&f->events, &m, "late");
	read_frames(f);
	assert_true(has(f, "reason=late\n"));
	assert_int_equal(hoststream_fate(&f->events.stream, hoststream_mark(&f->events.stream)), HOSTSTREAM_PENDING);
	answer(f, MESSAGE_ACK, f->last);
	assert_int_equal(hoststream_fate(&f->events.stream, hoststream_mark(&f->events.stream)), HOSTSTREAM_DURABLE);
}

static void test_sealer_restarts(void **state)
{
	struct fixture *f = *state;
	struct message_login m = somebody("alice");
	events_start(&f->events);
	connect_sealer(f);
	answer(f, MESSAGE_RESUME_FROM, 0); /* it only just began */
	events_tick(&f->events, loop_now_ms());
	read_frames(f);
	assert_false(has(f, "sealer-restarted"));
	answer(f, MESSAGE_ACK, f->last);
	uint64_t durable = f->last;
	events_login_refused(&f->events, &m, "one");
	read_frames(f);
	/* The new one has only what was durable, and gets the rest again. */
	f->last = durable;
	f->count = 0;
	answer(f, MESSAGE_RESUME_FROM, durable);
	events_tick(&f->events, loop_now_ms());
	read_frames(f);
	assert_true(has(f, "reason=one\n"));
	assert_true(has(f, "event=sealer-restarted\n"));
}

static void test_bounded(void **state)
{
	struct fixture *f = *state;
	struct message_login m = somebody("alice");
	memset(m.ssh_auth, 'k', sizeof m.ssh_auth - 1);
	events_start(&f->events);
	for (int i = 0; i < 5000; i++)
		events_login_refused(&f->events, &m, "nobody listens");
	assert_true(f->events.stream.recording.outbox.bytes <= OUTBOX_BOUND + 128 * 1024);
	uint64_t lost = f->events.stream.lost;
	assert_true(lost > 1000);
	connect_sealer(f);
	for (int i = 0; i < 10000 && (f->events.stream.lost > 0 || !recording_settled(&f->events.stream.recording)); i++) {
		read_frames(f);
		answer(f, MESSAGE_ACK, f->last);
		events_tick(&f->events, loop_now_ms());
		recording_flush(&f->events.stream.recording);
	}
	assert_true(f->gap > 0);
	f->count = 0;
	events_login_refused(&f->events, &m, "heard");
	read_frames(f);
	assert_int_equal(f->events.stream.lost, 0);
	assert_int_equal(f->lost, lost);
	assert_true(has(f, "reason=heard\n"));
}

static void sealer_says(const struct fixture *f, const char *status)
{
	char path[96];
	snprintf(path, sizeof path, "%s/sealer", f->dir);
	assert_int_equal(atomicfile_mkdir(path, 0700), 0);
	snprintf(path, sizeof path, "%s/sealer/status", f->dir);
	assert_int_equal(atomicfile_publish(path, status, strlen(status), 0600), 0);
}

/* What the sealer refuses is told once, with its reason, and when it ends. */
static void test_log_refused(void **state)
{
	struct fixture *f = *state;
	struct logwatch w;
	char path[96];
	events_start(&f->events);
	connect_sealer(f);
	logwatch_init(&w, &f->events, f->dir);
	int64_t now = 0;
	static const char *const statuses[] = {
		NULL, "pid=1\n", "log_refused=\n", "pid=1\nlog_refused=it went back\n", "log_refused=it went back\n",
		"\xff garbage", "log_refused=\n", "log_refused=\n",
	};
	for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++, now += 60000) {
		if (statuses[i] != NULL)
			sealer_says(f, statuses[i]);
		assert_true(logwatch_tick(&w, now) > 0);
	}
	recording_flush(&f->events.stream.recording);
	read_frames(f);
	assert_int_equal(f->count, 4);
	assert_non_null(strstr(f->seen[1], "event=log-refused\nreason=it went back\n"));
	assert_non_null(strstr(f->seen[2], "event=alert\nalert=log-refused\nseverity=critical\nreason=it went back\n"));
	assert_non_null(strstr(f->seen[3], "event=log-resumed\n"));
	snprintf(path, sizeof path, "%s/sealer/status", f->dir);
	unlink(path);
	snprintf(path, sizeof path, "%s/sealer", f->dir);
	rmdir(path);
}

static void sealer_tells_space(struct fixture *f, enum space_level level, enum space_policy policy)
{
	struct buffer b;
	buffer_init(&b, 64);
	assert_int_equal(message_encode_numbers(&b, MESSAGE_SPACE, level, policy), 0);
	assert_int_equal(send(f->sealer, b.data, b.len, 0), (ssize_t)b.len);
	buffer_free(&b);
	assert_int_equal(loop_wait(&f->loop, 1000), 0);
	assert_true(events_tick(&f->events, 1000) >= -1);
}

/* Each crossing is told once, up and down, and new sessions are refused by it. */
static void test_space(void **state)
{
	struct fixture *f = *state;
	events_start(&f->events);
	connect_sealer(f);
	sealer_tells_space(f, SPACE_ROOM, SPACE_BLOCK);
	sealer_tells_space(f, SPACE_LOW, SPACE_BLOCK);
	assert_false(events_spool_refuses(&f->events, USERS_BEST_EFFORT));
	sealer_tells_space(f, SPACE_FULL, SPACE_BLOCK);
	sealer_tells_space(f, SPACE_FULL, SPACE_BLOCK);
	assert_true(events_spool_refuses(&f->events, USERS_BEST_EFFORT));
	assert_false(events_spool_refuses(&f->events, USERS_BREAK_GLASS));
	assert_false(events_spool_refuses(NULL, USERS_STRICT));
	sealer_tells_space(f, SPACE_NONE, SPACE_BLOCK);
	sealer_tells_space(f, SPACE_ROOM, SPACE_BLOCK);
	recording_flush(&f->events.stream.recording);
	read_frames(f);
	static const char *const words[] = {
		"spool-low", "spool-full", "alert\nalert=spool-full", "spool-exhausted", "alert\nalert=spool-full", "spool-recovered",
	};
	assert_int_equal(f->count, 7);
	for (size_t i = 0; i < 6; i++) {
		char line[64];
		snprintf(line, sizeof line, "event=%s\n", words[i]);
		assert_non_null(strstr(f->seen[i + 1], line));
		assert_non_null(strstr(f->seen[i + 1], "policy=block\n"));
	}
}

/* The sealer gives the stream up: another begins, says so, and declares what
 * the one before had not made durable. */
static void test_stream_lost(void **state)
{
	struct fixture *f = *state;
	struct message_login m = somebody("alice");
	events_start(&f->events);
	connect_sealer(f);
	struct id before = f->events.stream.id;
	events_login_refused(&f->events, &m, "never durable");
	struct hoststream_mark mark = hoststream_mark(&f->events.stream);
	close(f->sealer);
	f->sealer = -1;
	assert_int_equal(loop_wait(&f->loop, 100), 0);
	assert_true(hoststream_broken(&f->events.stream));
	events_tick(&f->events, 1000);
	assert_true(events_tick(&f->events, 5000) >= -1);
	assert_false(id_equal(&before, &f->events.stream.id));
	assert_int_equal(hoststream_fate(&f->events.stream, mark), HOSTSTREAM_LOST);
	f->last = 0;
	f->count = 0;
	connect_sealer(f);
	events_login_refused(&f->events, &m, "next");
	events_tick(&f->events, 6000);
	recording_flush(&f->events.stream.recording);
	read_frames(f);
	assert_true(has(f, "reason=the sealer lost the stream before\n"));
	assert_true(f->gap > 0);
}

static void test_after_a_restart(void **state)
{
	struct fixture *f = *state;
	struct id id = id_random();
	uint8_t blob[1 + ID_SIZE] = { 1 };
	char text[ID_TEXT_SIZE], words[128];
	memcpy(blob + 1, id.bytes, ID_SIZE);
	events_recall(&f->events, blob, sizeof blob - 1); /* cut: not believed */
	assert_true(id_is_zero(&f->events.before));
	events_recall(&f->events, blob, sizeof blob);
	events_start(&f->events);
	connect_sealer(f);
	read_frames(f);
	id_format(&id, text);
	snprintf(words, sizeof words, "event=agent-started\nreason=the broker was restarted\nstream=%s\n", text);
	assert_true(has(f, words));
}

static void test_rate(void **state)
{
	struct fixture *f = *state;
	int64_t now = loop_now_ms();
	events_start(&f->events);
	connect_sealer(f);
	read_frames(f);
	f->count = 0;
	for (int i = 0; i < 500; i++)
		events_session_direct(&f->events, "alice", 1001, 1, NULL);
	read_frames(f);
	assert_int_equal(f->count, EVENTS_RATE_MAX);
	int wait = events_tick(&f->events, now);
	assert_true(wait > 0 && wait <= EVENTS_RATE_MS + 1000);
	events_tick(&f->events, now + EVENTS_RATE_MS + 1000);
	read_frames(f);
	assert_true(has(f, "event=session-direct\ncount=480\n"));
}

/* forward-only is a login over ssh that we saw from its beginning to its end
 * without a shell. */
static void test_login_ends(void **state)
{
	static const struct { const char *service; uint32_t shells; bool recalled; const char *event; } cases[] = {
		{ "sshd", 0, false, "event=forward-only\n" },
		{ "sshd-lab", 0, false, "event=forward-only\n" },
		{ "sshd", 1, false, "event=login-closed\n" },
		{ "sshd", 0, true, "event=login-closed\n" },
		{ "cron", 0, false, "event=login-closed\n" },
		{ "su", 0, false, "event=login-closed\n" },
	};
	struct fixture *f = *state;
	events_start(&f->events);
	connect_sealer(f);
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct login l = { .id = id_random(), .says = somebody("alice"), .shells = cases[i].shells,
				   .recalled = cases[i].recalled };
		snprintf(l.says.service, sizeof l.says.service, "%s", cases[i].service);
		read_frames(f);
		f->count = 0;
		events_login_closed(&f->events, &l, "");
		read_frames(f);
		assert_int_equal(f->count, 1);
		assert_ptr_equal(strstr(f->seen[0], cases[i].event), f->seen[0]);
		assert_int_equal(strstr(f->seen[0], "shells_known=no\n") != NULL, cases[i].recalled);
	}
}

/* ---- notes of missed logins ---- */

static void test_missed(void **state)
{
	struct fixture *f = *state;
	struct missed m = { .what = MISSED_REFUSED, .wall_ns = 1700000000000000000, .reason = "nobody there",
			    .login = somebody("carol") };
	struct absence a;
	char inner[80];
	snprintf(inner, sizeof inner, "%s/missed", f->dir);
	assert_int_equal(missed_leave(inner, &m), 0);
	m.what = MISSED_UNRECORDED;
	m.login.pid++;
	assert_int_equal(missed_leave(inner, &m), 0);
	events_start(&f->events);
	absence_open(&a, &f->events, inner);
	assert_true(a.fd >= 0);
	absence_tick(&a, 1000);
	assert_int_equal(a.count, 2);
	connect_sealer(f);
	read_frames(f);
	assert_true(has(f, "event=login-refused\nuser=carol\n"));
	assert_true(has(f, "event=login-unrecorded\nuser=carol\n"));
	assert_true(has(f, "reason=nobody there\nwhen=2023-11-14T22:13:20.000Z\nnote="));
	/* Not deleted before it is durable, deleted then. */
	absence_tick(&a, 2000);
	assert_int_equal(missed_list(a.fd, NULL, 10), 2);
	answer(f, MESSAGE_ACK, f->last);
	absence_tick(&a, 3000);
	assert_int_equal(missed_list(a.fd, NULL, 10), 0);
	absence_close(&a);
	rmdir(inner);
}

static void write_note(int dir, const char *name, const void *data, size_t len)
{
	int fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, len), len);
	close(fd);
}

static void test_missed_hostile(void **state)
{
	struct fixture *f = *state;
	struct missed good = { .what = MISSED_REFUSED, .reason = "x", .login = somebody("carol") };
	struct missed out = { .reason = "untouched" };
	static uint8_t large[MISSED_SIZE_MAX + 1];
	struct buffer b;
	int dir = missed_open(f->dir);
	assert_true(dir >= 0);
	buffer_init(&b, MISSED_SIZE_MAX);
	assert_int_equal(missed_encode(&b, &good), 0);
	assert_int_equal(missed_decode(b.data, b.len, &out, NULL), 0);
	assert_string_equal(out.login.user, "carol");
	snprintf(out.reason, sizeof out.reason, "untouched");
	for (size_t len = 0; len < b.len; len++)
		assert_true(missed_decode(b.data, len, &out, NULL) < 0);
	for (size_t i = 0; i < 8; i++) { /* magic, version, what, reserved */
		b.data[i] ^= 0x40;
		assert_true(missed_decode(b.data, b.len, &out, NULL) < 0);
		b.data[i] ^= 0x40;
	}
	assert_string_equal(out.reason, "untouched");
	write_note(dir, "large", large, sizeof large);
	assert_int_equal(missed_read(dir, "large", &out), ITM_ELIMIT);
	assert_int_equal(mkfifoat(dir, "pipe", 0600), 0);
	assert_int_equal(missed_read(dir, "pipe", &out), ITM_EPERM);
	write_note(dir, "good", b.data, b.len);
	assert_int_equal(symlinkat("good", dir, "link"), 0);
	assert_int_equal(missed_read(dir, "link", &out), ITM_EPERM);
	assert_int_equal(missed_read(dir, "good", &out), 0);
	assert_int_equal(missed_read(dir, "none", &out), ITM_ENOENT);
	buffer_free(&b);
	close(dir);
}

static void test_missed_folder(void **state)
{
	struct fixture *f = *state;
	struct missed m = { .what = MISSED_REFUSED, .reason = "x", .login = somebody("carol") };
	char path[96];
	/* Not one that others may enter, and no link to another. */
	assert_int_equal(chmod(f->dir, 0701), 0);
	assert_int_equal(missed_leave(f->dir, &m), ITM_EPERM);
	assert_int_equal(chmod(f->dir, 0700), 0);
	snprintf(path, sizeof path, "%s/link", f->dir);
	assert_int_equal(symlink("/tmp", path), 0);
	assert_int_equal(missed_leave(path, &m), ITM_ESYS);
	unlink(path);
	/* Full: one file says so. */
	for (int i = 0; i < MISSED_MAX; i++) {
		m.wall_ns = i;
		assert_int_equal(missed_leave(f->dir, &m), 0);
	}
	assert_int_equal(missed_leave(f->dir, &m), ITM_ELIMIT);
	snprintf(path, sizeof path, "%s/" MISSED_MORE, f->dir);
	assert_int_equal(access(path, F_OK), 0);
}

/* A clock that drifts is none that was set. */
static void test_clock_set(void **state)
{
	struct fixture *f = *state;
	struct session_table sessions = { 0 };
	struct lookout l;
	events_start(&f->events);
	connect_sealer(f);
	lookout_init(&l, &f->events, &sessions, &f->control, 5000);
	l.clock_ns = 0;
	int64_t wall_ns = 1000000000;
	for (uint64_t s = 1; s < 100; s++, wall_ns += 1010000000)
		lookout_clock(&l, wall_ns, s * 1000000000);
	lookout_clock(&l, 3700000000000, 100000000000);
	lookout_clock(&l, 3701000000000, 101000000000);
	lookout_clock(&l, 102000000000, 102000000000);
	recording_flush(&f->events.stream.recording);
	read_frames(f);
	assert_int_equal(f->count, 3);
	assert_non_null(strstr(f->seen[1], "alert=clock-set\nseverity=medium\nreason=by +3599.020 s, to 1970-01-01T01:01:40"));
	assert_non_null(strstr(f->seen[2], "alert=clock-set\nseverity=medium\nreason=by -3600.000 s"));
}

static bool was_removed(struct fixture *f, const char *key)
{
	uint8_t data[SUPERVISOR_BLOB_MAX + 1024];
	struct supervisor_message m;
	bool found = false;
	for (ssize_t n; (n = recv(f->supervisor, data, sizeof data, MSG_DONTWAIT)) > 0; )
		if (supervisor_decode(data, (size_t)n, &m, NULL) == 0)
			found |= m.type == SUPERVISOR_REMOVE && strcmp(m.key, key) == 0;
	return found;
}

/* What the supervisor keeps for us goes into the record once, and is kept until
 * it is durable there. */
static void test_supervisor_alerts(void **state)
{
	struct fixture *f = *state;
	static const char died[] = "alert=daemon-died\npart=sealer\nreason=it was ended by signal 9\n";
	static const char unknown[] = "alert=of-another-version\nreason=x\n";
	assert_false(notices_kept(&f->events.notices, "events", "x", 1));
	assert_true(notices_kept(&f->events.notices, "alert-7", died, sizeof died - 1));
	assert_true(notices_kept(&f->events.notices, "alert-7", died, sizeof died - 1));
	assert_true(notices_kept(&f->events.notices, "alert-8", unknown, sizeof unknown - 1));
	events_start(&f->events);
	connect_sealer(f);
	for (int i = 0; i < 3; i++)
		events_tick(&f->events, loop_now_ms());
	recording_flush(&f->events.stream.recording);
	read_frames(f);
	assert_int_equal(f->count, 2);
	assert_non_null(strstr(f->seen[1], "event=alert\nalert=daemon-died\nseverity=high\npart=sealer\n"));
	assert_true(was_removed(f, "alert-8"));
	events_tick(&f->events, loop_now_ms());
	assert_false(was_removed(f, "alert-7"));
	answer(f, MESSAGE_ACK, f->last);
	events_tick(&f->events, loop_now_ms());
	assert_true(was_removed(f, "alert-7"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_told, setup, teardown),
		cmocka_unit_test_setup_teardown(test_sealer_restarts, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bounded, setup, teardown),
		cmocka_unit_test_setup_teardown(test_stream_lost, setup, teardown),
		cmocka_unit_test_setup_teardown(test_after_a_restart, setup, teardown),
		cmocka_unit_test_setup_teardown(test_rate, setup, teardown),
		cmocka_unit_test_setup_teardown(test_login_ends, setup, teardown),
		cmocka_unit_test_setup_teardown(test_log_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_clock_set, setup, teardown),
		cmocka_unit_test_setup_teardown(test_supervisor_alerts, setup, teardown),
		cmocka_unit_test_setup_teardown(test_space, setup, teardown),
		cmocka_unit_test_setup_teardown(test_missed, setup, teardown),
		cmocka_unit_test_setup_teardown(test_missed_hostile, setup, teardown),
		cmocka_unit_test_setup_teardown(test_missed_folder, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
