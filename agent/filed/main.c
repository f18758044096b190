/* itm-filed: tells the record of every change of a sensitive file: what it was
 * and is, and who did it.
 *
 * Order: acquire (fanotify as root), drop to itm-file, which may still read
 * every file, sandbox, loop. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "agent/filed/report.h"
#include "agent/filed/tell.h"
#include "base/atomicfile.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "base/paths.h"
#include "base/sandbox.h"
#include "format/meta.h"
#include "local/control.h"
#include "local/hoststream.h"

#define STATE_DIR PATHS_STATE "/files"
#define STATE_FILE STATE_DIR "/state"

enum {
	TURN_MS = 1000, LOOK_MS = 10000, COUNTS_MS = 30000, SAVE_MS = 1000, WHOLE_S = 600,
	BURST_MS = 60000, REFILL_MS = 5000, /* of one file: a dozen changes at once, then one in 5 s */
};

struct filed {
	struct settings_agent settings;
	struct loop loop;
	struct control control;
	struct hoststream stream;
	struct watched watched;
	struct report report;
	struct loop_watch notices, signals, mounts;
	struct buffer event, meta;
	char refusal[128];
	uint64_t received, told, overflows;
	int64_t turn_ms, look_ms, counts_ms, save_ms, begin_ms;
	size_t cursor;           /* next file of the slow look at every byte */
	struct hoststream_mark mark;
	bool begun, stop, dirty;
	uint32_t flags;          /* of every event: ACTIVITY_FILE_ELSEWHERE or 0 */
};

/* ---- what goes into the record ---- */

static void put(struct filed *d, const struct activity_event *e)
{
	buffer_clear(&d->event);
	if (activity_put(&d->event, e) != 0)
		return;
	(void)hoststream_activity(&d->stream, clock_boot_ns(), d->event.data, d->event.len);
	d->mark = hoststream_mark(&d->stream);
	d->told++;
}

static void put_words(struct filed *d, enum activity_kind kind, enum activity_tag tag, const char *what, const char *reason)
{
	struct activity_event e = { .kind = kind };

	activity_set_bytes(&e, tag, what, strlen(what));
	activity_set_bytes(&e, ACTIVITY_REASON, reason, strlen(reason));
	put(d, &e);
}

static void tell_alarm(struct filed *d, const struct watched_file *f, const struct look *before)
{
	char room[128];
	const char *words = tell_alert(f, before, room, sizeof room);
	struct buffer facts;

	if (words == NULL)
		return;
	buffer_init(&facts, HOSTSTREAM_NOTE_MAX);
	meta_put(&facts, "reason", words);
	meta_put(&facts, "path", f->path);
	if (f->writer.pid != 0)
		meta_put_number(&facts, "pid", (uint64_t)f->writer.pid);
	log_error("%s: %s", f->path, words);
	(void)hoststream_alert(&d->stream, ALERT_FILE_CHANGED, &facts);
	buffer_free(&facts);
}

static void look_and_tell(struct filed *d, size_t file, uint32_t flags)
{
	struct activity_event e;
	struct look before;

	watched_look(&d->watched, file, &before);
	struct watched_file *f = &d->watched.files[file];
	if (tell_change(f, &before, flags | d->flags, &e)) {
		put(d, &e);
		tell_alarm(d, f, &before);
		d->dirty = true;
		d->watched.scan_due |= strcmp(f->path, "/etc/passwd") == 0;
	}
	look_free(&before);
	f->queued = f->wrote = f->several = false;
	f->times = 0;
	f->writer = (struct writer){ .pid = 0 };
}

/* Those that wait: for room in the stream, or because they change too often. */
static void drain(struct filed *d)
{
	int64_t now = loop_now_ms();

	for (size_t i = 0; i < d->watched.file_count && hoststream_room(&d->stream); i++) {
		struct watched_file *f = &d->watched.files[i];
		if (!f->queued || f->tokens_ms > now + BURST_MS)
			continue;
		f->tokens_ms = (f->tokens_ms > now ? f->tokens_ms : now) + REFILL_MS;
		look_and_tell(d, i, 0);
	}
}

static void look_at_all(struct filed *d, bool bytes)
{
	for (size_t i = 0; i < d->watched.file_count && hoststream_room(&d->stream); i++)
		if (!d->watched.files[i].queued && (bytes || watched_differs(&d->watched, i)))
			look_and_tell(d, i, 0);
}

static void on_moved(void *context, const struct watched_folder *f)
{
	struct filed *d = context;

	put_words(d, ACTIVITY_FILE_PLACE, ACTIVITY_PATH, f->path,
		  f->there ? "another folder is there than before" : "the folder is gone");
}

static void scan(struct filed *d)
{
	watched_scan(&d->watched, on_moved, d);
	look_at_all(d, false);
}

static void tell_counts(struct filed *d)
{
	struct activity_event e = { .kind = ACTIVITY_FILE_COUNTS };
	const struct watched *w = &d->watched;
	uint64_t watched = 0;

	for (size_t i = 0; i < w->file_count; i++)
		watched += w->files[i].look.there;
	e.number[ACTIVITY_WATCHED] = watched;
	e.number[ACTIVITY_POLLED] = w->polled;
	e.number[ACTIVITY_RECEIVED] = d->received;
	e.number[ACTIVITY_DROPPED] = w->left_out;
	e.number[ACTIVITY_OVERFLOWS] = d->overflows;
	put(d, &e);
	const struct report_facts facts = { watched, w->polled, w->folder_count, w->left_out, d->received, d->told,
					    d->overflows, d->stream.lost, d->refusal[0] != '\0' ? d->refusal : NULL };
	report_publish(&d->report, &facts);
}

static void begin(struct filed *d)
{
	d->begin_ms = loop_now_ms() + TURN_MS;
	d->begun = hoststream_begin(&d->stream, &d->meta) == 0;
	if (d->begun)
		put_words(d, ACTIVITY_LEVEL, ACTIVITY_LEVEL_NAME, d->refusal[0] != '\0' ? "looks" : "fanotify", d->refusal);
}

/* ---- the state on disk ---- */

static void save(struct filed *d)
{
	const struct watched *w = &d->watched;
	struct buffer b;
	size_t count = 0;

	for (size_t i = 0; i < w->file_count; i++)
		count += w->files[i].look.there;
	buffer_init(&b, KNOWN_MAX);
	int r = known_begin(&b, w->key, count);
	for (size_t i = 0; i < w->file_count && r == 0; i++)
		if (w->files[i].look.there)
			r = known_put(&b, w->files[i].path, &w->files[i].look);
	if (r == 0)
		r = known_end(&b);
	if (r == 0)
		r = atomicfile_write(STATE_FILE, b.data, b.len, 0600);
	if (r != 0)
		log_error("%s: cannot be written: %s", STATE_FILE, error_text(r));
	d->dirty = r != 0;
	d->save_ms = loop_now_ms() + SAVE_MS;
	buffer_free(&b);
}

/* Changes since then are told as such; without it what is there is taken as it is. */
static void load(struct filed *d)
{
	struct known known = { .list = NULL };
	struct buffer b;

	buffer_init(&b, KNOWN_MAX);
	int r = atomicfile_read(STATE_FILE, &b);
	if (r == 0)
		r = known_decode(b.data, b.len, &known);
	if (r == 0)
		memcpy(d->watched.key, known.key, LOOK_KEY);
	else if (getrandom(d->watched.key, LOOK_KEY, 0) != LOOK_KEY)
		log_error("no random bytes: %s", error_text(ITM_ESYS));
	watched_scan(&d->watched, NULL, NULL);
	if (r == 0)
		watched_know(&d->watched, &known);
	else
		put_words(d, ACTIVITY_LEVEL, ACTIVITY_LEVEL_NAME, "first look",
			  r == ITM_ENOENT ? "nothing is known from before" : "what was known from before cannot be read");
	for (size_t i = 0; i < d->watched.file_count; i++) {
		struct look before;
		if (r == 0) {
			look_and_tell(d, i, ACTIVITY_FILE_AWAY);
		} else {
			watched_look(&d->watched, i, &before);
			look_free(&before);
		}
	}
	d->dirty = true;
	known_free(&known);
	buffer_free(&b);
}

/* ---- the kernel ---- */

static void overflow(struct filed *d)
{
	d->overflows++;
	log_error("the kernel's queue of changes overflowed: everything is looked at again");
	put_words(d, ACTIVITY_FILE_PLACE, ACTIVITY_PATH, "/", "the kernel's queue overflowed; everything is looked at again");
	watched_scan(&d->watched, on_moved, d);
	look_at_all(d, true);
}

static void on_notices(void *context)
{
	static _Alignas(8) uint8_t data[NOTICES_READ];
	struct filed *d = context;
	ssize_t got = read(d->watched.notices, data, sizeof data);
	bool overflowed = false;
	struct notice n;
	size_t used;

	for (size_t at = 0; got > 0 && at < (size_t)got && notices_decode(data + at, (size_t)got - at, &n, &used); at += used) {
		d->received++;
		overflowed |= n.overflow;
		/* Our own state file stands in no watched folder. */
		(void)watched_notice(&d->watched, &n);
		if (n.pidfd >= 0)
			close(n.pidfd);
	}
	drain(d);
	if (overflowed)
		overflow(d);
	if (d->watched.scan_due)
		d->turn_ms = 0;
}

static void on_mounts(void *context)
{
	struct filed *d = context;
	struct epoll_event e;

	if (epoll_wait(d->mounts.fd, &e, 1, 0) > 0)
		scan(d);
}

/* mountinfo is always readable; that it changed comes as a priority event (proc(5)). */
static int watch_mounts(struct filed *d)
{
	struct epoll_event e = { .events = EPOLLPRI };
	int fd = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC), inner = epoll_create1(EPOLL_CLOEXEC);

	if (fd < 0 || inner < 0 || epoll_ctl(inner, EPOLL_CTL_ADD, fd, &e) != 0)
		return ITM_ESYS;
	d->mounts = (struct loop_watch){ .fd = inner, .ready = on_mounts, .context = d };
	return loop_add(&d->loop, &d->mounts);
}

/* ---- the supervisor ---- */

static void on_kept(void *context, const struct supervisor_message *m, int *fds, size_t count)
{
	struct filed *d = context;

	/* A stream of our predecessor's: the sealer ends it when this closes. */
	for (size_t i = 0; i < count; i++)
		close(fds[i]);
	control_remove(&d->control, m->key);
}

static void on_paired(void *context, const char *key, int fd)
{
	struct filed *d = context;

	if (!hoststream_paired(&d->stream, key, fd))
		close(fd);
}

static void on_renewed(void *context)
{
	struct filed *d = context;

	hoststream_renewed(&d->stream);
	control_ready(&d->control);
}

static void on_stop(void *context)
{
	struct filed *d = context;

	d->stop = true;
}

static const struct control_calls calls = { .kept = on_kept, .paired = on_paired, .renewed = on_renewed, .stop = on_stop };

/* ---- life ---- */

static void on_signal(void *context)
{
	struct filed *d = context;
	struct signalfd_siginfo info;

	if (read(d->signals.fd, &info, sizeof info) == sizeof info && info.ssi_signo == SIGTERM)
		d->stop = true;
}

static int watch_signals(struct filed *d)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	d->signals = (struct loop_watch){ .fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK), .ready = on_signal, .context = d };
	return d->signals.fd >= 0 ? loop_add(&d->loop, &d->signals) : ITM_ESYS;
}

static int make_meta(struct filed *d)
{
	char host[ID_TEXT_SIZE + 1] = "", name[256] = "";
	FILE *f = fopen(d->settings.host_id, "re");
	bool read = f != NULL && fgets(host, sizeof host, f) != NULL;

	if (f != NULL)
		fclose(f);
	host[strcspn(host, "\n")] = '\0';
	gethostname(name, sizeof name - 1);
	buffer_init(&d->meta, META_MAX);
	return !read || meta_put_number(&d->meta, "v", 1) != 0 || meta_put(&d->meta, "host", host) != 0 ||
	       meta_put(&d->meta, "hostname", name) != 0 || meta_put(&d->meta, "mode", "files") != 0;
}

static int make_state_dir(void)
{
	const struct passwd *pw = getpwnam("itm-file");
	int fd = -1;

	if (pw != NULL && (mkdir(STATE_DIR, 0700) == 0 || errno == EEXIST))
		fd = open(STATE_DIR, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	int r = fd >= 0 && fchown(fd, pw->pw_uid, pw->pw_gid) == 0 && fchmod(fd, 0700) == 0 ? 0 : ITM_ESYS;
	if (fd >= 0)
		close(fd);
	return r;
}

/* The process monitor names processes by the numbers of the first namespace. */
static bool is_elsewhere(void)
{
	char text[64];
	ssize_t n = readlink("/proc/self/ns/pid", text, sizeof text - 1);

	text[n > 0 ? n : 0] = '\0';
	return strcmp(text, "pid:[4026531836]") != 0; /* PROC_PID_INIT_INO of linux/proc_ns.h */
}

static int acquire(struct filed *d)
{
	char path[sizeof d->settings.run + 32];

	if (make_meta(d) != 0) {
		log_error("%s: no host id", d->settings.host_id);
		return EX_CONFIG;
	}
	if (make_state_dir() != 0) {
		log_error("%s: cannot be made for itm-file: %s", STATE_DIR, error_text(ITM_ESYS));
		return EX_OSERR;
	}
	if (loop_open(&d->loop) != 0 || watch_signals(d) != 0 || watch_mounts(d) != 0)
		return EX_OSERR;
	buffer_init(&d->event, ACTIVITY_EVENT_MAX + 64);
	hoststream_init(&d->stream, &d->loop, &d->control);
	snprintf(path, sizeof path, "%s/agentd.sock", d->settings.run);
	if (control_open(&d->control, &d->loop, "files", false, path, &calls, d) != 0)
		return EX_UNAVAILABLE;
	int notices = notices_open();
	if (notices < 0) {
		snprintf(d->refusal, sizeof d->refusal, "fanotify: %s", strerror(errno));
		log_error("the kernel tells of no change, files are looked at every 10 s: %s", d->refusal);
	}
	watched_init(&d->watched, &d->settings, notices);
	d->notices = (struct loop_watch){ .fd = notices, .ready = on_notices, .context = d };
	d->flags = is_elsewhere() ? ACTIVITY_FILE_ELSEWHERE : 0;
	report_open(&d->report, d->settings.run);
	return notices < 0 || loop_add(&d->loop, &d->notices) == 0 ? 0 : EX_OSERR;
}

/* A part of the set each second, so that all is read once in ten minutes:
 * what changed under a clock that was set back, or by way of the disk. */
static void slow_look(struct filed *d)
{
	size_t count = d->watched.file_count, some = count / WHOLE_S + 1;

	for (size_t i = 0; i < some && count > 0 && hoststream_room(&d->stream); i++) {
		d->cursor = (d->cursor + 1) % count;
		if (!d->watched.files[d->cursor].queued)
			look_and_tell(d, d->cursor, 0);
	}
}

static void turn(struct filed *d, int64_t now)
{
	d->turn_ms = now + TURN_MS;
	if (d->watched.scan_due || now >= d->look_ms) {
		d->look_ms = now + LOOK_MS;
		scan(d);
	}
	drain(d);
	slow_look(d);
	if (now >= d->counts_ms) {
		d->counts_ms = now + COUNTS_MS;
		tell_counts(d);
	}
	/* What was told is known only once it is durable, or its loss is declared. */
	if (d->dirty && now >= d->save_ms && hoststream_fate(&d->stream, d->mark) != HOSTSTREAM_PENDING)
		save(d);
}

static int earlier(int a, int b)
{
	return a < 0 ? b : b < 0 || a < b ? a : b;
}

static int run(struct filed *d)
{
	begin(d);
	control_ready(&d->control);
	load(d);
	while (!d->stop) {
		int64_t now = loop_now_ms();
		if ((!d->begun || hoststream_broken(&d->stream)) && now >= d->begin_ms)
			begin(d);
		if (now >= d->turn_ms)
			turn(d, now);
		int wait = earlier((int)(d->turn_ms > now ? d->turn_ms - now : 1), hoststream_tick(&d->stream));
		if (loop_wait(&d->loop, earlier(wait, control_tick(&d->control, now))) != 0)
			return EX_OSERR;
	}
	tell_counts(d);
	hoststream_end(&d->stream);
	return EX_OK;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "config", required_argument, NULL, 'c' }, { "help", no_argument, NULL, 'h' }, { 0 },
	};
	static struct filed filed;
	const char *path = PATHS_AGENT_CONF;
	char error[CONFIG_ERROR_SIZE];

	for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1; )
		if (c == 'c') {
			path = optarg;
		} else {
			fputs("usage: itm-filed [--config FILE]\nStarted by itm-agentd.\n", c == 'h' ? stdout : stderr);
			return c == 'h' ? EX_OK : EX_USAGE;
		}
	log_open("itm-filed", 0);
	if (settings_read_agent(path, &filed.settings, error) != 0) {
		log_error("%s", error);
		return EX_CONFIG;
	}
	int r = acquire(&filed);
	if (r != 0)
		return r;
	if (sandbox_no_core() != 0 || sandbox_become_reader("itm-file", NULL) != 0 || sandbox_restrict(SANDBOX_SEALER) != 0) {
		log_error("cannot become itm-file: %s", strerror(errno));
		return EX_OSERR;
	}
	return run(&filed);
}
