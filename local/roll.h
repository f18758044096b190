/* roll: the supervisor's status file: who is running, for people and for a
 * successor, who finds the children that outlived us by it. */
#ifndef ITM_LOCAL_ROLL_H
#define ITM_LOCAL_ROLL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "local/ward.h"

/* Write it; a failure is logged.  Nothing when path is NULL. */
void roll_publish(const char *path, const struct ward *wards, size_t count, int64_t started_wall_ns, bool stopping);
/* Mark those of the wards whose processes, named in the file of this same
 * boot, still live: ORPHAN; one that can't come back is told to end.
 * The pid of a predecessor of this boot that had not said it was stopping or
 * leaving, 0 = none. */
pid_t roll_find_orphans(const char *path, struct ward *wards, size_t count);

#endif
