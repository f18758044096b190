/* sshdconf: what sshd will really do for a user: the words of `sshd -T`. */
#ifndef ITM_CLI_SSHDCONF_H
#define ITM_CLI_SSHDCONF_H

#include "cli/machine.h"

enum { SSHDCONF_VALUE_SIZE = 512 };

struct sshdconf {
	char *text;              /* owned; "key value" lines, keys in lower case */
	char why[256];           /* when text is NULL: why not */
};

/* The effective configuration for a connection of user (NULL: for none in
 * particular).  config NULL = sshd's own.  0; ITM_ENOENT: no sshd here;
 * ITM_EFORMAT: sshd refuses its configuration (why has its words). */
int sshdconf_load(const struct machine *m, const char *config, const char *user, struct sshdconf *out);
void sshdconf_free(struct sshdconf *c);

/* Copies the value of a key (of "subsystem" the one called sub); "" = unset. */
void sshdconf_value(const struct sshdconf *c, const char *key, const char *sub, char out[SSHDCONF_VALUE_SIZE]);

/* Where sshd is on the machine, or NULL. */
const char *sshdconf_program(const struct machine *m);

#endif
