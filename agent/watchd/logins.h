/* logins: whether the kernel's login uid changes inside a recorded session.  It
 * is set once, when somebody logs in; only root can set it anew, and an
 * unprivileged process can where it was never set. */
#ifndef ITM_AGENT_WATCHD_LOGINS_H
#define ITM_AGENT_WATCHD_LOGINS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/id.h"
#include "format/activity.h"

enum { LOGINS_MAX = 1024 };      /* sessions known; a new one beyond it takes the place of another */

struct logins_session { struct id session; uint32_t first, told; };
struct logins { struct logins_session known[LOGINS_MAX]; };

/* *before: the session's first.  True once for each new value; (uint32_t)-1 =
 * unset. */
bool logins_changed(struct logins *l, const struct activity_event *e, uint32_t *before, uint32_t *now);

#endif
