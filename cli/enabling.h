/* enabling: switches the recording of logins on and off on a machine, all or
 * nothing. */
#ifndef ITM_CLI_ENABLING_H
#define ITM_CLI_ENABLING_H

#include <stdbool.h>

#include "cli/changes.h"
#include "cli/checks.h"
#include "local/settings.h"

#define ENABLING_SETTINGS "/etc/itm/agent.conf.d/logins.conf"
#define ENABLING_SSHD "/etc/ssh/sshd_config.d/itm.conf" /* as SSHDROP_PATH */

enum { ENABLING_WORDS_SIZE = 512, ENABLING_WHO_SIZE = 4096 };

struct enabling {
	const struct machine *machine;
	const char *agent_conf;                /* on the machine */
	/* What logins.conf says after it: space-separated, as in agent.conf. */
	char record[ENABLING_WHO_SIZE], strict[ENABLING_WHO_SIZE], break_glass[ENABLING_WHO_SIZE];
	bool sshd, refuse_forwarding, reload_sshd;
	struct settings_agent settings;        /* as they will be */
	bool again;                            /* was enabled before */
	struct changes changes;
	char error[ENABLING_WORDS_SIZE];       /* why it failed */
};

/* Work out what is to be: who (operands) in addition to logins.conf as it is.
 * 0, or ITM_E* with error. */
int enabling_plan(struct enabling *e, char *const *who, size_t count);
/* Everything that must hold before a file is touched. */
void enabling_check(struct enabling *e, struct checks *c);
/* Change the machine; on failure everything is as it was, and error says
 * what happened (and what could not be put back). */
int enabling_apply(struct enabling *e);

/* What a machine was left with by an enabling that was cut off is taken back.
 * 0 = nothing or taken back; 1 = so, and something was; ITM_E* with error. */
int enabling_recover(const struct machine *m, char error[ENABLING_WORDS_SIZE]);

#endif
