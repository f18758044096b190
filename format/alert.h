/* alert: the names of what the agent and the server raise by themselves, how
 * bad each is, and what it means in plain words.
 *
 * On a host an alert is a NOTE of the host's own stream (hoststream_alert),
 * on the server an act of verb "alert" (store/ingestd/alarm.h); both say
 *   alert=NAME  severity=WORD, then facts as key=value lines (meta.h):
 *   reason, stream (the session it is about), pid, path and whatever is known. */
#ifndef ITM_FORMAT_ALERT_H
#define ITM_FORMAT_ALERT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"

enum alert_severity { ALERT_LOW = 1, ALERT_MEDIUM, ALERT_HIGH, ALERT_CRITICAL };

/* Numbers are for programs only; records hold names.  Append. */
enum alert {
	/* of a host */
	ALERT_DAEMON_DIED, ALERT_DAEMON_SILENT, ALERT_AGENT_DIED, ALERT_RECORDER_LOST, ALERT_RECORDER_STOPPED,
	ALERT_MONITOR_BLIND, ALERT_MONITOR_LEVEL, ALERT_EVENTS_TAKEN, ALERT_EVENTS_DROPPED,
	ALERT_CLOCK_SET, ALERT_PROGRAM_CHANGED, ALERT_SETTINGS_CHANGED, ALERT_LOGINUID_CHANGED,
	ALERT_UNRECORDED, ALERT_LOG_REFUSED, ALERT_KEYLIST_REFUSED, ALERT_FILE_CHANGED, ALERT_SPOOL_FULL,
	/* of the server */
	ALERT_HOST_SILENT, ALERT_HOST_STOPPED, ALERT_FORK, ALERT_EVIDENCE_REFUSED, ALERT_HOST_BEHIND, ALERT_LOG_BEHIND,
	ALERT_CHAIN_RESTARTED, ALERT_HOST_REBOOTED,
	ALERT_COUNT,
};

struct alert_kind {
	const char *name;            /* lower-case words with dashes, never reused */
	enum alert_severity severity;
	const char *words;           /* one sentence for a person */
};

const struct alert_kind *alert_kind(enum alert a);
/* NULL: a name of another version. */
const struct alert_kind *alert_find(const char *name);
bool alert_named(const char *name, enum alert *out);
const char *alert_severity_word(enum alert_severity s);
/* 0 = not such a word. */
enum alert_severity alert_severity_read(const char *word);
/* alert= and severity=, the beginning of its text.  0 or the buffer's error. */
int alert_begin(struct buffer *b, enum alert a);

#endif
