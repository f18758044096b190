#include "format/alert.h"

#include <assert.h>
#include <string.h>

#include "format/meta.h"

static const struct alert_kind kinds[] = {
	[ALERT_DAEMON_DIED] = { "daemon-died", ALERT_HIGH, "a part of the agent was killed or crashed; it was started again" },
	[ALERT_DAEMON_SILENT] = { "daemon-silent", ALERT_CRITICAL, "a part of the agent is stopped, frozen or hangs" },
	[ALERT_AGENT_DIED] = { "agent-died", ALERT_CRITICAL, "the agent's supervisor was killed or crashed" },
	[ALERT_RECORDER_LOST] = { "recorder-lost", ALERT_HIGH, "a session's recorder was killed or crashed" },
	[ALERT_RECORDER_STOPPED] = { "recorder-stopped", ALERT_HIGH, "a session's recorder is stopped or frozen" },
	[ALERT_MONITOR_BLIND] = { "monitor-blind", ALERT_CRITICAL, "processes run that the process monitor does not see" },
	[ALERT_MONITOR_LEVEL] = { "monitor-level", ALERT_HIGH, "the process monitor sees less than before" },
	[ALERT_EVENTS_TAKEN] = { "events-taken", ALERT_CRITICAL, "somebody took events from the process monitor's ring" },
	[ALERT_EVENTS_DROPPED] = { "events-dropped", ALERT_MEDIUM, "process events found no room and were only counted" },
	[ALERT_CLOCK_SET] = { "clock-set", ALERT_MEDIUM, "the host's clock was set" },
	[ALERT_PROGRAM_CHANGED] = { "program-changed", ALERT_CRITICAL, "a program or module of the agent was changed or removed" },
	[ALERT_SETTINGS_CHANGED] = { "settings-changed", ALERT_HIGH, "the agent's settings or keys were changed or removed" },
	[ALERT_LOGINUID_CHANGED] = { "loginuid-changed", ALERT_HIGH, "a process of a session says it was logged in by somebody else" },
	[ALERT_UNRECORDED] = { "unrecorded", ALERT_HIGH, "somebody to be recorded was let in unrecorded" },
	[ALERT_LOG_REFUSED] = { "log-refused", ALERT_CRITICAL, "the server's log went back or was forked by what the host saw of it" },
	[ALERT_KEYLIST_REFUSED] = { "keylist-refused", ALERT_HIGH, "a changed list of auditors was refused" },
	[ALERT_FILE_CHANGED] = { "file-changed", ALERT_HIGH, "a watched file was changed" },
	[ALERT_SPOOL_FULL] = { "spool-full", ALERT_HIGH, "the spool is at its limit" },
	[ALERT_HOST_SILENT] = { "host-silent", ALERT_HIGH, "nothing signed comes from the host any more" },
	[ALERT_HOST_STOPPED] = { "host-stopped", ALERT_MEDIUM, "recording on the host was stopped in good order" },
	[ALERT_FORK] = { "fork", ALERT_CRITICAL, "two different blocks with one number: a copied machine, or a record made anew" },
	[ALERT_EVIDENCE_REFUSED] = { "evidence-refused", ALERT_CRITICAL, "what a host sent is not what it must be, and was not stored" },
	[ALERT_HOST_BEHIND] = { "host-behind", ALERT_CRITICAL, "the host's spool went back behind what is stored here" },
	[ALERT_LOG_BEHIND] = { "log-behind", ALERT_CRITICAL, "the host has seen more of the central log than there is" },
	[ALERT_CHAIN_RESTARTED] = { "chain-restarted", ALERT_HIGH, "the host lost its signing key and began a new chain" },
	[ALERT_HOST_REBOOTED] = { "host-rebooted", ALERT_LOW, "the host was started anew" },
};
static_assert(sizeof kinds / sizeof kinds[0] == ALERT_COUNT, "each alert has a name");

static const char *const severities[] = { "low", "medium", "high", "critical" };

const struct alert_kind *alert_kind(enum alert a)
{
	return &kinds[a];
}

const struct alert_kind *alert_find(const char *name)
{
	for (size_t i = 0; i < ALERT_COUNT; i++)
		if (strcmp(kinds[i].name, name) == 0)
			return &kinds[i];
	return NULL;
}

bool alert_named(const char *name, enum alert *out)
{
	const struct alert_kind *k = alert_find(name);
	if (k == NULL)
		return false;
	*out = (enum alert)(k - kinds);
	return true;
}

const char *alert_severity_word(enum alert_severity s)
{
	return s >= ALERT_LOW && s <= ALERT_CRITICAL ? severities[s - ALERT_LOW] : "";
}

enum alert_severity alert_severity_read(const char *word)
{
	for (int s = ALERT_LOW; s <= ALERT_CRITICAL; s++)
		if (strcmp(severities[s - ALERT_LOW], word) == 0)
			return (enum alert_severity)s;
	return (enum alert_severity)0;
}

int alert_begin(struct buffer *b, enum alert a)
{
	int r = meta_put(b, "alert", kinds[a].name);
	return r == 0 ? meta_put(b, "severity", alert_severity_word(kinds[a].severity)) : r;
}
