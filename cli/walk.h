/* walk: feeds every unit of a spool, a store or one file to the verifier of
 * its host. */
#ifndef ITM_CLI_WALK_H
#define ITM_CLI_WALK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/id.h"
#include "format/removal.h"
#include "format/verify.h"
#include "store/evidence.h"

enum { WALK_HOSTS_MAX = 65536, WALK_ORIGIN_SIZE = 256 };

struct walk_host {
	struct id id;
	char name[256];                  /* "" = not known here */
	struct verify_trust trust;       /* the keys it was checked with */
	struct verifier *verifier;
	struct verify_result result;     /* after walk_finish */
};

/* A unit of a store's group, held until its block says whose it is. */
struct walk_held {
	uint8_t type, version;
	size_t start, len;               /* in walk.held_bytes */
	uint64_t offset;                 /* in the file */
};

struct walk {
	/* Set by the caller. */
	struct verify_trust trust;       /* without identity: the store's word for each host */
	bool one_stream, one_host;       /* look only at these */
	bool unsigned_yet;               /* the stream is in the provisional tail alone: no signed chunk of it is missed */
	bool excerpt;                    /* an excerpt for this stream alone */
	struct id stream, host;
	void (*progress)(void *context, const char *origin, uint64_t units);
	void *context;

	/* Result. */
	struct walk_host *hosts;
	size_t host_count;
	const char *doubt;
	uint64_t flaws;                  /* places that belong to no host, or end a file */
	char flaw[VERIFY_DETAIL_SIZE];   /* the first */
	uint64_t keys_destroyed;         /* acts of the log that say so */

	/* Inside. */
	struct evidence *evidence;
	char origin[WALK_ORIGIN_SIZE];
	struct buffer held_bytes;
	struct walk_held *held;
	size_t held_count;
	uint64_t units;
	struct walk_acts *acts;
	int acts_error;                  /* they could not all be kept */
	uint64_t log_before;             /* leaves of the log before the segments were read */
};

void walk_init(struct walk *w);
void walk_free(struct walk *w);

/* 0, or ITM_E* when there is nothing to walk or it cannot be read at all;
 * what is wrong inside is in the result. */
int walk_spool(struct walk *w, const char *dir);
int walk_store(struct walk *w, const char *dir);
int walk_file(struct walk *w, const char *path);
/* Forks that were kept aside; after the store's own units. */
void walk_quarantine(struct walk *w, const char *dir);
/* One session of a store: only the blocks it hangs on. */
int walk_session(struct walk *w, const char *dir, const struct id *stream);
/* An excerpt file in memory (of a bundle); name is shown in details. */
int walk_excerpt(struct walk *w, const char *name, const void *data, size_t len);

/* Something is wrong in a file that belongs to no host. */
void walk_flaw(struct walk *w, const char *path, uint64_t offset, const char *reason);
/* Nobody we trust vouches for the keys in use: UNATTESTED at best. */
void walk_doubt(struct walk *w, const char *reason);

/* The central log below a store, after its segments (walk_log.c): nothing
 * without a trusted log key. */
int walk_log(struct walk *w, const char *store);
/* Leaves by its checkpoint, whoever signed it; 0 = there is none that can be
 * read as one.  0, or ITM_E*: the file could not be read. */
int walk_log_size(const char *store, uint64_t *leaves);

/* Acts against removals (walk_acts.c): a declaration in a segment; an act's text,
 * which is a leaf, or, not logged, waits to be one; then the judgement: 0, or
 * ITM_ENOMEM, ITM_ELIMIT when it can't be told. */
void walk_acts_removal(struct walk *w, const struct removal *r);
void walk_acts_leaf(struct walk *w, uint64_t leaf, const void *text, size_t len, bool logged);
int walk_acts_judge(struct walk *w);
void walk_acts_free(struct walk *w);

/* For walk_log.c: the verifier of a host, NULL out of memory. */
struct walk_host *walk_host(struct walk *w, const struct id *id);

/* Close all verifiers and return the worst verdict. */
enum verdict walk_finish(struct walk *w);

#endif
