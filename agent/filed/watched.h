/* watched: the folders and files of the set: finding them, marking them, and
 * which of them a notice of the kernel is about. */
#ifndef ITM_AGENT_FILED_WATCHED_H
#define ITM_AGENT_FILED_WATCHED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/filed/known.h"
#include "agent/filed/notices.h"
#include "agent/filed/writer.h"
#include "local/settings.h"

enum { WATCHED_FOLDERS = 8192, WATCHED_FILES = KNOWN_FILES };

struct watched_folder {
	char *path;
	size_t base;                 /* below this byte of path no link is followed; 0 = anywhere */
	enum sensitive_care care;
	bool own, whole, tree;       /* whole: every file in it; tree: and every folder */
	bool there, marked, moved;   /* moved: another one than before, since watched_scan */
	uint64_t device, inode;
	notices_key key;
};

struct watched_file {
	char *path;
	const char *name;            /* in path */
	size_t folder;
	enum sensitive_care care;
	bool own, marked;
	struct look look;            /* as last told */
	notices_key key;
	/* What the kernel told since: */
	bool queued, wrote;
	uint64_t times;
	struct writer writer;
	bool several;
	int64_t tokens_ms;           /* when its bucket is full again (change of one file are told so often) */
};

struct watched {
	const struct settings_agent *settings;
	int notices;                 /* -1 = everything is looked at from time to time */
	uint8_t key[LOOK_KEY];
	struct watched_folder *folders;
	size_t folder_count, folder_size;
	struct watched_file *files;
	size_t file_count, file_size;
	uint64_t polled, left_out;   /* files without a mark; places beyond the limits */
	bool scan_due;               /* a folder came or went */
};

void watched_init(struct watched *w, const struct settings_agent *settings, int notices);
void watched_free(struct watched *w);
/* Goes over the set again: new homes, new folders, new names; marks what has
 * no mark.  Calls moved for each folder that came, went or was replaced. */
void watched_scan(struct watched *w, void (*moved)(void *context, const struct watched_folder *f), void *context);
/* Queues the files it is about.  False: it is about none. */
bool watched_notice(struct watched *w, const struct notice *n);
/* After the first scan: what was known of its files; takes it from *k. */
void watched_know(struct watched *w, struct known *k);
/* The file as it is; what was known of it becomes *before (the caller's to
 * free).  Marks a new inode. */
void watched_look(struct watched *w, size_t file, struct look *before);
/* Whether a look is worth it by stat(2). */
bool watched_differs(const struct watched *w, size_t file);

#endif
