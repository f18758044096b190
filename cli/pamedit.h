/* pamedit: puts pam_itm.so last into the session stacks of a machine and
 * takes it out, by the tool that keeps its PAM files or, without one, itself. */
#ifndef ITM_CLI_PAMEDIT_H
#define ITM_CLI_PAMEDIT_H

#include "cli/changes.h"

enum pamedit_how {
	PAMEDIT_UPDATE,      /* pam-auth-update: Debian and its kin */
	PAMEDIT_AUTHSELECT,  /* Red Hat family; it keeps nsswitch.conf, too */
	PAMEDIT_DIRECT,      /* the files themselves */
};

enum { PAMEDIT_ERROR_SIZE = 384 };

enum pamedit_how pamedit_how(const struct machine *m);
const char *pamedit_how_name(enum pamedit_how how);
/* Note every file that pamedit_add may change.  0 or ITM_E* with words. */
int pamedit_keep(struct changes *c, char error[PAMEDIT_ERROR_SIZE]);
int pamedit_add(const struct changes *c, char error[PAMEDIT_ERROR_SIZE]);
/* For files that others changed since: out by the tool that keeps them; what
 * is left is taken out line by line (pamedit_strip). */
int pamedit_take_out(const struct changes *c, char error[PAMEDIT_ERROR_SIZE]);

/* Append text with our line at its end, or without any line of pam_itm.so.  A
 * line that others jump over is replaced by one that does nothing. */
int pamedit_append(const char *text, struct buffer *out);
int pamedit_strip(const char *text, struct buffer *out);

#endif
