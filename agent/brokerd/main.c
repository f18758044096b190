/* itm-brokerd: answers pam_itm and the stubs, makes the terminals, starts the
 * recorders and gives terminals back.  Stays root: it changes the owner of
 * terminals, reads every process's /proc, and must be able to start programs
 * as other users.  It parses no recorded byte. */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "agent/brokerd/absence.h"
#include "agent/brokerd/events.h"
#include "agent/brokerd/login.h"
#include "agent/brokerd/logwatch.h"
#include "agent/brokerd/lookout.h"
#include "agent/brokerd/request.h"
#include "agent/brokerd/scope.h"
#include "agent/brokerd/session.h"
#include "agent/brokerd/status.h"
#include "base/atomicfile.h"
#include "base/error.h"
#include "base/fdpass.h"
#include "base/log.h"
#include "base/paths.h"
#include "local/control.h"
#include "local/loop.h"

enum { BACKLOG = 512, BUSY_HOST_NICE = -10 /* setpriority(2) */ };

struct broker {
	struct loop loop;
	struct control control;
	struct scope scope;
	struct login_table logins;
	struct session_table sessions;
	struct request_table requests;
	struct events events;
	struct absence absence;
	struct logwatch logwatch;
	struct lookout lookout;
	struct monitor monitor;
	struct status status;
	struct loop_watch signals;
	int signal_fd;
	bool stop;
};

struct options {
	const char *config, *accounts, *stub, *recorder, *missed;
	const char *standalone;          /* run folder, without a supervisor; NULL = with one */
};

static const char *const listen_keys[] = { "listen-pam", "listen-shell" }; /* by request_kind */

static void kept(void *context, const struct supervisor_message *m, int *fds, size_t count)
{
	struct broker *b = context;
	int r = ITM_EINVAL;
	for (int i = 0; i < 2; i++)
		if (strcmp(m->key, listen_keys[i]) == 0 && count == 1) {
			if (request_listen(&b->requests, (enum request_kind)i, fds[0]) != 0)
				log_error("%s: %s", m->key, strerror(errno));
			return;
		}
	if (monitor_kept(&b->monitor, m->key, fds, count) ||
	    (count == 0 && notices_kept(&b->events.notices, m->key, m->blob, m->blob_len)))
		r = 0;
	else if (strncmp(m->key, "login-", 6) == 0 && count == 1)
		r = login_recall(&b->logins, m->blob, m->blob_len, fds[0]);
	else if (strncmp(m->key, "term-", 5) == 0)
		r = session_recall(&b->sessions, m->blob, m->blob_len, fds, count);
	else
		for (size_t i = 0; i < count; i++)
			close(fds[i]);
	if (strcmp(m->key, "events") == 0) {
		events_recall(&b->events, m->blob, m->blob_len);
		r = 0;
	}
	if (r != 0)
		log_error("what was kept as %s is of no use: %s", m->key, error_text(r));
}

static void paired(void *context, const char *key, int fd)
{
	struct broker *b = context;
	if (!hoststream_paired(&b->events.stream, key, fd))
		request_paired(&b->requests, key, fd);
}

static void store_listeners(struct broker *b)
{
	for (int i = 0; i < 2; i++)
		if (b->requests.listener[i].fd >= 0)
			control_store(&b->control, listen_keys[i], NULL, 0, &b->requests.listener[i].fd, 1);
}

static void renewed(void *context)
{
	struct broker *b = context;
	store_listeners(b);
	login_store_all(&b->logins);
	session_store_all(&b->sessions);
	monitor_store(&b->monitor);
	request_renewed(&b->requests);
	events_renewed(&b->events);
}

static void stop(void *context)
{
	struct broker *b = context;
	b->stop = true;
}

static const struct control_calls control_calls = { kept, paired, renewed, stop };

static void signal_came(void *context)
{
	struct broker *b = context;
	struct signalfd_siginfo si;
	if (read(b->signal_fd, &si, sizeof si) != (ssize_t)sizeof si)
		return;
	if (si.ssi_signo == SIGHUP) {
		scope_reload(&b->scope);
		b->sessions.recorder_uid = b->scope.recorder_uid;
	} else {
		b->stop = true;
	}
}

static int watch_signals(struct broker *b)
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGCHLD, SIG_DFL);
	if (sigprocmask(SIG_BLOCK, &set, NULL) != 0)
		return ITM_ESYS;
	b->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	b->signals = (struct loop_watch){ .fd = b->signal_fd, .ready = signal_came, .context = b };
	return b->signal_fd >= 0 ? loop_add(&b->loop, &b->signals) : ITM_ESYS;
}

/* Sockets that nobody handed us are made here. */
static int open_listeners(struct broker *b, const char *run)
{
	static const char *const names[] = { "pam.sock", "shell.sock" };
	static const unsigned modes[] = { 0600, 0666 };
	if (atomicfile_mkdir(run, 0755) != 0)
		return ITM_ESYS;
	for (int i = 0; i < 2; i++) {
		char path[512];
		if (b->requests.listener[i].fd >= 0)
			continue;
		snprintf(path, sizeof path, "%s/%s", run, names[i]);
		int fd = fdpass_listen(path, modes[i], BACKLOG);
		if (fd < 0 || request_listen(&b->requests, (enum request_kind)i, fd) != 0)
			return ITM_ESYS;
	}
	store_listeners(b);
	return 0;
}

/* Every session holds three descriptors here, every request up to eight. */
static void raise_limits(void)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

static int start(struct broker *b, const struct options *o)
{
	char agentd[512];
	raise_limits();
	umask(022);
	if (loop_open(&b->loop) != 0 || watch_signals(b) != 0)
		return EX_OSERR;
	if (scope_open(&b->scope, &b->loop, o->config, o->accounts) != 0)
		return EX_CONFIG;
	const char *run = o->standalone != NULL ? o->standalone : b->scope.settings.run;
	login_init(&b->logins, &b->loop, &b->control);
	session_init(&b->sessions, &b->loop, &b->control);
	b->sessions.recorder_uid = b->scope.recorder_uid;
	monitor_init(&b->monitor, &b->loop, &b->control, &b->sessions);
	b->logins.monitor = &b->monitor;
	request_init(&b->requests);
	b->requests.monitor = &b->monitor;
	b->requests.loop = &b->loop;
	b->requests.control = &b->control;
	b->requests.scope = &b->scope;
	b->requests.logins = &b->logins;
	b->requests.sessions = &b->sessions;
	b->requests.stub = o->stub;
	b->requests.recorder = o->recorder;
	events_init(&b->events, &b->loop, &b->control, &b->scope);
	b->logins.events = b->sessions.events = b->requests.events = &b->events;
	snprintf(agentd, sizeof agentd, "%s/agentd.sock", run);
	int r = control_open(&b->control, &b->loop, "broker", o->standalone != NULL, agentd, &control_calls, b);
	if (r != 0) {
		log_error("supervisor: %s", error_text(r));
		return EX_UNAVAILABLE;
	}
	if (open_listeners(b, run) != 0) {
		log_error("%s: %s", run, strerror(errno));
		return EX_OSERR;
	}
	status_init(&b->status, run);
	events_start(&b->events);
	logwatch_init(&b->logwatch, &b->events, run);
	lookout_init(&b->lookout, &b->events, &b->sessions, &b->control, b->scope.settings.pulse_ms);
	absence_open(&b->absence, &b->events, o->missed);
	control_ready(&b->control);
	return EX_OK;
}

static int earlier(int a, int c)
{
	return a < 0 ? c : c < 0 || a < c ? a : c;
}

static int run_loop(struct broker *b)
{
	while (!b->stop) {
		int64_t now = loop_now_ms();
		int wait = request_tick(&b->requests, now);
		wait = earlier(wait, control_tick(&b->control, now));
		wait = earlier(wait, scope_tick(&b->scope, now));
		b->sessions.recorder_uid = b->scope.recorder_uid;
		wait = earlier(wait, events_tick(&b->events, now));
		wait = earlier(wait, absence_tick(&b->absence, now));
		wait = earlier(wait, logwatch_tick(&b->logwatch, now));
		wait = earlier(wait, lookout_tick(&b->lookout, now));
		wait = earlier(wait, status_tick(&b->status, &b->requests, now));
		if (loop_wait(&b->loop, wait) != 0) {
			log_error("epoll: %s", strerror(errno));
			return EX_OSERR;
		}
	}
	return EX_OK;
}

static void usage(FILE *to)
{
	fputs("usage: itm-brokerd [--config FILE] [--accounts DIR] [--stub PATH] [--recorder PATH]\n"
	      "                   [--missed DIR] [--standalone RUNDIR]\n"
	      "Started by itm-agentd. --standalone runs without it; nothing can be recorded then.\n", to);
}

static int parse_options(int argc, char **argv, struct options *o)
{
	static const struct option table[] = {
		{ "config", required_argument, NULL, 'c' },
		{ "accounts", required_argument, NULL, 'a' },
		{ "stub", required_argument, NULL, 's' },
		{ "recorder", required_argument, NULL, 'r' },
		{ "missed", required_argument, NULL, 'm' },
		{ "standalone", required_argument, NULL, 'S' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	*o = (struct options){ .config = PATHS_AGENT_CONF, .accounts = "/etc", .missed = PATHS_MISSED,
			       .stub = ITM_LIBEXECDIR "/itm-shell", .recorder = ITM_LIBEXECDIR "/itm-recorder" };
	for (int c; (c = getopt_long(argc, argv, "", table, NULL)) != -1; )
		switch (c) {
		case 'c': o->config = optarg; break;
		case 'a': o->accounts = optarg; break;
		case 's': o->stub = optarg; break;
		case 'r': o->recorder = optarg; break;
		case 'm': o->missed = optarg; break;
		case 'S': o->standalone = optarg; break;
		case 'h': usage(stdout); return -1;
		default: usage(stderr); return EX_USAGE;
		}
	if (optind != argc) {
		usage(stderr);
		return EX_USAGE;
	}
	return 0;
}

int main(int argc, char **argv)
{
	static struct broker broker; /* 200 KiB */
	struct options options;
	int r = parse_options(argc, argv, &options);
	if (r != 0)
		return r < 0 ? EX_OK : r;
	log_open("itm-brokerd", options.standalone == NULL);
	/* A user's busy loops must not make a login outlast its time limit. */
	(void)setpriority(PRIO_PROCESS, 0, BUSY_HOST_NICE);
	r = start(&broker, &options);
	if (r != EX_OK)
		return r;
	r = run_loop(&broker);
	/* Sessions go on: their recorders run by themselves and the supervisor
	 * keeps what is needed to give their terminals back. */
	events_stop(&broker.events);
	absence_close(&broker.absence);
	request_close(&broker.requests);
	session_close(&broker.sessions);
	login_close(&broker.logins);
	monitor_close(&broker.monitor);
	scope_close(&broker.scope);
	return r;
}
