/* notices: what the kernel tells of marked files and folders: the only door to
 * fanotify(7).  Needs CAP_SYS_ADMIN to open; marks after that need only to be
 * able to read what is marked. */
#ifndef ITM_AGENT_FILED_NOTICES_H
#define ITM_AGENT_FILED_NOTICES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { NOTICES_READ = 65536 }; /* bytes of one read */

/* Names an inode for as long as it is marked: hash of its file system's id and
 * handle; 0 = none. */
typedef uint64_t notices_key;

struct notice {
	notices_key folder, file;     /* where name was used; what it was about; 0 = not told */
	const char *name;             /* borrowed; "" = none */
	int pid;                      /* 0 = unknown */
	int pidfd;                    /* the caller's to close; -1 = it was gone */
	bool overflow, wrote, on_folder, self; /* self: the marked thing itself was moved or removed */
};

/* Owned descriptor, or -1 with errno. */
int notices_open(void);
/* Mark what fd is open on; fd may not be O_PATH.  0 or ITM_ESYS. */
int notices_mark(int notices, int fd, bool folder);
notices_key notices_key_of(int fd);
/* The first notice of data; *used: bytes to pass over.  False: no whole one. */
bool notices_decode(const void *data, size_t len, struct notice *out, size_t *used);

#endif
