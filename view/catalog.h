/* catalog: the sessions of a spool, found by reading it: for a host without a
 * server, or a spool that was carried here. */
#ifndef ITM_VIEW_CATALOG_H
#define ITM_VIEW_CATALOG_H

#include <stddef.h>

#include "store/index.h"

enum { CATALOG_SESSIONS_MAX = 65536 };

struct catalog {
	struct index_session *sessions;  /* newest first */
	size_t count, size;
};

/* Broken units are skipped (itm verify names them).  0, ITM_ENOENT (no spool
 * there), ITM_ENOMEM, ITM_ELIMIT. */
int catalog_read(struct catalog *c, const char *spool_dir);
void catalog_free(struct catalog *c);
/* As index_session_find. */
int catalog_find(const struct catalog *c, const char *name, struct index_session *out);
/* Does the filter take this session?  (limit is the caller's to count) */
bool catalog_matches(const struct index_session *s, const struct index_filter *f);

#endif
