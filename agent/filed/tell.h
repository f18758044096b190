/* tell: a change of a watched file as an activity of the signed record. */
#ifndef ITM_AGENT_FILED_TELL_H
#define ITM_AGENT_FILED_TELL_H

#include "agent/filed/watched.h"

/* Fills *e, which borrows from f and before.  flags: ACTIVITY_FILE_AWAY or 0.
 * False: nothing happened that is worth a word. */
bool tell_change(const struct watched_file *f, const struct look *before, uint32_t flags, struct activity_event *e);
/* Words of what is so grave that it is an alert, or NULL. */
const char *tell_alert(const struct watched_file *f, const struct look *before, char *words, size_t size);

#endif
