#include "local/reporting.h"

#include <signal.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"
#include "format/meta.h"
#include "local/pulse.h"

enum { DEATHS_MS = 10 * 1000 }; /* one alert in this time for a child that dies again and again */

void reporting_init(struct reporting *r, struct ward *reporter)
{
	r->reporter = reporter;
	/* Never a number of a predecessor's, whose alerts may still be there. */
	r->number = (uint64_t)clock_wall_ns() / 1000000;
}

void reporting_alert(struct reporting *r, enum alert a, const struct buffer *facts)
{
	if (r->reporter == NULL)
		return;
	int rc = notice_keep(&r->reporter->kept, &r->number, a, facts);
	if (rc != 0)
		log_error("an alert cannot be raised (%s): %s", alert_kind(a)->name, error_text(rc));
	else if (r->reporter->control >= 0)
		(void)ward_flush(r->reporter);
}

static void tell(struct reporting *r, enum alert a, const char *part, pid_t pid, const char *reason)
{
	struct buffer facts;
	buffer_init(&facts, NOTICE_SIZE / 2);
	meta_put(&facts, "part", part);
	meta_put_number(&facts, "pid", (unsigned long long)pid);
	meta_put(&facts, "reason", reason);
	reporting_alert(r, a, &facts);
	buffer_free(&facts);
}

void reporting_death(struct reporting *r, struct ward *w, pid_t pid)
{
	char words[128];
	int64_t now = ward_now_ms();
	if (w->expected || (w->told_ms != 0 && now - w->told_ms < DEATHS_MS))
		return;
	w->told_ms = now;
	snprintf(words, sizeof words, "it %s; death %u of this part", w->how, w->restarts);
	tell(r, ALERT_DAEMON_DIED, w->spec->name, pid, words);
}

void reporting_silence(struct reporting *r, struct ward *w, unsigned silent, int64_t every_ms)
{
	char words[160], state[96];
	if (silent != PULSE_SILENT && silent < PULSE_HOPELESS)
		return;
	pulse_describe(w->process.pid, state, sizeof state);
	snprintf(words, sizeof words, "no answer for %lld s: %s", (long long)(silent * every_ms / 1000), state);
	log_error("%s %d: %s", w->spec->name, (int)w->process.pid, words);
	if (silent == PULSE_SILENT)
		tell(r, ALERT_DAEMON_SILENT, w->spec->name, w->process.pid, words);
	process_signal(&w->process, silent == PULSE_SILENT ? SIGCONT : SIGKILL);
}

void reporting_predecessor(struct reporting *r, pid_t pid)
{
	tell(r, ALERT_AGENT_DIED, "supervisor", pid, "it left no word that it would end; another was started");
}
