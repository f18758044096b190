/* changes: files of the system that are changed together: kept byte for byte
 * before the first change, put back all or nothing, with a manifest of hashes
 * that tells later whether anybody else changed them since.
 *
 * /var/lib/itm/backup: "manifest", and the copies "0", "1", ... */
#ifndef ITM_CLI_CHANGES_H
#define ITM_CLI_CHANGES_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/hash.h"
#include "cli/machine.h"

#define CHANGES_FOLDER "/var/lib/itm/backup"

/* What has to be done with a file that somebody else changed since.  The
 * letters stand in the manifest: never reused. */
enum changes_kind {
	CHANGES_NSSWITCH = 'n',  /* take "itm" out of the passwd line */
	CHANGES_PAM = 'p',       /* take the lines with pam_itm.so out */
	CHANGES_OWN = 'o',       /* ours alone: take the lines out that we wrote */
	CHANGES_STATE = 's',     /* of pam-auth-update or authselect, which puts it right itself */
	CHANGES_FOLDER_MADE = 'd', /* a folder: removed when it is empty */
};

enum { CHANGES_MAX = 64 };

struct changes_file {
	enum changes_kind kind;
	char path[256];
	bool before, after;      /* there was a file then; BEFORE: its copy is kept */
	mode_t mode;
	uid_t uid;
	gid_t gid;
	uint8_t before_hash[HASH_SIZE], after_hash[HASH_SIZE];
};

struct changes {
	const struct machine *machine;
	bool done;               /* false: begun and not finished */
	char how[256];           /* who changed PAM: "pam-auth-update", "authselect OLD PROFILE", "direct" */
	struct changes_file file[CHANGES_MAX];
	size_t count;
};

void changes_init(struct changes *c, const struct machine *m);
/* Note that path may be changed: copies it.  Twice is once.  A link is
 * refused: ITM_EPERM.  Else 0, ITM_ELIMIT, ITM_ESYS. */
int changes_keep(struct changes *c, enum changes_kind kind, const char *path);
/* A folder that a tool is about to make: the same. */
int changes_keep_folder(struct changes *c, const char *path);
/* Make a folder that is removed again when this is taken back. */
int changes_mkdir(struct changes *c, const char *path, mode_t mode);
/* Everything is noted: durable from here on, so that a crash can be undone. */
int changes_begin(struct changes *c);
/* Replace a kept file, with its mode and owner (0644 root when it is new). */
int changes_write(const struct changes *c, const char *path, const void *data, size_t len);
/* All is changed: note how the files are now. */
int changes_finish(struct changes *c);
/* Every file as it was before, byte for byte.  0, or the first failure (the
 * others are put back all the same) and the backup stays. */
int changes_undo(struct changes *c);
/* What is on disk.  0, ITM_ENOENT, ITM_EFORMAT, ITM_ESYS. */
int changes_load(struct changes *c, const struct machine *m);
/* The backup is not needed any more. */
int changes_forget(struct changes *c);

enum changes_now { CHANGES_AS_BEFORE, CHANGES_AS_AFTER, CHANGES_OTHERWISE };
enum changes_now changes_now(const struct changes *c, const struct changes_file *f);
/* Put one file back as it was. */
int changes_restore(const struct changes *c, const struct changes_file *f);
/* The kept bytes of a file that was there, appended. */
int changes_before(const struct changes *c, const struct changes_file *f, struct buffer *out);

#endif
