/* evidence: the server's store: segment files with chunks and blocks, the
 * provisional tail, and evidence.db (SQLite) with where everything is.  One
 * writer (itm-ingestd), any readers.
 *
 * store/segments/<16 hex>.itm    64 MiB each: groups chunk*, block
 * store/tail/<host>/<stream>     frames not yet in a chunk (not evidence)
 * store/quarantine/              second blocks of a number, broken input
 * store/log/                     the central log: tiles, checkpoint, acts (log.h)
 * store/hosts/                   enrolled hosts, written by root (enroll.h)
 * store/evidence.db              where everything is; tables in evidence.c
 *
 * evidence.db is the truth of what is committed: bytes of a segment after its
 * committed end are the torn end of a crash.  They are never removed; the next
 * group goes to a new segment and an event says so. */
#ifndef ITM_STORE_EVIDENCE_H
#define ITM_STORE_EVIDENCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/id.h"
#include "format/block.h"
#include "format/chunk.h"
#include "format/frame.h"
#include "format/receipt.h"
#include "format/sign.h"
#include "format/unit.h"

enum {
	EVIDENCE_SEGMENT_SIZE = 64 << 20,    /* bytes after which a new segment begins */
	EVIDENCE_TAIL_MAX = 32 << 20,        /* bytes of one stream's tail; frames over it are left out */
	EVIDENCE_TAIL_STREAMS_MAX = 4096,    /* of one host */
	EVIDENCE_QUARANTINE_FILES = 64,      /* of one host */
	EVIDENCE_QUARANTINE_HOST = 64 << 20, /* bytes of one host */
	EVIDENCE_QUARANTINE_ALL = 1 << 30,   /* bytes of all hosts */
};

struct evidence;
/* write: takes the writer's lock (ITM_EBUSY when held) and needs server; makes
 * what is missing below dir (dir itself must be there).  Readers: server may
 * be NULL; ITM_ENOENT when there is no store yet. */
struct evidence *evidence_open(const char *dir, const struct id *server, bool write, int *error);
void evidence_close(struct evidence *e);
void evidence_set_segment_size(struct evidence *e, uint64_t bytes);
/* The id of the server that owns this store. */
int evidence_server(struct evidence *e, struct id *out);

struct evidence_host {
	struct id id;
	char name[256];
	uint8_t identity[SIGN_PUBLIC_SIZE];
	bool revoked;
	uint64_t last_sequence;        /* 0 = none */
	uint8_t last_hash[HASH_SIZE];
	uint8_t next_key[SIGN_PUBLIC_SIZE];
	int64_t last_seen_wall_ns;
};
int evidence_host_add(struct evidence *e, const struct id *id, const char *name, const uint8_t identity[SIGN_PUBLIC_SIZE], bool revoked);
/* add: the name, key and state of a host already there are replaced, its chain
 * is not touched. */
int evidence_host_get(struct evidence *e, const struct id *id, struct evidence_host *out);   /* ITM_ENOENT */
int evidence_host_seen(struct evidence *e, const struct id *id, int64_t wall_ns);
/* Take over what root entered in store/hosts/ (enroll.h); rereads only when the
 * folder or a file of it changed. */
int evidence_host_import(struct evidence *e);
int evidence_host_list(struct evidence *e, int (*each)(void *context, const struct evidence_host *h), void *context);

/* Where a stored chunk is. */
struct evidence_chunk {
	uint64_t row;                  /* rises with every chunk stored */
	struct id host, stream;
	uint64_t number, last_frame, sequence /* of its block */;
	uint64_t segment, offset, len; /* of the payload */
	uint64_t boot_ns;
	int64_t wall_ns;
	uint32_t duration_ms;
	uint16_t flags;
};

/* Store one verified group: the chunk units' payloads in order and the block;
 * fsync, then one transaction with the block's leaf, and a GENESIS' second
 * one, in the queue of the central log.  Exactly once by (host,
 * sequence): the same block again is 0 and changes nothing; another block with
 * the number is ITM_EBUSY (it goes to quarantine by evidence_quarantine). */
struct evidence_piece { const uint8_t *data; size_t len; };
int evidence_put(struct evidence *e, const struct block *block, const struct evidence_piece *chunks,
		 const struct chunk *decoded, size_t count, const struct evidence_piece *block_payload);
/* Keep these bytes of a host aside, once, and tell it as an event.  ITM_ELIMIT:
 * there is too much already (QUARANTINE above): counted, and told as
 * quarantine-full. */
int evidence_quarantine(struct evidence *e, const struct id *host, const char *why, const void *data, size_t len);
uint64_t evidence_quarantine_left_out(const struct evidence *e);   /* since it was opened */
/* Append a frame to its stream's tail; frames already in a chunk are ignored. */
int evidence_tail_put(struct evidence *e, const struct id *host, const struct frame *f, const void *payload, size_t len);

/* Several groups with one fsync and one transaction: begin, put ..., commit.
 * A failed put takes back only itself.  Nothing counts as stored, and nothing
 * may be acknowledged, before commit has returned 0; after a failed commit none
 * of them is stored. */
int evidence_begin(struct evidence *e);
int evidence_commit(struct evidence *e);
/* Instead of commit: nothing of the batch is stored.  Always 0. */
int evidence_give_up(struct evidence *e);

/* What operators should know of: torn ends, forks, refused input, streams
 * claimed by two hosts.  host may be NULL. */
int evidence_event(struct evidence *e, const struct id *host, const char *kind, const char *detail);
struct evidence_event { uint64_t row; int64_t wall_ns; struct id host; const char *kind, *detail; };
int evidence_events_after(struct evidence *e, uint64_t row,
			  int (*each)(void *context, const struct evidence_event *event), void *context);

/* Segments in order: the file, and where its committed bytes end. */
struct evidence_segment { uint64_t number, committed; const char *path; };
int evidence_segments(struct evidence *e, int (*each)(void *context, const struct evidence_segment *s), void *context);

/* What is needed to judge one session: the blocks of its host from the
 * GENESIS before it to the block of its last chunk, with countersignatures and
 * receipts; those around the session's chunks, and some minutes before, whole,
 * those before alone, as links of the chain (verifier_excerpt).  Units are
 * borrowed; place says where one is.  ITM_ENOENT: no signed chunk of it. */
typedef int evidence_each_unit(void *context, const struct unit *u, const char *place, uint64_t offset);
int evidence_lineage(struct evidence *e, const struct id *stream, evidence_each_unit *each, void *context);

/* The countersignature of a GENESIS and, of the last block, the receipt, by the
 * log's checkpoint as it is now.  ITM_ENOENT: no such block of that hash.  What
 * the checkpoint does not cover, or is none, is left empty.  A cosigned
 * checkpoint that covers it is taken instead of the newest.  Where one that
 * covers it was time-stamped, the earliest of these is taken first, and the
 * other for a second receipt.  None has fewer leaves than *shown, which is
 * moved on: the next receipt must not show a log gone back. */
struct evidence_words { struct buffer countersign, receipt, second; }; /* unit payloads */
int evidence_receipt(struct evidence *e, const struct id *host, uint64_t sequence, const uint8_t block_hash[HASH_SIZE],
		     bool last, uint64_t *shown, struct evidence_words *out);
/* The leaves of a stored block; ITM_ENOENT: no such block of that hash. */
struct evidence_logged { uint64_t leaf, genesis_leaf; bool genesis; struct receipt_record record, genesis_record; };
int evidence_logged(struct evidence *e, const struct id *host, uint64_t sequence, const uint8_t block_hash[HASH_SIZE],
		    struct evidence_logged *out);

/* A second person's approval, by its request's SHA-256, is used now; between
 * begin and commit.  ITM_EBUSY: it was used before. */
int evidence_approval_use(struct evidence *e, const uint8_t request[HASH_SIZE], int64_t wall_ns);

/* The central log's leaves (receipt.h): numbered from 0, in the order of their
 * commit.  A queue holds those not yet in full tiles; put: between begin and
 * commit. */
enum { EVIDENCE_RECORD_SIZE = 112 };
typedef int evidence_each_leaf(void *context, uint64_t number, const uint8_t record[EVIDENCE_RECORD_SIZE]);
int evidence_leaf_put(struct evidence *e, const struct receipt_record *record, uint64_t *number);
/* Of the queue, from number on. */
int evidence_leaves(struct evidence *e, uint64_t from, evidence_each_leaf *each, void *context);
/* The queue's first leaf, or the next one when it is empty. */
int evidence_leaves_first(struct evidence *e, uint64_t *out);
/* Leaves below are in durable tiles; never all of them, or numbers would begin anew. */
void evidence_leaves_done(struct evidence *e, uint64_t below);
/* Leaves before the queue, made again from the rows of blocks and acts. */
int evidence_leaves_again(struct evidence *e, uint64_t below, evidence_each_leaf *each, void *context);
/* A person's act (act.h): its text goes to store/log/acts/<hash>.act, durable,
 * and its leaf into the batch. */
int evidence_act_put(struct evidence *e, const void *text, size_t len, int64_t wall_ns, uint64_t *number);
/* Acts from leaf `from` on; text is NULL when its file is gone or changed. */
struct evidence_act { uint64_t leaf; uint8_t hash[HASH_SIZE]; const uint8_t *text; size_t len; };
int evidence_acts(struct evidence *e, uint64_t from, int (*each)(void *context, const struct evidence_act *a), void *context);

/* Readers.  each returns 0 to go on, anything else stops and is returned. */
typedef int evidence_each_chunk(void *context, const struct evidence_chunk *c);
int evidence_chunks_after(struct evidence *e, uint64_t row, uint64_t limit, evidence_each_chunk *each, void *context);
int evidence_chunks_of(struct evidence *e, const struct id *stream, uint64_t from_number, evidence_each_chunk *each, void *context);
/* The last RESET chunk of the stream at or before number: its number. */
int evidence_chunk_reset(struct evidence *e, const struct id *stream, uint64_t number, uint64_t *out);
int evidence_read_chunk(struct evidence *e, const struct evidence_chunk *c, struct buffer *out);
/* The stream's frames that are in no chunk yet, in order. */
int evidence_tail_of(struct evidence *e, const struct id *stream, uint64_t after_frame,
		     int (*each)(void *context, const struct frame *f), void *context);
/* Streams that have a tail (for indexd). */
int evidence_tail_streams(struct evidence *e, int (*each)(void *context, const struct id *host, const struct id *stream, int64_t changed_wall_ns), void *context);

#endif
