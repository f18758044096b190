/* keydestroy: itm key destroy: deletion of what was typed, in every copy there
 * is, by destroying the key that opens it. */
#ifndef ITM_CLI_KEYDESTROY_H
#define ITM_CLI_KEYDESTROY_H

#include "cli/keyring.h"

/* file: an auditor's secret key, which is overwritten and removed once the
 * server has logged it; or a public one: it is logged alone.  Exit status. */
int keydestroy_run(const struct keyring_options *o, const struct places *places, const char *file);

#endif
