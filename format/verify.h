/* verify: feeds units one after the other and says what the record is worth.
 * Pure: the caller reads the files.  It counts for itself and believes no
 * sequence, length or time in the data. */
#ifndef ITM_FORMAT_VERIFY_H
#define ITM_FORMAT_VERIFY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/id.h"
#include "format/note.h"
#include "format/sign.h"
#include "format/unit.h"

/* Exit codes of `itm verify`; the worst wins. */
enum verdict {
	VERDICT_OK = 0,
	VERDICT_UNANCHORED = 10, /* whole, but never logged centrally */
	VERDICT_OPEN_TAIL = 11,  /* ends without CLOSE / without END */
	VERDICT_GAP = 12,        /* declared loss, with counts */
	VERDICT_REDACTED = 13,   /* declared */
	VERDICT_UNATTESTED = 14, /* a GENESIS nobody countersigned, or no trusted identity key given */
	VERDICT_FORK = 15,       /* two blocks, one number */
	VERDICT_TAMPERED = 16,
};
const char *verdict_name(enum verdict v);

enum { VERIFY_DETAIL_SIZE = 256 };
#define VERIFY_CLOCK_STEP_NS 2000000000ll /* ns between two blocks of one boot */

struct verify_result {
	enum verdict verdict;
	char detail[VERIFY_DETAIL_SIZE]; /* plain words: what, which block or chunk, which offset */
	struct id host;
	uint64_t blocks, chunks, frames_unsigned;
	uint64_t first_sequence, last_sequence;
	uint64_t lost_bytes;             /* sum of declared GAPs */
	uint64_t receipts;               /* checked against the trusted log key */
	bool closed;                     /* last block has CLOSE */
	uint64_t links;                  /* blocks of an excerpt that were checked without what they cover */
	uint64_t witnessed_sequence, witnessed_at; /* the highest block a trusted witness's cosignature covers, and its time, s since 1970 */
	uint64_t stamped_sequence, stamped_at; /* the same of a time stamp */
	uint64_t geneses, attested;      /* beginnings of a chain of keys; those somebody vouches for */
	uint64_t clock_steps;            /* wall clock against boot clock, over VERIFY_CLOCK_STEP_NS */
	int64_t clock_step_ns;           /* the largest */
	uint64_t clock_step_sequence;    /* its block */
	char seal_note[128];             /* of a key list that sessions were sealed by; a demonstration's before others */
	char seal_list[96];              /* that list: number and SHA-256 */
};

struct verify_trust {
	bool has_identity, has_log;
	uint8_t identity[SIGN_PUBLIC_SIZE];  /* of the host, from enrolment */
	uint8_t log[SIGN_PUBLIC_SIZE];       /* of the server */
	bool has_witness;                    /* then a cosignature is demanded: UNATTESTED without */
	struct note_key witness;
	/* A time stamp is demanded (NULL: no): when a trusted authority stamped this
	 * checkpoint, s since 1970; 0 = it did not. */
	int64_t (*stamped)(void *context, uint64_t size, const void *note, size_t len);
	void *stamps;                        /* its context */
};

/* One host's chain.  Start anywhere: a first block that is not GENESIS is
 * trusted only for what its own hash chain says (verdict at least UNATTESTED)
 * unless start (may be NULL) gives the previous block's hash and next key. */
struct verifier;
struct verify_start { uint64_t sequence; uint8_t hash[32]; uint8_t next_key[SIGN_PUBLIC_SIZE]; };
struct verifier *verifier_new(const struct verify_trust *trust, const struct verify_start *start); /* owned */
void verifier_free(struct verifier *v);

/* Next unit, in file order.  origin is shown in details ("spool/seg-…:4096").
 * Returns 0, or ITM_E* when the unit ends all trust (the verdict is then
 * TAMPERED or FORK and later units are not looked at).  At most 4096 streams
 * may be open at one time. */
int verifier_unit(struct verifier *v, const struct unit *u, const char *origin, uint64_t offset);
/* A block that is not part of the record: FORK when the host signed it under a
 * number that the record has (one of the newest 65536), else nothing. */
struct block;
void verifier_second_block(struct verifier *v, const struct block *b, const char *origin);
/* A leaf of the central log that the caller has verified as a whole under the
 * trusted log key; after the units it speaks of.  witnessed_at: when the
 * trusted witness cosigned a checkpoint that covers it, and stamped_at when an
 * authority stamped one; 0 = it did not. */
struct receipt_record;
int verifier_logged(struct verifier *v, const struct receipt_record *r, uint64_t witnessed_at, uint64_t stamped_at,
		    const char *origin);
/* A unit or file that could not be decoded at all. */
void verifier_broken(struct verifier *v, const char *origin, const struct fault *fault);
/* Spool segment number ends inside a unit that begins at offset: what a crash
 * leaves.  Excused when a later UNIT_TORN declares it, or nothing follows. */
void verifier_torn(struct verifier *v, const char *origin, uint64_t segment, uint64_t offset);
/* Call the restricted form for one stream only: chunks of others are hashed
 * for the chain but not judged for GAP / OPEN-TAIL. */
void verifier_watch_stream(struct verifier *v, const struct id *stream);
/* What follows is an excerpt for one stream (export bundle): it begins at a
 * GENESIS, UNIT_WITHHELD stands for chunks of other streams, and a block that
 * covers no chunk of the watched stream may come alone, as a link of the
 * chain.  Nothing of the watched stream can hide in a link: its chunks are
 * counted from 1 to END.  Before the first unit. */
void verifier_excerpt(struct verifier *v, const struct id *stream);
/* End of input.  Units after the last block are an OPEN-TAIL. */
void verifier_finish(struct verifier *v, struct verify_result *out);

#endif
