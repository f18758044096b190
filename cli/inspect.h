/* inspect: whether what a recorded login needs is installed and wired up:
 * programs, modules, PAM stacks, nsswitch.conf. */
#ifndef ITM_CLI_INSPECT_H
#define ITM_CLI_INSPECT_H

#include "cli/checks.h"
#include "cli/machine.h"

#define INSPECT_STUB ITM_LIBEXECDIR "/itm-shell"

/* itm-shell (static, for everyone to run), the recorder, their account. */
void inspect_programs(const struct machine *m, struct checks *c);
/* libnss_itm and pam_itm.so can be loaded, tried in a child; pam_itm.so lies
 * where libpam looks. */
void inspect_modules(const struct machine *m, struct checks *c);
/* The PAM files of ssh, console and su can be read; wired: pam_itm.so has to
 * be in them. */
void inspect_stacks(const struct machine *m, bool wired, struct checks *c);
/* nsswitch.conf has a passwd line; wired: with itm first. */
void inspect_nsswitch(const struct machine *m, bool wired, struct checks *c);

/* An account through the machine's own NSS, asked by name and by number in a
 * child.  0; ITM_ENOENT: nobody knows it; ITM_E* of the child. */
enum { INSPECT_SHELL_SIZE = 256 };
int inspect_account(const struct machine *m, const char *user, char shell[INSPECT_SHELL_SIZE]);

#endif
