/* kept: the descriptors a supervisor keeps for one child, each under a key
 * with a few bytes that say what it is. */
#ifndef ITM_LOCAL_KEPT_H
#define ITM_LOCAL_KEPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "local/supervisor.h"

enum { KEPT_MAX = 8192 }; /* entries of one child */

struct kept_entry {
	struct kept_entry *next;
	char key[SUPERVISOR_KEY_MAX];
	uint8_t *blob;
	size_t len;
	int fds[SUPERVISOR_FDS_MAX];
	size_t count;
	bool sent;               /* the running child has it */
};
struct kept { struct kept_entry *first; size_t count; };

/* Put an entry at the end, in place of one with the same key.  Takes the
 * descriptors when it succeeds.  0, ITM_ENOMEM, ITM_ELIMIT. */
int kept_put(struct kept *k, const char *key, const void *blob, size_t len, const int *fds, size_t count, bool sent);
struct kept_entry *kept_find(struct kept *k, const char *key);   /* borrowed or NULL */
void kept_remove(struct kept *k, const char *key);
void kept_unsend(struct kept *k);    /* the child is gone: all must be sent again */
void kept_free(struct kept *k);      /* and closes everything */

#endif
