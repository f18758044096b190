#include "agent/brokerd/logwatch.h"

#include <stdio.h>
#include <string.h>

#include "base/atomicfile.h"
#include "format/meta.h"

enum { EVERY_MS = 5000, STATUS_MAX = 4096 };

void logwatch_init(struct logwatch *w, struct events *events, const char *run)
{
	*w = (struct logwatch){ .events = events };
	snprintf(w->path, sizeof w->path, "%.200s/sealer/status", run);
}

/* The sealer's account writes the file: its words are cut and escaped, and
 * trusted for nothing but being told. */
static void look(struct logwatch *w)
{
	char refused[sizeof w->refused] = "";
	struct buffer b;
	buffer_init(&b, STATUS_MAX);
	int r = atomicfile_read(w->path, &b);
	if (r == 0)
		r = meta_get((const char *)b.data, b.len, "log_refused", 0, refused, sizeof refused);
	buffer_free(&b);
	/* Nothing to be read says nothing: a sealer that is being restarted. */
	if (r < 0 || strcmp(refused, w->refused) == 0)
		return;
	events_log(w->events, refused);
	memcpy(w->refused, refused, sizeof refused);
}

int logwatch_tick(struct logwatch *w, int64_t now_ms)
{
	if (now_ms >= w->next_ms) {
		look(w);
		w->next_ms = now_ms + EVERY_MS;
	}
	return (int)(w->next_ms - now_ms);
}
