#include "agent/watchd/eye.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"

enum { POLL_MS = 250, SOON_MS = 5 };

struct eye {
	const struct eye_way *way;
	int level, proc;
	void *state;
	struct observer observer;
	struct eye_counts counts;
	int64_t scan_ms;         /* when to look at all of /proc again */
};

static int poll_open(void **state, char error[EYE_ERROR_SIZE])
{
	(void)error;
	*state = NULL;
	return 0;
}

static int poll_fd(const void *state)
{
	(void)state;
	return -1;
}

static bool poll_read(void *state, struct observer *l, struct eye_counts *c)
{
	(void)state;
	(void)l;
	(void)c;
	return false;
}

static void poll_close(void *state)
{
	(void)state;
}

static const struct eye_way poll_way = { poll_open, poll_fd, poll_read, poll_close, POLL_MS };

static const struct { const char *name; const struct eye_way *way; } levels[] = {
	[SETTINGS_LEVEL_NONE] = { "none", NULL },
	[SETTINGS_LEVEL_POLL] = { "poll", &poll_way },
	[SETTINGS_LEVEL_CONNECTOR] = { "connector", &connector_way },
	[SETTINGS_LEVEL_FANOTIFY] = { "fanotify", &fanotify_way },
	[SETTINGS_LEVEL_AUDIT] = { "audit", &audit_way },
	[SETTINGS_LEVEL_BPF] = { "bpf", NULL },
};

const char *eye_name(int level)
{
	return levels[level].name;
}

static struct eye *open_at(int level, observer_event *event, void *context, char error[EYE_ERROR_SIZE])
{
	struct eye *e = calloc(1, sizeof *e);

	if (e == NULL)
		goto err0;
	*e = (struct eye){ .way = levels[level].way, .level = level,
			   .proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC) };
	if (e->proc < 0 || observer_open(&e->observer, e->proc, event, context) != 0)
		goto err1;
	if (e->way->open(&e->state, error) != 0)
		goto err2;
	return e;
err2:
	observer_close(&e->observer);
err1:
	if (e->proc >= 0)
		close(e->proc);
err0:
	free(e);
	return NULL;
}

struct eye *eye_open(int highest, observer_event *event, void *context, struct buffer *why)
{
	if (highest >= SETTINGS_LEVEL_BPF)
		highest = SETTINGS_LEVEL_BPF - 1;
	for (int level = highest; level > SETTINGS_LEVEL_NONE; level--) {
		char error[EYE_ERROR_SIZE] = "/proc cannot be read";
		struct eye *e = open_at(level, event, context, error);
		if (e != NULL)
			return e;
		buffer_printf(why, "%s%s: %s", why->len > 0 ? "; " : "", eye_name(level), error);
	}
	return NULL;
}

void eye_close(struct eye *e)
{
	if (e == NULL)
		return;
	e->way->close(e->state);
	observer_close(&e->observer);
	close(e->proc);
	free(e);
}

int eye_level(const struct eye *e)
{
	return e->level;
}

int eye_fd(const struct eye *e)
{
	return e->way->fd(e->state);
}

int eye_read(struct eye *e, int64_t now_ms)
{
	e->observer.room = true;
	/* Who is there comes before what they do. */
	if (e->observer.scanning || now_ms >= e->scan_ms) {
		if (!observer_scan(&e->observer, clock_boot_ns()))
			return -1;
		e->scan_ms = now_ms + e->way->scan_ms;
	}
	bool soon = e->way->read(e->state, &e->observer, &e->counts);
	if (!e->observer.room)
		return -1;
	int wait = (int)(e->scan_ms - now_ms);
	return soon && wait > SOON_MS ? SOON_MS : wait;
}

void eye_tie(struct eye *e, uint32_t pid, uint64_t start_ticks, const struct id *session)
{
	observer_tie(&e->observer, pid, start_ticks * (UINT64_C(1000000000) / (uint64_t)sysconf(_SC_CLK_TCK)), session);
}

/* What is only looked at was made by nobody: it is received when it is told. */
void eye_counts(const struct eye *e, struct eye_counts *out)
{
	*out = e->counts;
	out->gone = e->observer.gone;
	if (e->way->fd(e->state) >= 0)
		return;
	for (int kind = 0; kind <= ACTIVITY_EXIT; kind++)
		out->received += e->observer.made[kind];
}
