/* known: the last known state of the set, on disk, so that what happens while
 * nobody watches is seen at the next start.
 *
 * ITMF, version u8 = 1, key 32, count varint; per file path, flags, device,
 * inode, size, ctime, mode, uid, gid (varints; path and text: length and
 * bytes), digest 32, text; then SHA-256 of all before. */
#ifndef ITM_AGENT_FILED_KNOWN_H
#define ITM_AGENT_FILED_KNOWN_H

#include <stddef.h>

#include "agent/filed/look.h"

enum { KNOWN_MAX = 64 << 20, KNOWN_FILES = 20000 };

struct known_file { char *path; struct look look; };
struct known {
	uint8_t key[LOOK_KEY];
	struct known_file *list;     /* by path */
	size_t count;
};

/* Begin, then each file, then end.  0 or what buffer.h says. */
int known_begin(struct buffer *b, const uint8_t key[LOOK_KEY], size_t count);
int known_put(struct buffer *b, const char *path, const struct look *l);
int known_end(struct buffer *b);
/* 0, ITM_EFORMAT, ITM_ETRUNC, ITM_ECRYPTO (its digest is wrong), ITM_ENOMEM. */
int known_decode(const void *data, size_t len, struct known *out);
const struct known_file *known_find(const struct known *k, const char *path);
void known_free(struct known *k);

#endif
