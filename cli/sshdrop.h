/* sshdrop: the file in sshd_config.d that makes sshd ask PAM and, when
 * wanted, refuses forwarding to those who are recorded. */
#ifndef ITM_CLI_SSHDROP_H
#define ITM_CLI_SSHDROP_H

#include "cli/changes.h"
#include "cli/checks.h"
#include "local/settings.h"

#define SSHDROP_PATH "/etc/ssh/sshd_config.d/itm.conf"

enum { SSHDROP_ERROR_SIZE = 384 };

/* sshd is there, takes its configuration, and reads sshd_config.d. */
void sshdrop_check(const struct machine *m, struct checks *c);
/* Write it (kept in c), after `sshd -t` has taken the whole with it. */
int sshdrop_put(const struct changes *c, const struct settings_agent *settings, bool refuse_forwarding,
		char error[SSHDROP_ERROR_SIZE]);
/* What it says.  0 or ITM_E*. */
int sshdrop_describe(const struct settings_agent *settings, bool refuse_forwarding, struct buffer *out);
/* Tell the running sshd to read its files again.  0, ITM_ENOENT: none runs. */
int sshdrop_reload(const struct machine *m);

#endif
