/* guard: our own programs, modules, settings and keys: what they were when the
 * agent started, and an alert for each that is changed, removed, covered by a
 * mount, or new in our folders. */
#ifndef ITM_AGENT_AGENTD_GUARD_H
#define ITM_AGENT_AGENTD_GUARD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "base/hash.h"
#include "format/alert.h"
#include "local/settings.h"

enum { GUARD_FILES_MAX = 128, GUARD_FOLDERS_MAX = 4, GUARD_PATH_SIZE = 512 };

struct guard_file {
	char path[GUARD_PATH_SIZE];
	enum alert alert;            /* which one a change is */
	bool secret;                 /* its digest is nobody's business */
	bool there;
	dev_t dev;
	ino_t ino;
	off_t size;
	struct timespec mtime, ctime;
	uint8_t hash[HASH_SIZE];
};

struct guard {
	struct guard_file file[GUARD_FILES_MAX];
	size_t count;
	struct guard_folder { char path[GUARD_PATH_SIZE]; enum alert alert; } folder[GUARD_FOLDERS_MAX];
	size_t folders;
};

/* What is there now is what is right.  programs: the folder of our daemons. */
void guard_open(struct guard *g, const struct settings_agent *s, const char *config, const char *programs);
/* One look at all of it: some 30 stat(2). */
void guard_look(struct guard *g, void *handle, void (*alert)(void *handle, enum alert a, const struct buffer *facts));

#endif
