/* hostnotes: the notes of hosts' own streams in a spool, which has no index:
 * the streams are read. */
#ifndef ITM_CLI_HOSTNOTES_H
#define ITM_CLI_HOSTNOTES_H

#include "store/index.h"
#include "view/catalog.h"

enum { HOSTNOTES_MAX = 65536 };

/* Newest first, as index_events.  0, ITM_ELIMIT when more match than
 * HOSTNOTES_MAX, ITM_ENOMEM, what each returned. */
int hostnotes_read(const char *dir, const struct catalog *c, const struct index_event_filter *filter,
		   int (*each)(void *context, const struct index_event *e), void *context);

#endif
