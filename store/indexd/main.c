/* itm-indexd: makes the searchable index out of the store.
 *
 * Order: settings; the run folder (as root); become itm-index with the groups
 * itm-store (to read the store) and itm-read; lock the index; sandbox; loop.
 * Afterwards it can read the store, write the index, and use no network. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/atomicfile.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/paths.h"
#include "base/sandbox.h"
#include "local/settings.h"
#include "local/supervisor.h"
#include "store/indexd/follow.h"
#include "store/indexd/watch.h"

enum { STATUS_MS = 1000, RETRY_MS = 1000, PROGRESS_MS = 200 };

struct options { const char *config; bool rebuild, no_sandbox; };

static uint64_t now_ms(void)
{
	return clock_boot_ns() / 1000000;
}

/* ---- status ---- */

static void publish(struct follow *f, const char *run)
{
	char path[512], last[CLOCK_TEXT_SIZE];
	struct follow_state s;
	struct buffer b;
	follow_state(f, &s);
	clock_format(clock_wall_ns(), last);
	buffer_init(&b, 1024);
	snprintf(path, sizeof path, "%s/indexd/status", run);
	if (buffer_printf(&b, "pid=%d\nrow=%llu\ncaught_up=%s\nsessions=%llu\nopen_streams=%llu\nchunks=%llu\nlast=%s\n",
			  (int)getpid(), (unsigned long long)s.position, s.caught_up ? "yes" : "no",
			  (unsigned long long)s.sessions, (unsigned long long)s.open_streams,
			  (unsigned long long)s.chunks_done, last) == 0 &&
	    atomicfile_publish(path, b.data, b.len, 0644) != 0)
		log_debug("%s: %s", path, strerror(errno));
	buffer_free(&b);
}

/* <run>/indexd, ours; as root only, else somebody made it for us. */
static void make_run_folder(const char *run, const char *user)
{
	char path[512];
	snprintf(path, sizeof path, "%s/indexd", run);
	(void)atomicfile_mkdir(run, 0755);
	int result = atomicfile_mkdir(path, 0755);
	const struct passwd *pw = geteuid() == 0 ? getpwnam(user) : NULL;
	if (result == 0 && pw != NULL && lchown(path, pw->pw_uid, pw->pw_gid) != 0)
		log_error("%s: %s", path, strerror(errno));
}

/* ---- start ---- */

/* One writer: held until the process ends. */
static int lock_index(const char *dir)
{
	char path[512];
	snprintf(path, sizeof path, "%s/lock", dir);
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0) {
		log_error("%s: %s", path, strerror(errno));
		return ITM_ESYS;
	}
	if (flock(fd, LOCK_EX | LOCK_NB) == 0)
		return fd;
	log_error("%s: another itm-indexd is running; stop it first", path);
	close(fd);
	return ITM_EBUSY;
}

static int drop_index(const char *dir)
{
	static const char *const names[] = { "index.db", "index.db-wal", "index.db-shm" };
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		char path[512];
		snprintf(path, sizeof path, "%s/%s", dir, names[i]);
		if (unlink(path) != 0 && errno != ENOENT) {
			log_error("%s: %s", path, strerror(errno));
			return ITM_ESYS;
		}
	}
	return 0;
}

static int open_signals(void)
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	signal(SIGPIPE, SIG_IGN);
	if (sigprocmask(SIG_BLOCK, &set, NULL) != 0)
		return -1;
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static int drop_rights(const struct options *o)
{
	static const char *const groups[] = { "itm-store", "itm-read", NULL };
	if (geteuid() == 0) {
		int result = sandbox_become("itm-index", groups);
		if (result != 0) {
			log_error("cannot become itm-index: %s", error_text(result));
			return EX_NOUSER;
		}
	}
	if (!o->no_sandbox && sandbox_restrict(SANDBOX_SERVER) != 0) {
		log_error("seccomp: %s", strerror(errno));
		return EX_OSERR;
	}
	return 0;
}

/* The supervisor's control socket, or -1 without one.  Nothing is kept for us:
 * after BEGIN it only ever says that the end has come. */
static int meet_supervisor(void)
{
	uint8_t data[SUPERVISOR_BLOB_MAX + 256];
	struct supervisor_message m = { 0 };
	if (getenv("ITM_CONTROL") == NULL)
		return -1;
	while (m.type != SUPERVISOR_BEGIN) {
		size_t none = 0;
		if (supervisor_recv(SUPERVISOR_CONTROL_FD, data, sizeof data, &m, NULL, &none) != 0)
			return SUPERVISOR_CONTROL_FD; /* it died: readable, so we end too */
	}
	(void)supervisor_ready(SUPERVISOR_CONTROL_FD);
	return SUPERVISOR_CONTROL_FD;
}

/* The store may come later than we do. */
static struct evidence *open_store(const char *dir, struct watch *w, bool wait)
{
	int error;
	bool said = false;
	for (;;) {
		struct evidence *e = evidence_open(dir, NULL, false, &error);
		if (e != NULL)
			return e;
		if (!said)
			log_info("%s: %s%s", dir, error_text(error), wait ? "; waiting for it" : "");
		said = true;
		if (!wait || watch_wait(w))
			return NULL;
	}
}

/* ---- work ---- */

static int run_loop(struct follow *f, struct watch *w, const char *run)
{
	uint64_t published_ms = 0, complained_ms = 0;
	for (;;) {
		int result = follow_pass(f, now_ms());
		if (result < 0 && now_ms() >= complained_ms + RETRY_MS) {
			log_error("nothing indexed, trying again: %s", error_text(result));
			complained_ms = now_ms();
		}
		if (now_ms() >= published_ms + STATUS_MS) {
			publish(f, run);
			published_ms = now_ms();
		}
		if (result != 1 && watch_wait(w))
			return EX_OK;
	}
}

static int count_chunk(void *context, const struct evidence_chunk *c)
{
	uint64_t *count = context;
	(void)c;
	++*count;
	return 0;
}

static int rebuild(struct follow *f, struct evidence *e)
{
	uint64_t total = 0, shown_ms = 0;
	struct follow_state s;
	bool tty = isatty(STDERR_FILENO);
	int result = evidence_chunks_after(e, 0, 0, count_chunk, &total);
	if (result != 0)
		return EX_DATAERR;
	do {
		result = follow_pass(f, now_ms());
		follow_state(f, &s);
		if (tty && (result != 1 || now_ms() >= shown_ms + PROGRESS_MS)) {
			fprintf(stderr, "\r%llu of %llu chunks", (unsigned long long)s.chunks_done, (unsigned long long)total);
			shown_ms = now_ms();
		}
	} while (result == 1);
	if (tty)
		fputc('\n', stderr);
	if (result != 0) {
		log_error("rebuild stopped: %s", error_text(result));
		return EX_SOFTWARE;
	}
	printf("index rebuilt: %llu sessions from %llu chunks\n", (unsigned long long)s.sessions,
	       (unsigned long long)s.chunks_done);
	return EX_OK;
}

static int work(const struct options *o, const struct settings_server *settings, struct watch *w)
{
	int error, status = EX_UNAVAILABLE;
	struct index *x = NULL;
	struct follow *f = NULL;
	struct evidence *e = open_store(settings->store, w, !o->rebuild);
	if (e == NULL)
		return o->rebuild ? EX_NOINPUT : EX_OK;
	if (o->rebuild && drop_index(settings->index) != 0)
		goto out;
	x = index_open(settings->index, true, &error);
	if (x != NULL)
		f = follow_new(x, e, &error);
	if (f == NULL) {
		log_error("%s/index.db: %s; `itm-indexd --rebuild` makes it anew", settings->index, error_text(error));
		goto out;
	}
	status = o->rebuild ? rebuild(f, e) : run_loop(f, w, settings->run);
out:
	follow_free(f);
	index_close(x);
	evidence_close(e);
	return status;
}

static void usage(FILE *to)
{
	fputs("usage: itm-indexd [--config FILE] [--rebuild] [--no-sandbox]\n"
	      "  --config FILE  settings (" PATHS_SERVER_CONF ")\n"
	      "  --rebuild      throw the index away, make it anew from the store, and end\n"
	      "  --no-sandbox   without the system call filter, for debugging\n"
	      "  --help         this\n", to);
}

static int parse_options(int argc, char **argv, struct options *o)
{
	static const struct option table[] = {
		{ "config", required_argument, NULL, 'c' },
		{ "rebuild", no_argument, NULL, 'r' },
		{ "no-sandbox", no_argument, NULL, 'n' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	*o = (struct options){ .config = PATHS_SERVER_CONF };
	for (int c; (c = getopt_long(argc, argv, "", table, NULL)) != -1; )
		switch (c) {
		case 'c': o->config = optarg; break;
		case 'r': o->rebuild = true; break;
		case 'n': o->no_sandbox = true; break;
		case 'h': usage(stdout); return -1;
		default: usage(stderr); return EX_USAGE;
		}
	if (optind == argc)
		return 0;
	usage(stderr);
	return EX_USAGE;
}

int main(int argc, char **argv)
{
	struct options options;
	struct settings_server settings;
	char error[CONFIG_ERROR_SIZE];
	int status = parse_options(argc, argv, &options);
	if (status != 0)
		return status < 0 ? EX_OK : status;
	log_open("itm-indexd", 0);
	if (settings_read_server(options.config, &settings, error) != 0) {
		log_error("%s", error);
		return EX_CONFIG;
	}
	umask(027);
	int signal_fd = open_signals();
	make_run_folder(settings.run, "itm-index");
	status = drop_rights(&options);
	if (status != 0)
		return status;
	int lock = lock_index(settings.index);
	struct watch *w = watch_new(settings.store, signal_fd, options.rebuild ? -1 : meet_supervisor());
	status = lock < 0 || w == NULL || signal_fd < 0 ? EX_UNAVAILABLE : work(&options, &settings, w);
	watch_free(w);
	if (lock >= 0)
		close(lock);
	return status;
}
