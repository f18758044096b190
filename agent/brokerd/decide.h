/* decide: what becomes of a stub that asks for a shell: recorded, let through
 * because it runs inside a recorded session or is in nobody's scope, or
 * refused. */
#ifndef ITM_AGENT_BROKERD_DECIDE_H
#define ITM_AGENT_BROKERD_DECIDE_H

#include <stdbool.h>
#include <sys/types.h>

#include "agent/brokerd/login.h"
#include "agent/brokerd/peer.h"
#include "agent/brokerd/scope.h"
#include "agent/brokerd/session.h"
#include "base/buffer.h"
#include "local/message.h"

enum decide_verdict { DECIDE_DENY, DECIDE_DIRECT, DECIDE_RECORD };

struct decide {
	enum decide_verdict verdict;
	const char *why;                 /* static text, of DENY */
	struct peer peer;
	struct scope_account account;
	enum users_failure failure;      /* of RECORD */
	bool metadata_only;              /* of a command without a terminal */
	uid_t caller;                    /* who ran su; (uid_t)-1 = nobody */
	const struct login *login;       /* borrowed until the next loop; NULL = no PAM login */
};

void decide_shell(const struct scope *scope, const struct login_table *logins,
		  const struct session_table *sessions, pid_t pid, uid_t uid, struct decide *out);

/* The first shell of an announced login: what a user starts by hand, however
 * much of it, does not come before it. */
bool decide_is_login(const struct login_table *logins, const struct session_table *sessions, pid_t pid);

/* The one place that says what happens when a session can't be recorded. */
bool decide_may_go_unrecorded(enum users_failure failure);
/* The same when the host has run out of something that any user can use up:
 * a way around the recorder must not be for the taking. */
bool decide_may_pass_shortage(enum users_failure failure);

/* The session metadata that is known before its terminal is looked at. */
int decide_describe(const struct decide *d, const struct scope *scope, const struct message_shell *shell,
		    struct buffer *meta);

#endif
