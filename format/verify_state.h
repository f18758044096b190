/* verify_state: what verify.c (blocks, receipts, the chain) and
 * verify_streams.c (frames and chunks) share. */
#ifndef ITM_FORMAT_VERIFY_STATE_H
#define ITM_FORMAT_VERIFY_STATE_H

#include "format/verify.h"

#include "base/hash.h"
#include "format/block.h"
#include "format/receipt.h"

enum {
	VERIFY_STREAMS_MAX = 4096,      /* open at one time */
	VERIFY_RECENT_BLOCKS = 65536,   /* hashes kept for receipts and forks */
	VERIFY_GENESES_MAX = 1024,
	VERIFY_TORN_MAX = 64,
	VERIFY_REMOVALS_MAX = 1 << 20,
};

struct stream; /* verify_streams.c */
struct recent { uint64_t sequence; uint8_t hash[HASH_SIZE], key[SIGN_PUBLIC_SIZE]; };
struct genesis { uint64_t sequence; uint8_t hash[HASH_SIZE]; bool attested; };
struct torn { uint64_t segment, offset; bool declared, followed; };

struct verifier {
	struct verify_trust trust;
	struct verify_result result;
	bool started, watching, lost_context, stopped, excerpt;
	struct id watched;
	uint8_t head[HASH_SIZE], next_key[SIGN_PUBLIC_SIZE];
	struct block_context context;
	uint8_t (*digests)[HASH_SIZE];
	size_t digest_count;
	bool digests_whole;            /* every pending chunk could be hashed */
	bool watched_pending;          /* one of them is of the watched stream */
	struct stream *streams[1024];
	size_t stream_count, removal_count;
	struct recent *recent;
	struct genesis genesis[VERIFY_GENESES_MAX];
	size_t genesis_count;
	struct torn torn[VERIFY_TORN_MAX];
	size_t torn_count;
	uint64_t logged_sequence;      /* highest the trusted log names */
	uint64_t anchored_sequence;    /* highest of them that is here: it vouches for all before it */
	uint64_t watched_sequence;     /* the block of the watched stream's last chunk */
	bool begins_late;              /* the record's first block is not number 1 */
	struct receipt_seen seen;      /* the log by the receipts so far */
	uint16_t last_flags;
	struct id boot_id;             /* of the last block */
	int64_t wall_ns;
	uint64_t boot_ns;
};

/* The worst verdict wins and keeps the words of the first finding of its kind. */
void verify_find(struct verifier *v, enum verdict verdict, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* TAMPERED with a place and a reason; returns ITM_ECRYPTO. */
int verify_broken(struct verifier *v, const char *origin, uint64_t offset, const char *reason);

/* One unit each; ITM_ECRYPTO when it breaks the record. */
int verify_streams_chunk(struct verifier *v, const struct unit *u, const char *origin, uint64_t offset);
int verify_streams_withheld(struct verifier *v, const struct unit *u, const char *origin, uint64_t offset);
int verify_streams_tombstone(struct verifier *v, const struct unit *u, const char *origin, uint64_t offset);
/* A removal whose signature holds: what it covers may be missing. */
int verify_streams_removal(struct verifier *v, const struct unit *u, const char *origin, uint64_t offset);
int verify_streams_frame(struct verifier *v, const struct unit *u, const char *origin, uint64_t offset);
/* At the end: open tails, and a watched stream that is not there. */
void verify_streams_judge(struct verifier *v);
void verify_streams_free(struct verifier *v);

#endif
