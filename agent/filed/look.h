/* look: a file of the set as it is now: what it is, its digest, and its text
 * with secrets masked.  Never follows a link at the end of a path, nor one
 * that a user could have put below his home. */
#ifndef ITM_AGENT_FILED_LOOK_H
#define ITM_AGENT_FILED_LOOK_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/filed/sensitive.h"
#include "base/buffer.h"
#include "base/hash.h"

enum { LOOK_HASH_MAX = 16 << 20, LOOK_KEY = 32 }; /* bytes */

struct look {
	bool there;
	uint64_t device, inode, size, changed_ns; /* changed_ns: ctime */
	uint32_t mode, uid, gid;
	uint32_t flags;              /* ACTIVITY_FILE_LARGE, _LINK, _UNREAD, _CUT, _SECRET */
	uint8_t digest[HASH_SIZE];
	struct buffer text;          /* owned */
};

struct look_way {
	const uint8_t *key;          /* LOOK_KEY bytes, for digests of secrets */
	enum sensitive_care care;
	uint64_t text_max;           /* bytes of text that are kept */
};

/* Opens the folder path; below byte `base` (0 = anywhere) no link is followed.
 * Owned descriptor, or -1. */
int look_folder(const char *path, size_t base);
/* Whether name in folder still is what *l says, by what stat(2) tells. */
bool look_same(int folder, const char *name, const struct look *l);
/* Fills *out (its text is begun anew).  *fd: open on it, the caller's to close;
 * -1 for what is not a file that can be read. */
void look_at(int folder, const char *name, const struct look_way *way, struct look *out, int *fd);
void look_free(struct look *l);
/* Appends text with the second field of each line masked, where it is a secret. */
int look_mask(struct buffer *out, const uint8_t key[LOOK_KEY], const char *text, size_t len);

#endif
