/* evidence_remove: takes stored content away by declaration: redaction,
 * deletion, retention.  Segments are written anew without it, with the signed
 * declaration (format/removal.h) at their beginning; the database moves from
 * the old files to the new ones in one transaction, so that a crash leaves
 * either all of the old or all of the new.  The old files are unlinked a
 * little later: readers may be about to open them. */
#ifndef ITM_STORE_EVIDENCE_REMOVE_H
#define ITM_STORE_EVIDENCE_REMOVE_H

#include "format/removal.h"
#include "store/evidence.h"

enum {
	EVIDENCE_REMOVE_GRACE_MS = 3000,     /* how long an old segment file stays for readers about to open it */
	EVIDENCE_REMOVE_ERROR_SIZE = 512,
	EVIDENCE_REMOVE_MAX = 64,            /* sessions at one time */
};

/* act, sections, stream, wall_ns, who, reason, approval of declaration are the
 * caller's; the rest of it is filled in.  from and to (wall clock; 0 = open)
 * limit a redaction to the chunks that touch this time; output goes by whole
 * reset runs, so that what is left can be read. */
struct evidence_removal {
	struct removal declaration;
	int64_t from_wall_ns, to_wall_ns;
	uint64_t chunks;                     /* result: how many changed */
};

/* Between evidence_begin and evidence_commit; after a failure the batch can
 * only be given up (evidence_commit then says so).  ITM_ENOENT no such session,
 * or nothing of it is left to remove; ITM_EPERM it is held (evidence_hold.h);
 * ITM_EBUSY it is still being written; ITM_EFORMAT it can't be read; words say
 * more. */
int evidence_remove(struct evidence *e, struct evidence_removal *items, size_t count, const struct sign_key *log_key,
		    char words[EVIDENCE_REMOVE_ERROR_SIZE]);
/* Unlink files that were replaced, at least grace_ms ago.  Returns how many
 * are still there, or ITM_E*. */
int evidence_remove_tidy(struct evidence *e, uint64_t grace_ms);

/* Sessions whose newest chunk the server got before wall_ns, that are over and
 * not held: at most EVIDENCE_REMOVE_MAX.  The number of them, or ITM_E*. */
int evidence_remove_due(struct evidence *e, int64_t received_before_wall_ns, struct id out[EVIDENCE_REMOVE_MAX]);

/* What was removed so far, in order.  Texts are borrowed. */
struct evidence_removed {
	uint64_t row;
	struct id host, stream;
	enum removal_act act;
	uint8_t sections;
	uint64_t first, last;
	int64_t wall_ns;
	const char *who, *reason, *approval;
	const void *payload;                 /* the declaration as it is signed */
	size_t payload_len;
};
int evidence_removed_after(struct evidence *e, uint64_t row,
			   int (*each)(void *context, const struct evidence_removed *r), void *context);
int evidence_removed_of(struct evidence *e, const struct id *stream,
			int (*each)(void *context, const struct evidence_removed *r), void *context);

#endif
