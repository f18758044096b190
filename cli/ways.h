/* ways: every way into an account, and what becomes of it: recorded or not,
 * and why, judged from facts of the machine. */
#ifndef ITM_CLI_WAYS_H
#define ITM_CLI_WAYS_H

#include <stdbool.h>
#include <stddef.h>

#include "cli/machine.h"
#include "cli/sshdconf.h"
#include "local/users.h"

enum ways_recorded {
	WAYS_PTY,          /* recorded as a terminal */
	WAYS_PIPE,         /* recorded as the streams of a command */
	WAYS_INSIDE,       /* inside the recording it is started in */
	WAYS_METADATA,     /* that it happened, not what */
	WAYS_NOT,
	WAYS_REFUSED,      /* does not get in this way */
};

enum { WAYS_MAX = 32, WAYS_WORDS_SIZE = 256 };

/* What is known when the ways are judged. */
struct ways_facts {
	const struct machine *machine;
	bool in_scope;                   /* settings name the account */
	enum users_failure failure;
	const char *obstacle;            /* why its shell is not itm-shell, or itm-shell can't work; NULL = it does */
	const struct sshdconf *sshd;     /* for this user; its text may be NULL */
};

struct ways_way {
	const char *name;                /* "ssh, terminal" */
	const char *service;             /* PAM service or program: "sshd" */
	enum ways_recorded recorded;
	bool as_policy;                  /* false: policy says it should be recorded */
	char why[WAYS_WORDS_SIZE];
};

struct ways { struct ways_way way[WAYS_MAX]; size_t count; };

/* service NULL = all that the machine has. */
void ways_judge(const struct ways_facts *f, const char *service, struct ways *out);
const char *ways_recorded_name(enum ways_recorded recorded);

#endif
