#include "agent/brokerd/lookout.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "format/meta.h"
#include "local/pulse.h"

enum { LOOK_MS = 1000, RECORDERS_LOOKS = 5, FACTS_MAX = 1024 };

void lookout_init(struct lookout *l, struct events *events, const struct session_table *sessions,
		  const struct control *control, uint64_t pulse_ms)
{
	*l = (struct lookout){ .events = events, .sessions = sessions, .control = control,
				.pulse_ms = (int64_t)pulse_ms };
	l->clock_ns = clock_wall_ns() - (int64_t)clock_boot_ns();
}

static void tell(struct lookout *l, enum alert a, const struct session *s, const char *reason)
{
	struct buffer facts;
	char stream[ID_TEXT_SIZE];
	buffer_init(&facts, FACTS_MAX);
	if (s != NULL) {
		id_format(&s->stream, stream);
		meta_put(&facts, "stream", stream);
		meta_put_number(&facts, "pid", (unsigned long long)s->recorder);
	}
	meta_put(&facts, "reason", reason);
	log_error("%s: %s", alert_kind(a)->name, reason);
	events_alert(l->events, a, &facts);
	buffer_free(&facts);
}

void lookout_clock(struct lookout *l, int64_t wall_ns, uint64_t boot_ns)
{
	char words[128], now[CLOCK_TEXT_SIZE];
	int64_t offset_ns = wall_ns - (int64_t)boot_ns, by_ms = (offset_ns - l->clock_ns) / 1000000;
	l->clock_ns = offset_ns;
	if (llabs(by_ms) < LOOKOUT_CLOCK_MS)
		return;
	clock_format(wall_ns, now);
	snprintf(words, sizeof words, "by %+lld.%03lld s, to %s", (long long)(by_ms / 1000), llabs(by_ms % 1000), now);
	tell(l, ALERT_CLOCK_SET, NULL, words);
}

static void look_alone(struct lookout *l, int64_t now_ms)
{
	if (l->control->alone || l->control->sock >= 0) {
		l->alone_ms = 0;
		l->told_alone = false;
		return;
	}
	if (l->alone_ms == 0)
		l->alone_ms = now_ms;
	if (l->told_alone || now_ms - l->alone_ms < LOOKOUT_ALONE * l->pulse_ms)
		return;
	l->told_alone = true;
	tell(l, ALERT_AGENT_DIED, NULL, "the supervisor is gone and no other came: what dies now is not started again");
}

/* A recorder that does not run shows nothing and takes nothing in, so nobody
 * types past it; but it is no accident. */
static void look_recorders(struct lookout *l)
{
	for (struct session *s = l->sessions->first; s != NULL; s = s->next) {
		char state[96], words[160];
		pulse_describe(s->recorder, state, sizeof state);
		bool stopped = strncmp(state, "stopped", 7) == 0 || strncmp(state, "traced", 6) == 0 ||
			       strncmp(state, "frozen", 6) == 0;
		if (stopped && !s->stopped) {
			snprintf(words, sizeof words, "it is %s", state);
			tell(l, ALERT_RECORDER_STOPPED, s, words);
		}
		s->stopped = stopped;
	}
}

int lookout_tick(struct lookout *l, int64_t now_ms)
{
	if (now_ms < l->look_ms)
		return (int)(l->look_ms - now_ms);
	l->look_ms = now_ms + LOOK_MS;
	lookout_clock(l, clock_wall_ns(), clock_boot_ns());
	look_alone(l, now_ms);
	if (now_ms >= l->recorders_ms) {
		l->recorders_ms = now_ms + RECORDERS_LOOKS * LOOK_MS;
		look_recorders(l);
	}
	return LOOK_MS;
}
