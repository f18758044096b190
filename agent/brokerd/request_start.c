/* From a question that was answered "recorded" to a recorder that runs, or to
 * the word that there is none. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/brokerd/decide.h"
#include "agent/brokerd/events.h"
#include "agent/brokerd/request_state.h"
#include "base/error.h"
#include "base/fdpass.h"
#include "base/log.h"
#include "format/meta.h"

const char request_no_room[] = "itm: this host has no room left for the record of a session, and policy refuses it then";

void request_answer(struct request *r, enum message_mode mode, const char *shell, const char *notice)
{
	struct message_start start = { .mode = mode };
	struct buffer b;
	snprintf(start.shell, sizeof start.shell, "%s", shell);
	snprintf(start.notice, sizeof start.notice, "%s", notice);
	buffer_init(&b, MESSAGE_MAX);
	if (message_encode_start(&b, &start) == 0)
		fdpass_send(r->fd, b.data, b.len, NULL, 0);
	buffer_free(&b);
	request_finish(r);
}

/* A child of ours that has no session yet. */
static void end_child(pid_t pid)
{
	kill(pid, SIGKILL);
	for (int i = 0; i < 20 && waitpid(pid, NULL, WNOHANG) == 0; i++)
		poll(NULL, 0, 5); /* ms; a killed process is gone at once unless a device holds it */
}

void request_without_recording(struct request *r, const char *why)
{
	r->shortage |= request_crowds(r);
	struct session *s = session_find(r->table->sessions, &r->launch.start.stream);
	if (s != NULL)
		session_abort(s);
	else if (r->child > 0)
		end_child(r->child);
	bool go_on = r->shortage ? decide_may_pass_shortage(r->launch.failure)
		: decide_may_go_unrecorded(r->launch.failure);
	r->table->unrecorded++;
	events_session_failed(r->table->events, !go_on, &r->launch.start.stream, r->peer.pid, &r->meta, why);
	log_error("%s: %s of %s (%s)", why, go_on ? "unrecorded session" : "refused session", r->name,
		  users_failure_name(r->launch.failure));
	if (r->ready)
		request_finish(r); /* the stub was told to start already; it sees the recorder gone */
	else if (go_on)
		request_answer(r, MESSAGE_DIRECT, r->launch.start.shell,
		       "itm: the session recorder is not available; this session is not recorded");
	else
		request_answer(r, MESSAGE_DENY, "", r->no_room ? request_no_room : "itm: this session can't be recorded, and policy refuses it then");
}

/* From here on the child is the session's to end and reap. */
static int session_from(struct request *r, const struct launch_report *report, const int *fds, size_t count)
{
	struct peer recorder;
	struct session s = { .stream = r->launch.start.stream, .uid = r->peer.uid,
			     .pty = report->mode == MESSAGE_PTY, .child = true,
			     .stub = r->peer.pid, .stub_start = r->launch.peer.start,
			     .recorder = r->child, .outer = -1, .master = -1,
			     .inner = report->inner, .owner = report->owner, .group = report->group,
			     .mode = report->perms, .termios = report->termios };
	bool inquires = !s.pty && !r->launch.metadata_only;
	if (count != (s.pty ? 2u : inquires ? 1u : 0u))
		return ITM_EFORMAT;
	if (s.pty) {
		s.outer = fds[0];
		s.master = fds[1];
	}
	s.recorder_start = peer_read(r->child, &recorder) == 0 ? recorder.start : 0;
	s.pidfd = (int)syscall(SYS_pidfd_open, r->child, 0);
	s.stub_pidfd = fcntl(r->peer.pidfd, F_DUPFD_CLOEXEC, 0);
	if (s.pidfd < 0 || s.stub_pidfd < 0) {
		close(s.pidfd);
		return ITM_ESYS;
	}
	if (inquires) {
		s.pipe_in = report->pipe_in;
		s.pipe_out = report->pipe_out;
		s.inquiry = inquiry_open(r->table->loop, fds[0], s.stub, s.stub_start, s.pipe_in, s.pipe_out);
	}
	const struct session *added = session_add(r->table->sessions, &s);
	if (added == NULL)
		return ITM_ELIMIT;
	if (r->table->monitor != NULL)
		monitor_tie(r->table->monitor, added);
	r->child = 0;
	return 0;
}

/* One report of the child.  0, or ITM_E*: it failed. */
static int take_report(struct request *r)
{
	struct launch_report report;
	int fds[2];
	size_t count = 2;
	ssize_t n = fdpass_recv(r->report, &report, sizeof report, fds, &count);
	if (n < 0)
		return (int)n;
	int result = n == (ssize_t)sizeof report ? 0 : ITM_EFORMAT;
	if (result == 0 && report.step == LAUNCH_SHORT) {
		result = ITM_ELIMIT;
	} else if (result == 0 && report.step == LAUNCH_TAKE) {
		result = session_from(r, &report, fds, count);
		if (result == 0)
			return send(r->report, "g", 1, MSG_NOSIGNAL) == 1 ? 0 : ITM_ESYS;
		if (result == ITM_ELIMIT)
			return result; /* session_add has taken the descriptors */
	} else if (result == 0) {
		struct session *s = session_find(r->table->sessions, &r->launch.start.stream);
		r->ready = true;
		if (s != NULL)
			events_session_started(r->table->events, s, &r->meta);
		if (s != NULL && count == 1) {
			session_reopened(s, fds[0]);
			return 0;
		}
	}
	for (size_t i = 0; i < count; i++)
		close(fds[i]);
	return result;
}

static void report_came(void *context)
{
	struct request *r = context;
	int result = take_report(r);
	if (result == 0)
		return;
	if (result != ITM_ECLOSED || !r->ready) {
		r->shortage |= result == ITM_ELIMIT;
		request_without_recording(r, r->shortage ? "no terminal left" : "no recorder");
		return;
	}
	char id[ID_TEXT_SIZE];
	id_format(&r->launch.start.stream, id);
	log_info("session %s of %s%s", id, r->name, r->login ? "" : ", no PAM login");
	request_finish(r);
}

void request_launch(struct request *r)
{
	r->state = REQUEST_STARTING;
	r->launch.timeout_ms = (int)(r->deadline_ms - loop_now_ms());
	if (r->launch.timeout_ms < 1)
		r->launch.timeout_ms = 1;
	pid_t pid = launch_start(&r->launch, &r->report);
	if (pid < 0) {
		r->shortage = true;
		request_without_recording(r, "no new process");
		return;
	}
	r->child = pid;
	r->report_watch = (struct loop_watch){ .fd = r->report, .ready = report_came, .context = r };
	if (loop_add(r->table->loop, &r->report_watch) != 0)
		request_without_recording(r, "no memory");
}

void request_ask_for_pair(const struct request *r)
{
	char key[ID_TEXT_SIZE];
	id_format(&r->launch.start.stream, key);
	control_pair(r->table->control, "sealer", key, r->launch.start.stream.bytes, ID_SIZE);
}

void request_record(struct request *r, const struct decide *d)
{
	const struct request_table *t = r->table;
	snprintf(r->name, sizeof r->name, "%s", d->account.name);
	sealing_refresh(&t->scope->sealing, &t->scope->settings);
	r->login = d->login != NULL;
	r->launch = (struct launch){
		.stub = r->fd, .fds = r->fds, .stream = -1, .peer = d->peer,
		.uid = r->peer.uid, .caller = d->caller,
		.recorder_uid = t->scope->recorder_uid, .recorder_gid = t->scope->recorder_gid,
		.tty_gid = t->scope->tty_gid, .meta = &r->meta,
		.auditors = sealing_list(&t->scope->sealing),
		.start = { .stream = id_random() }, .failure = d->failure,
		.pipe_limit = t->scope->settings.pipe_limit, .metadata_only = d->metadata_only,
		.recorder = t->recorder,
	};
	snprintf(r->launch.start.shell, sizeof r->launch.start.shell, "%s", d->account.shell);
	snprintf(r->launch.start.notice, sizeof r->launch.start.notice, "%s", t->scope->settings.notice);
	if (events_spool_refuses(t->events, d->failure)) {
		r->shortage = r->no_room = true;
		request_without_recording(r, "no room in the spool");
	} else if (t->scope->recorder_uid == (uid_t)-1) {
		request_without_recording(r, "there is no account itm-rec");
	} else if (decide_describe(d, t->scope, &t->shell, &r->meta) != 0) {
		request_without_recording(r, "metadata are too large");
	} else {
		r->state = REQUEST_PAIRING;
		request_ask_for_pair(r);
	}
}
