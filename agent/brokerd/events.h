/* events: what the broker tells of the host besides the sessions themselves,
 * each as one note of key=value lines in the host's stream: `event` first,
 * then whatever is known of login_id, stream, user, uid, service, rhost, tty,
 * ssh_connection, ssh_auth, loginuid, audit_session, pid, reason.
 *
 * Words of `event`, never reused:
 *   agent-started agent-stopped sealer-restarted policy-changed events-lost
 *   keylist-accepted keylist-refused log-refused log-resumed
 *   spool-low spool-full spool-exhausted spool-recovered
 *   login-opened login-closed login-refused login-unrecorded forward-only
 *   session-started session-ended session-refused session-unrecorded
 *   session-direct recorder-lost stub-refused
 * Where a struct events is taken, NULL is a broker without a record (tests). */
#ifndef ITM_AGENT_BROKERD_EVENTS_H
#define ITM_AGENT_BROKERD_EVENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "agent/brokerd/scope.h"
#include "local/hoststream.h"
#include "local/message.h"
#include "local/missed.h"
#include "local/notice.h"

/* What users can cause as often as they like is told in full so many times in
 * a window, then as a count. */
struct events_rate { int64_t since_ms; unsigned told, more; };
enum { EVENTS_RATE_MAX = 20, EVENTS_RATE_MS = 10000 };

enum events_often { EVENTS_DIRECT, EVENTS_STUB_REFUSED, EVENTS_OFTEN };

struct events {
	struct hoststream stream;
	struct notices notices;          /* the supervisor's alerts */
	const struct scope *scope;
	struct id before;                /* the stream of a broker before us; zero = none */
	uint64_t scope_changes, sealing_changes; /* told so far */
	uint32_t sealer_restarts;
	enum space_level space;          /* of the spool, as told last */
	int64_t retry_ms;                /* not beginning a stream before; 0 = now */
	struct events_rate rate[EVENTS_OFTEN];
};

void events_init(struct events *e, struct loop *loop, struct control *control, const struct scope *scope);
/* What the supervisor kept under "events": an earlier broker's stream. */
void events_recall(struct events *e, const void *blob, size_t len);
/* Begin the stream; the scope is known by now. */
void events_start(struct events *e);
void events_renewed(struct events *e);
/* ms until there is something to do, -1 = nothing. */
int events_tick(struct events *e, int64_t now_ms);
void events_stop(struct events *e);

/* Whether a new session of this failure word is refused for want of room in the
 * spool; false without a record. */
bool events_spool_refuses(const struct events *e, enum users_failure failure);

/* The server's log: refused, and why; "" = it goes on again. */
void events_log(struct events *e, const char *refused);

/* facts: key=value lines, may be NULL. */
void events_alert(struct events *e, enum alert a, const struct buffer *facts);

struct login;
void events_login_opened(struct events *e, const struct login *l);
/* forward-only when it came to its end without a shell. */
void events_login_closed(struct events *e, const struct login *l, const char *reason);
void events_login_refused(struct events *e, const struct message_login *m, const char *reason);
/* name: of the note, so that one told twice after a crash can be known.
 * False: there was no room. */
bool events_missed(struct events *e, const struct missed *m, const char *name);
bool events_missed_unreadable(struct events *e, const char *name, const char *reason);

struct session;
/* meta: the session's metadata without the terminal's, copied as far as there
 * is room. */
void events_session_started(struct events *e, const struct session *s, const struct buffer *meta);
/* status: wait(2) of the recorder, -1 = nobody knows. */
void events_session_ended(struct events *e, const struct session *s, const char *how, int status);
/* A shell that was to be recorded and is not: refused or let through. */
void events_session_failed(struct events *e, bool refused, const struct id *stream, pid_t pid,
			   const struct buffer *meta, const char *reason);
/* A shell inside a recorded session, or of somebody nobody records. */
void events_session_direct(struct events *e, const char *user, uid_t uid, pid_t pid, const struct login *l);
/* Somebody in scope asked for a shell and was not heard, or not believed. */
void events_stub_refused(struct events *e, uid_t uid, pid_t pid, const char *reason);

#endif
