/* imported: another program's recording as a session in a folder of its own,
 * in the form of a spool that nobody signs: its verdict can never be that of
 * something ITM recorded. */
#ifndef ITM_CLI_IMPORTED_H
#define ITM_CLI_IMPORTED_H

#include "store/spool.h"
#include "view/foreign.h"

struct imported {
	const struct foreign *format;
	struct foreign_input input;
	const char *file;            /* its name, for the session's metadata */
	const char *sha256;          /* of all its bytes, in hex */
	const char *by;              /* who imports */
	struct id stream;            /* out */
};

/* Reads it through without writing.  0, or ITM_E* and fault. */
int imported_check(const struct imported *i, struct fault *fault);
/* Appends it to the spool and makes it durable.  0 or ITM_E*. */
int imported_write(struct imported *i, struct spool *spool, struct fault *fault);

#endif
