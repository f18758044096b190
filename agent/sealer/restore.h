/* restore: brings a sealer to where the one before it stopped, and signs what
 * that one left unsigned. */
#ifndef ITM_SEALER_RESTORE_H
#define ITM_SEALER_RESTORE_H

#include <stddef.h>

#include "agent/sealer/sealer.h"

/* With the spool open and no segment begun.  live: streams whose recorders are
 * still there.  0 or ITM_E*. */
int restore_run(struct sealer *s, const struct id *live, size_t live_count);

#endif
