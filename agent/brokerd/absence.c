#include "agent/brokerd/absence.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"

enum {
	LOOK_MS = 5000,          /* a silent broker may come to itself again */
	DURABLE_MS = 100,        /* whether a batch is durable by now */
};

void absence_open(struct absence *a, struct events *events, const char *dir)
{
	*a = (struct absence){ .events = events, .dir = dir };
	a->fd = missed_open(dir);
	if (a->fd < 0)
		log_error("%s: %s: logins without a broker can't be declared", dir, error_text(a->fd));
}

static bool tell(struct absence *a, const char *name)
{
	struct missed m;
	if (strcmp(name, MISSED_MORE) == 0)
		return events_missed_unreadable(a->events, name, "more logins than there is room for notes");
	return missed_read(a->fd, name, &m) == 0
		? events_missed(a->events, &m, name)
		: events_missed_unreadable(a->events, name, "the note of a login can't be read");
}

static void look(struct absence *a)
{
	int count = missed_list(a->fd, a->names, ABSENCE_BATCH);
	a->count = 0;
	while (a->count < count && tell(a, a->names[a->count]))
		a->count++;
	a->mark = hoststream_mark(&a->events->stream);
	if (a->count > 0)
		log_info("%d logins were missed while no broker answered", a->count);
}

/* What can't be deleted would be told for ever. */
static void drop(struct absence *a)
{
	for (int i = 0; i < a->count; i++) {
		if (unlinkat(a->fd, a->names[i], 0) == 0 || errno == ENOENT)
			continue;
		log_error("%s: a note can't be deleted: %s; no more are taken over", a->dir, strerror(errno));
		absence_close(a);
		return;
	}
	a->count = 0;
}

int absence_tick(struct absence *a, int64_t now_ms)
{
	if (a->fd < 0 || id_is_zero(&a->events->stream.id))
		return -1;
	if (now_ms < a->next_ms)
		return (int)(a->next_ms - now_ms);
	enum hoststream_fate fate = hoststream_fate(&a->events->stream, a->mark);
	if (a->count > 0 && fate == HOSTSTREAM_DURABLE)
		drop(a);
	else if (a->count > 0 && fate == HOSTSTREAM_LOST)
		a->count = 0; /* and told again */
	if (a->fd >= 0 && a->count == 0)
		look(a);
	int wait = a->count > 0 ? DURABLE_MS : LOOK_MS;
	a->next_ms = now_ms + wait;
	return wait;
}

void absence_close(struct absence *a)
{
	if (a->fd >= 0)
		close(a->fd);
	a->fd = -1;
}
