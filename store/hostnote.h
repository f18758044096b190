/* hostnote: what a RECORD_NOTE of a host's own stream says, as an event of the
 * index. */
#ifndef ITM_STORE_HOSTNOTE_H
#define ITM_STORE_HOSTNOTE_H

#include "format/record.h"
#include "store/index.h"

/* Fills kind, user, login, about, wall_ns and text of *out; the rest is left.
 * told_wall_ns: when the note was made; a login that was missed has a time of
 * its own.  kind and user are escaped, so that they can be listed.  text is
 * borrowed.  0; ITM_ENOENT: the note is about something else. */
int hostnote_read(const struct record_event *note, int64_t told_wall_ns, struct index_event *out);

#endif
