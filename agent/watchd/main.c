/* itm-watchd: tells the record of every process of the host: what it ran, by
 * whom, from where, and in which recorded session.
 *
 * Order: acquire (as root: load the probe, or open the best of the ways below
 * it), drop to itm-watch, sandbox, loop.  With the probe no right is left and
 * no file can be opened; below it CAP_SYS_PTRACE is, for the paths in /proc of
 * other people's processes, and files can be opened for reading. */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sysexits.h>
#include <unistd.h>

#include "agent/watchd/alarms.h"
#include "agent/watchd/broker_line.h"
#include "agent/watchd/describe.h"
#include "agent/watchd/eye.h"
#include "agent/watchd/level.h"
#include "agent/watchd/logins.h"
#include "agent/watchd/probe.h"
#include "agent/watchd/report.h"
#include "agent/watchd/snapshot.h"
#include "base/clock.h"
#include "base/fdpass.h"
#include "base/log.h"
#include "base/paths.h"
#include "base/sandbox.h"
#include "format/meta.h"
#include "local/control.h"
#include "local/hoststream.h"
#include "local/monitor_line.h"
#include "local/settings.h"

enum { LOOK_MS = 50, COUNTS_MS = 10000, BEGIN_MS = 1000, BROKER_MS = 3000, WHY_MAX = 1024 };

static const char level_path[] = PATHS_STATE "/monitor-level";

struct watch {
	struct settings_agent settings;
	struct loop loop;
	struct control control;
	struct hoststream stream;
	struct probe *probe;     /* NULL: the kernel refused */
	struct eye *eye;         /* instead of it; NULL: nothing can be seen */
	struct buffer why;       /* what was refused: "bpf: no BTF; audit: ..." */
	int level_before;        /* of the run before; -1 = nobody knows */
	struct broker_line broker;
	struct logins logins;
	int64_t broker_ms, eye_ms; /* until when the broker is waited for; when to look again */
	struct loop_watch ring, signals;
	struct buffer event, meta;
	struct probe_totals told;
	struct report report;
	struct alarms alarms;
	struct snapshot snapshot;
	int sessions;            /* the map of the run before this one; -1 = none */
	int line;                /* to the broker, held open; -1 = none */
	int64_t counts_ms, begin_ms;
	bool begun, stop;
};

/* ---- what goes into the record ---- */

static void tell_login(struct watch *w, const struct activity_event *e, uint32_t before, uint32_t now)
{
	char stream[ID_TEXT_SIZE];
	struct buffer facts;
	struct id session;

	memcpy(session.bytes, e->bytes[ACTIVITY_SESSION], ID_SIZE);
	id_format(&session, stream);
	buffer_init(&facts, HOSTSTREAM_NOTE_MAX);
	meta_put(&facts, "stream", stream);
	meta_put_number(&facts, "pid", e->number[ACTIVITY_PID]);
	meta_put_number(&facts, "before", before);
	meta_put_number(&facts, "now", now);
	hoststream_alert(&w->stream, ALERT_LOGINUID_CHANGED, &facts);
	buffer_free(&facts);
}

static void put(struct watch *w, uint64_t boot_ns, const struct activity_event *e)
{
	uint32_t before, now;

	if (logins_changed(&w->logins, e, &before, &now))
		tell_login(w, e, before, now);
	buffer_clear(&w->event);
	if (activity_put(&w->event, e) == 0)
		(void)hoststream_activity(&w->stream, boot_ns, w->event.data, w->event.len);
}

/* What finds no room in the stream stays in the ring, which is larger. */
static bool on_event(void *context, const struct probe_head *head)
{
	struct watch *w = context;
	struct describe_fds fds;
	struct activity_event e;

	if (describe_record(head, &fds, &e) == 0)
		put(w, head->boot_ns, &e);
	return hoststream_room(&w->stream);
}

static bool on_sight(void *context, uint64_t boot_ns, const struct activity_event *e)
{
	struct watch *w = context;

	put(w, boot_ns, e);
	return hoststream_room(&w->stream);
}

/* Before anything of the ring: parents come before their children. */
static void tell_snapshot(struct watch *w)
{
	const uint8_t *data;
	size_t len;

	while (w->snapshot.events.len > 0 && hoststream_room(&w->stream) && snapshot_next(&w->snapshot, &data, &len))
		(void)hoststream_activity(&w->stream, w->snapshot.boot_ns, data, len);
}

static int level_of(const struct watch *w)
{
	return w->probe != NULL ? SETTINGS_LEVEL_BPF : w->eye != NULL ? eye_level(w->eye) : SETTINGS_LEVEL_NONE;
}

/* Of words, not of processes: the kernel does not say what one was about
 * that was lost. */
static void count_sights(const struct eye *eye, struct probe_totals *t)
{
	struct eye_counts c;

	eye_counts(eye, &c);
	t->received[PROBE_EXEC] = c.received;
	t->dropped[PROBE_EXEC] = c.dropped;
	t->made[PROBE_EXEC] = c.received + c.dropped;
	t->missed = c.gone;
	t->strange = c.strange;
}

static const char *refused(struct watch *w)
{
	const char *text = buffer_text(&w->why);

	return text != NULL ? text : "";
}

static void tell_counts(struct watch *w)
{
	struct activity_event e = { .kind = ACTIVITY_COUNTS };
	struct probe_totals t = { 0 };
	const char *level = eye_name(level_of(w));

	if (w->probe != NULL)
		probe_totals(w->probe, &t);
	else if (w->eye != NULL)
		count_sights(w->eye, &t);
	e.number[ACTIVITY_MADE] = report_sum(t.made);
	e.number[ACTIVITY_RECEIVED] = report_sum(t.received);
	e.number[ACTIVITY_DROPPED] = report_sum(t.dropped);
	e.number[ACTIVITY_MISSED] = t.missed;
	e.number[ACTIVITY_MISSING] = t.missing;
	e.number[ACTIVITY_SESSIONS_LOST] = t.sessions_lost;
	activity_set_bytes(&e, ACTIVITY_LEVEL_NAME, level, strlen(level));
	put(w, clock_boot_ns(), &e);
	alarms_look(&w->alarms, &w->stream, w->probe != NULL, &t, &w->told);
	report_publish(&w->report, &t, level, refused(w));
	w->told = t;
}

/* Once: the next run compares with this one. */
static void tell_drop(struct watch *w)
{
	struct buffer facts;

	if (w->level_before <= level_of(w))
		return;
	buffer_init(&facts, HOSTSTREAM_NOTE_MAX);
	meta_put(&facts, "level", eye_name(level_of(w)));
	meta_put(&facts, "before", eye_name(w->level_before));
	meta_put(&facts, "reason", refused(w));
	hoststream_alert(&w->stream, ALERT_MONITOR_LEVEL, &facts);
	buffer_free(&facts);
	w->level_before = level_of(w);
}

static void tell_level(struct watch *w)
{
	struct activity_event e = { .kind = ACTIVITY_LEVEL };
	const char *level = eye_name(level_of(w));

	activity_set_bytes(&e, ACTIVITY_LEVEL_NAME, level, strlen(level));
	activity_set_bytes(&e, ACTIVITY_REASON, refused(w), strlen(refused(w)));
	put(w, clock_boot_ns(), &e);
	tell_drop(w);
}

static void begin(struct watch *w)
{
	w->begin_ms = loop_now_ms() + BEGIN_MS;
	w->begun = hoststream_begin(&w->stream, &w->meta) == 0;
	if (w->begun)
		tell_level(w);
}

/* ---- the supervisor ---- */

static const char sessions_key[] = "sessions";

static void on_kept(void *context, const struct supervisor_message *m, int *fds, size_t count)
{
	struct watch *w = context;

	if (strcmp(m->key, sessions_key) == 0 && count == 1 && w->sessions < 0) {
		w->sessions = fds[0];
		return;
	}
	/* A stream of our predecessor's: the sealer ends it when this closes. */
	for (size_t i = 0; i < count; i++)
		close(fds[i]);
	control_remove(&w->control, m->key);
}

/* The broker gets the map that ties processes to sessions. */
static void give_map(struct watch *w, int fd)
{
	int map = probe_session_map(w->probe);

	const char what = MONITOR_LINE_MAP;
	if (fdpass_send(fd, &what, 1, &map, 1) != 0)
		log_error("the broker does not take the map of sessions: %s", strerror(errno));
	if (w->line >= 0)
		close(w->line);
	w->line = fd;
}

static void on_paired(void *context, const char *key, int fd)
{
	struct watch *w = context;

	if (strcmp(key, MONITOR_LINE) == 0 && w->probe != NULL)
		give_map(w, fd);
	else if (strcmp(key, MONITOR_LINE) == 0 && w->eye != NULL)
		broker_line_open(&w->broker, fd);
	else if (!hoststream_paired(&w->stream, key, fd))
		close(fd);
}

/* The supervisor keeps the map for our next run, the broker fills it; without
 * one the broker tells us. */
static void ask_broker(struct watch *w)
{
	int map = w->probe != NULL ? probe_session_map(w->probe) : -1;

	if (map >= 0)
		control_store(&w->control, sessions_key, NULL, 0, &map, 1);
	if (map >= 0 || w->eye != NULL)
		control_pair(&w->control, "broker", MONITOR_LINE, NULL, 0);
}

static void on_renewed(void *context)
{
	struct watch *w = context;

	hoststream_renewed(&w->stream);
	ask_broker(w);
	control_ready(&w->control);
}

static void on_stop(void *context)
{
	struct watch *w = context;

	w->stop = true;
}

static const struct control_calls calls = { on_kept, on_paired, on_renewed, on_stop };

/* ---- life ---- */

/* While the stream is full the ring would wake us in vain. */
static void read_ring(struct watch *w)
{
	tell_snapshot(w);
	bool more = w->probe != NULL && hoststream_room(&w->stream) && probe_read(w->probe, on_event, w);

	if (!more) {
		loop_remove(&w->loop, &w->ring);
	} else if (w->ring.fd < 0) {
		w->ring.fd = probe_fd(w->probe);
		if (loop_add(&w->loop, &w->ring) != 0)
			w->ring.fd = -1; /* the look every 50 ms goes on */
	}
}

/* What processes do is told after whose they are. */
static void read_eye(struct watch *w)
{
	int64_t now = loop_now_ms();
	bool room = hoststream_room(&w->stream);

	if (w->eye == NULL)
		return;
	broker_line_read(&w->broker);
	if (!w->broker.all && now < w->broker_ms)
		return;
	int wait = room ? eye_read(w->eye, now) : -1;
	w->eye_ms = now + (wait >= 0 ? wait : LOOK_MS);
	if (wait < 0) {
		loop_remove(&w->loop, &w->ring);
	} else if (w->ring.fd < 0 && eye_fd(w->eye) >= 0) {
		w->ring.fd = eye_fd(w->eye);
		if (loop_add(&w->loop, &w->ring) != 0)
			w->ring.fd = -1;
	}
}

static void on_ring(void *context)
{
	struct watch *w = context;

	if (w->eye != NULL)
		read_eye(w);
	else
		read_ring(w);
}

static void on_signal(void *context)
{
	struct watch *w = context;
	struct signalfd_siginfo info;

	if (read(w->signals.fd, &info, sizeof info) == sizeof info && info.ssi_signo == SIGTERM)
		w->stop = true;
}

static int watch_signals(struct watch *w)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	w->signals = (struct loop_watch){ .fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK), .ready = on_signal, .context = w };
	return w->signals.fd >= 0 ? loop_add(&w->loop, &w->signals) : ITM_ESYS;
}

static int make_meta(struct watch *w)
{
	char host[ID_TEXT_SIZE + 1] = "", name[256] = "";
	FILE *f = fopen(w->settings.host_id, "re");
	bool read = f != NULL && fgets(host, sizeof host, f) != NULL;

	if (f != NULL)
		fclose(f);
	host[strcspn(host, "\n")] = '\0';
	gethostname(name, sizeof name - 1);
	buffer_init(&w->meta, META_MAX);
	return !read || meta_put_number(&w->meta, "v", 1) != 0 || meta_put(&w->meta, "host", host) != 0 ||
	       meta_put(&w->meta, "hostname", name) != 0 || meta_put(&w->meta, "mode", "processes") != 0;
}

static void open_probe(struct watch *w)
{
	char error[PROBE_ERROR_SIZE] = "monitor_level forbids it";

	if (w->settings.monitor_level >= SETTINGS_LEVEL_BPF && probe_open(PROBE_RING_DEFAULT, w->sessions, &w->probe, error) == 0) {
		snapshot_take(&w->snapshot, w->probe);
		return;
	}
	buffer_printf(&w->why, "bpf: %s", error);
	w->eye = eye_open(w->settings.monitor_level, on_sight, w, &w->why);
	log_error("the process monitor sees less than it could (%s): %s", eye_name(level_of(w)), refused(w));
	broker_line_init(&w->broker, &w->loop, w->eye);
	w->broker_ms = loop_now_ms() + BROKER_MS;
}

static void remember_level(struct watch *w)
{
	w->level_before = level_read(level_path);
	if (w->level_before != level_of(w))
		level_keep(level_path, level_of(w));
}

static int acquire(struct watch *w)
{
	char path[sizeof w->settings.run + 32];

	w->line = w->sessions = -1;
	if (make_meta(w) != 0) {
		log_error("%s: no host id", w->settings.host_id);
		return EX_CONFIG;
	}
	if (loop_open(&w->loop) != 0 || watch_signals(w) != 0)
		return EX_OSERR;
	buffer_init(&w->event, ACTIVITY_EVENT_MAX + 64);
	hoststream_init(&w->stream, &w->loop, &w->control);
	snprintf(path, sizeof path, "%s/agentd.sock", w->settings.run);
	if (control_open(&w->control, &w->loop, "watcher", false, path, &calls, w) != 0)
		return EX_UNAVAILABLE;
	w->ring = (struct loop_watch){ .fd = -1, .ready = on_ring, .context = w };
	buffer_init(&w->why, WHY_MAX);
	open_probe(w);
	remember_level(w);
	report_open(&w->report, w->settings.run);
	alarms_open(&w->alarms);
	return 0;
}

static int earlier(int a, int b)
{
	return a < 0 ? b : b < 0 || a < b ? a : b;
}

/* ms until something is to be looked at, whether or not anybody wakes us. */
static int look_ms(const struct watch *w, int64_t now)
{
	if (w->eye == NULL)
		return LOOK_MS;
	int64_t wait = w->eye_ms - now;
	return wait < 0 ? 0 : wait < COUNTS_MS ? (int)wait : COUNTS_MS;
}

static int run(struct watch *w)
{
	begin(w);
	ask_broker(w);
	control_ready(&w->control);
	while (!w->stop) {
		int64_t now = loop_now_ms();
		if (now >= w->counts_ms) {
			tell_counts(w);
			w->counts_ms = now + COUNTS_MS;
		}
		if ((!w->begun || hoststream_broken(&w->stream)) && now >= w->begin_ms)
			begin(w);
		int wait = earlier(look_ms(w, now), hoststream_tick(&w->stream));
		if (loop_wait(&w->loop, earlier(wait, control_tick(&w->control, now))) != 0)
			return EX_OSERR;
		if (w->eye == NULL)
			read_ring(w);
		else if (loop_now_ms() >= w->eye_ms)
			read_eye(w);
	}
	tell_counts(w);
	hoststream_end(&w->stream);
	return EX_OK;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "config", required_argument, NULL, 'c' }, { "help", no_argument, NULL, 'h' }, { 0 },
	};
	static struct watch watch;
	const char *path = PATHS_AGENT_CONF;
	char error[CONFIG_ERROR_SIZE];

	for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1; )
		if (c == 'c') {
			path = optarg;
		} else {
			fputs("usage: itm-watchd [--config FILE]\nStarted by itm-agentd.\n", c == 'h' ? stdout : stderr);
			return c == 'h' ? EX_OK : EX_USAGE;
		}
	log_open("itm-watchd", 0);
	if (settings_read_agent(path, &watch.settings, error) != 0) {
		log_error("%s", error);
		return EX_CONFIG;
	}
	int r = acquire(&watch);
	if (r != 0)
		return r;
	uint64_t capabilities = watch.eye != NULL ? UINT64_C(1) << CAP_SYS_PTRACE : 0;
	enum sandbox_profile profile = watch.eye != NULL ? SANDBOX_LOOKER : SANDBOX_WATCHER;
	if (sandbox_no_core() != 0 || sandbox_become_with("itm-watch", NULL, capabilities) != 0 || sandbox_restrict(profile) != 0) {
		log_error("cannot become itm-watch: %s", strerror(errno));
		return EX_OSERR;
	}
	return run(&watch);
}
