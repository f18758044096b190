#include "agent/watchd/alarms.h"

#include <inttypes.h>
#include <stdio.h>

#include "agent/watchd/report.h"
#include "base/log.h"
#include "format/meta.h"

enum { FACTS_MAX = 512 };

void alarms_open(struct alarms *a)
{
	*a = (struct alarms){ 0 };
	blind_open(&a->blind);
}

static void tell(struct hoststream *stream, enum alert a, uint64_t count, const char *words)
{
	struct buffer facts;
	char reason[160];

	snprintf(reason, sizeof reason, "%" PRIu64 " %s", count, words);
	buffer_init(&facts, FACTS_MAX);
	meta_put(&facts, "part", "watcher");
	meta_put(&facts, "reason", reason);
	log_error("%s: %s", alert_kind(a)->name, reason);
	(void)hoststream_alert(stream, a, &facts);
	buffer_free(&facts);
}

void alarms_look(struct alarms *a, struct hoststream *stream, bool hooked, const struct probe_totals *now,
		 const struct probe_totals *told)
{
	uint64_t unseen, dropped = report_sum(now->dropped) - report_sum(told->dropped);

	if (dropped > 0)
		tell(stream, ALERT_EVENTS_DROPPED, dropped, "events found no room in the kernel's queue");
	if (now->missing > told->missing)
		tell(stream, ALERT_EVENTS_TAKEN, now->missing - told->missing, "events were made and neither came nor were dropped");
	if (now->sessions_lost > told->sessions_lost)
		log_error("%" PRIu64 " processes lost their session: no memory in the kernel",
			  now->sessions_lost - told->sessions_lost);
	if (now->unhooked && !a->unhooked)
		tell(stream, ALERT_MONITOR_BLIND, 1, "program of ours or more is on its hook no more");
	a->unhooked = now->unhooked;
	if (hooked && blind_look(&a->blind, blind_kernel(&a->blind), now->begun, &unseen))
		tell(stream, ALERT_MONITOR_BLIND, unseen, "processes and threads began, and none was seen");
}
