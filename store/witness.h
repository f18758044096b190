/* witness: looks at a server's central log from outside, and cosigns each
 * checkpoint that goes on from the one it cosigned before.  What it cosigned
 * last is on its disk before the cosignature is anywhere else.
 *
 * Its folder: witness.secret and witness.public (C2SP signed-note keys, type
 * 4), log.public (the log's key, pinned), last (the note cosigned last; empty
 * = none yet), refused-<size> (signed proof of a fork), lock. */
#ifndef ITM_STORE_WITNESS_H
#define ITM_STORE_WITNESS_H

#include <stdint.h>

#include "format/checkpoint.h"

enum witness_outcome {
	WITNESS_COSIGNED,
	WITNESS_NOTHING_NEW,    /* the same checkpoint as last time */
	WITNESS_WENT_BACK,      /* fewer leaves than were cosigned: rolled back, or an old copy */
	WITNESS_FORKED,         /* proved by two signed checkpoints */
	WITNESS_UNSIGNED,       /* not a checkpoint under the pinned key */
	WITNESS_OTHER_LOG,      /* signed, and of another origin */
	WITNESS_INCOMPLETE,     /* tiles are missing or do not fit: copied while it grew, or damaged; look again */
	WITNESS_ABSENT,         /* no checkpoint there */
	WITNESS_FAILED,         /* our own folder could not be written */
};

enum { WITNESS_WORDS_SIZE = 512 };

struct witness {
	char dir[3800];
	int lock;
	struct note_key key;
	struct sign_key secret;
	uint8_t log[SIGN_PUBLIC_SIZE];
	struct checkpoint last;          /* origin "": none yet */
	uint64_t last_at;                /* seconds since 1970 */
	struct buffer note;              /* last, whole */
};

/* A new key and an empty past.  0; ITM_EBUSY: the folder holds a key already;
 * ITM_EINVAL: the name; ITM_ESYS. */
int witness_init(const char *dir, const char *name, const uint8_t log[SIGN_PUBLIC_SIZE]);
/* 0, or ITM_E* with words: no key, a past that is missing or not signed by the
 * key (whoever takes it away must not get a second cosignature), in use. */
int witness_open(struct witness *w, const char *dir, char words[WITNESS_WORDS_SIZE]);
void witness_close(struct witness *w);
/* Look at the log's folder, or a copy of it, now (seconds since 1970). *seen:
 * the checkpoint there, if it could be read; words: what is wrong. */
enum witness_outcome witness_look(struct witness *w, const char *log, uint64_t now, struct checkpoint *seen,
				  char words[WITNESS_WORDS_SIZE]);
/* The note cosigned last into folder out, where it is not already. */
int witness_publish(const struct witness *w, const char *out);
/* A file with one key line, type 4. */
int witness_load_public(const char *path, struct note_key *out);

#endif
