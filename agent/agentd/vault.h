/* vault: keeps the memory of the sealer's key slot locked and out of dumps for
 * as long as the agent lives; what is in it is the sealer's own. */
#ifndef ITM_AGENTD_VAULT_H
#define ITM_AGENTD_VAULT_H

#include <stddef.h>

struct vault { void *map; size_t len; };

/* A new slot of len bytes, all zero, never on disk: memfd_secret(2) where the
 * kernel has it (out of reach even of other root processes), else a memory
 * file that cannot grow or shrink.  Owned descriptor or ITM_ESYS. */
int vault_create(struct vault *v, size_t len);
/* Hold the memory of a slot that came back from a sealer that outlived the
 * agent before us.  0, ITM_EINVAL (not such a descriptor), ITM_ESYS. */
int vault_hold(struct vault *v, int fd);

#endif
