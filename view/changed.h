/* changed: what happened to watched files, and in whose session: the events of
 * a host's watcher of files, tied to its process monitor by process and time. */
#ifndef ITM_VIEW_CHANGED_H
#define ITM_VIEW_CHANGED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "format/activity.h"
#include "store/index.h"

enum { CHANGED_MAX = 100000 };

struct changed_file {
	struct id host, stream, session;   /* session: zero = none known */
	char hostname[256];
	int64_t wall_ns;
	uint8_t *bytes;                    /* owned; event borrows from them */
	struct activity_event event;
	bool sealed;
	/* Of who did it, from the process monitor: */
	uint64_t apart_ns;                 /* how far from the event he was seen; UINT64_MAX = never */
	uint64_t loginuid;                 /* plus 1; 0 = unknown */
	char exe[256];                     /* "" = unknown; as it was told, not escaped */
};

struct changed_filter {
	const char *path;                  /* with * and ?; NULL = all */
	int64_t after_wall_ns, before_wall_ns; /* 0 = open */
};

struct changed {
	struct changed_file *list;
	size_t count, size;
	bool cut;                          /* more than CHANGED_MAX */
};

void changed_free(struct changed *c);
/* Adds the changes of s, a stream of watched files in dir (store or spool).
 * Broken places are passed over.  0, ITM_ENOMEM, what source_open says. */
int changed_read(struct changed *c, const char *dir, const struct index_session *s, const struct changed_filter *f);
/* Newest first; keeps at most so many. */
void changed_sort(struct changed *c, size_t limit);
/* Who did it, by s, a stream of processes.  Errors as changed_read. */
int changed_tie(struct changed *c, const char *dir, const struct index_session *s);
/* One activity of that host's monitor. */
void changed_process(struct changed *c, const struct id *host, const struct activity_event *a, int64_t wall_ns);

#endif
