#include "format/verify_state.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/reader.h"
#include "format/block.h"
#include "format/receipt.h"

const char *verdict_name(enum verdict v)
{
	switch (v) {
	case VERDICT_OK: return "OK";
	case VERDICT_UNANCHORED: return "UNANCHORED";
	case VERDICT_OPEN_TAIL: return "OPEN-TAIL";
	case VERDICT_GAP: return "GAP";
	case VERDICT_REDACTED: return "REDACTED";
	case VERDICT_UNATTESTED: return "UNATTESTED";
	case VERDICT_FORK: return "FORK";
	case VERDICT_TAMPERED: return "TAMPERED";
	}
	return "?";
}

void verify_find(struct verifier *v, enum verdict verdict, const char *format, ...)
{
	if (verdict <= v->result.verdict)
		return;
	v->result.verdict = verdict;
	va_list args;
	va_start(args, format);
	vsnprintf(v->result.detail, sizeof v->result.detail, format, args);
	va_end(args);
}

int verify_broken(struct verifier *v, const char *origin, uint64_t offset, const char *reason)
{
	verify_find(v, VERDICT_TAMPERED, "TAMPERED at %s byte %" PRIu64 ": %s", origin, offset, reason);
	return ITM_ECRYPTO;
}

struct verifier *verifier_new(const struct verify_trust *trust, const struct verify_start *start)
{
	struct verifier *v = calloc(1, sizeof *v);
	if (v == NULL)
		return NULL;
	v->digests = calloc(BLOCK_CHUNKS_MAX, sizeof *v->digests);
	v->recent = calloc(VERIFY_RECENT_BLOCKS, sizeof *v->recent);
	if (v->digests == NULL || v->recent == NULL) {
		verifier_free(v);
		return NULL;
	}
	if (trust != NULL)
		v->trust = *trust;
	v->digests_whole = true;
	if (start != NULL) {
		v->started = true;
		v->lost_context = true;
		v->result.last_sequence = start->sequence;
		memcpy(v->head, start->hash, sizeof v->head);
		memcpy(v->next_key, start->next_key, sizeof v->next_key);
	}
	return v;
}

void verifier_free(struct verifier *v)
{
	if (v == NULL)
		return;
	verify_streams_free(v);
	free(v->digests);
	free(v->recent);
	free(v);
}

void verifier_watch_stream(struct verifier *v, const struct id *stream)
{
	v->watching = true;
	v->watched = *stream;
}

void verifier_excerpt(struct verifier *v, const struct id *stream)
{
	verifier_watch_stream(v, stream);
	v->excerpt = true;
	v->lost_context = true;
}

static struct recent *recent_block(struct verifier *v, uint64_t sequence)
{
	struct recent *r = &v->recent[sequence % VERIFY_RECENT_BLOCKS];
	return r->sequence == sequence && sequence != 0 ? r : NULL;
}

/* A number that was there before: the same block again, a fork, or a forgery. */
static int repeated_block(struct verifier *v, const struct block *b, const char *origin, uint64_t offset)
{
	uint8_t hash[HASH_SIZE];
	struct recent *r = recent_block(v, b->sequence);
	block_hash(b, hash);
	if (r != NULL && memcmp(hash, r->hash, HASH_SIZE) != 0 && block_check(b, NULL, r->key, NULL) == 0) {
		verify_find(v, VERDICT_FORK, "FORK at block %" PRIu64 " (%s byte %" PRIu64 "): two signed blocks have this number",
		     b->sequence, origin, offset);
		return ITM_ECRYPTO;
	}
	return verify_broken(v, origin, offset, "block stands twice or out of its place");
}

void verifier_second_block(struct verifier *v, const struct block *b, const char *origin)
{
	struct recent *r = recent_block(v, b->sequence);
	uint8_t hash[HASH_SIZE];

	block_hash(b, hash);
	if (r == NULL || memcmp(hash, r->hash, HASH_SIZE) == 0 || v->stopped)
		return;
	if (sign_verify(b->header, BLOCK_HEADER_SIZE, r->key, b->signature) == 0)
		verify_find(v, VERDICT_FORK, "FORK at block %" PRIu64 ": the host signed another one, kept as %.120s", b->sequence, origin);
}

static void note_genesis(struct verifier *v, const struct block *b, const uint8_t hash[HASH_SIZE])
{
	if (v->genesis_count == VERIFY_GENESES_MAX) {
		verify_find(v, VERDICT_UNATTESTED, "more than %d geneses", VERIFY_GENESES_MAX);
		return;
	}
	struct genesis *g = &v->genesis[v->genesis_count++];
	g->sequence = b->sequence;
	memcpy(g->hash, hash, HASH_SIZE);
	/* Enrolment vouches for the identity key, and so for the very first one. */
	g->attested = b->sequence == 1 && b->genesis.reason == BLOCK_INSTALL && v->trust.has_identity;
}

/* Which key must have signed b; NULL and words when it can't follow. */
static const uint8_t *expected_key(struct verifier *v, const struct block *b, const char **wrong)
{
	static const uint8_t zeros[HASH_SIZE];
	*wrong = NULL;
	if (v->started) {
		if (b->sequence != v->result.last_sequence + 1)
			*wrong = "a block is missing: hole in the sequence";
		else if (memcmp(b->previous, v->head, HASH_SIZE) != 0)
			*wrong = "block does not continue the block before it";
	} else if (b->sequence == 1 && memcmp(b->previous, zeros, HASH_SIZE) != 0) {
		*wrong = "first block names a block before it";
	} else if (b->sequence == 1 && !(b->flags & BLOCK_GENESIS)) {
		*wrong = "first block is not a genesis";
	}
	if (*wrong != NULL)
		return NULL;
	if (b->flags & BLOCK_GENESIS) {
		if (v->trust.has_identity && memcmp(v->trust.identity, b->genesis.identity_key, SIGN_PUBLIC_SIZE) != 0)
			*wrong = "genesis is signed by an identity that is not the enrolled one";
		return b->genesis.own_key;
	}
	return v->started ? v->next_key : NULL;
}

static void first_block(struct verifier *v, const struct block *b)
{
	v->result.host = b->host;
	v->result.first_sequence = b->sequence;
	v->begins_late = b->sequence != 1 && !(v->excerpt && (b->flags & BLOCK_GENESIS));
	if (!v->begins_late && !v->trust.has_identity)
		verify_find(v, VERDICT_UNATTESTED, "no enrolled identity key was given to check the host against");
}

/* Boot time counts on through suspend, so only a wall clock that was set makes
 * the two run apart.  Time is data: it is told, and changes no verdict. */
static void note_clock(struct verifier *v, const struct block *b)
{
	int64_t step;

	if (v->result.blocks > 0 && id_equal(&v->boot_id, &b->boot_id)) {
		step = (int64_t)(((uint64_t)b->wall_ns - (uint64_t)v->wall_ns) - (b->boot_ns - v->boot_ns));
		if (step > VERIFY_CLOCK_STEP_NS || step < -VERIFY_CLOCK_STEP_NS) {
			v->result.clock_steps++;
			if (v->result.clock_steps == 1 ||
			    llabs(step / 1000) > llabs(v->result.clock_step_ns / 1000)) {
				v->result.clock_step_ns = step;
				v->result.clock_step_sequence = b->sequence;
			}
		}
	}
	v->boot_id = b->boot_id;
	v->wall_ns = b->wall_ns;
	v->boot_ns = b->boot_ns;
}

static void accept_block(struct verifier *v, const struct block *b, const uint8_t key[SIGN_PUBLIC_SIZE])
{
	if (v->result.blocks == 0)
		first_block(v, b);
	block_hash(b, v->head);
	note_clock(v, b);
	if (b->flags & BLOCK_GENESIS)
		note_genesis(v, b, v->head);
	if (b->flags & BLOCK_GAP)
		verify_find(v, VERDICT_GAP, "block %" PRIu64 " declares a loss", b->sequence);
	struct recent *r = &v->recent[b->sequence % VERIFY_RECENT_BLOCKS];
	r->sequence = b->sequence;
	memcpy(r->hash, v->head, HASH_SIZE);
	memcpy(r->key, key, SIGN_PUBLIC_SIZE);
	memcpy(v->next_key, b->next_key, SIGN_PUBLIC_SIZE); /* last: key may point at it */
	v->started = true;
	v->result.blocks++;
	v->result.last_sequence = b->sequence;
	v->last_flags = b->flags;
	v->digest_count = 0;
	v->digests_whole = true;
	if (v->watched_pending)
		v->watched_sequence = b->sequence;
	v->watched_pending = false;
}

/* In an excerpt only the groups of the watched stream come whole. */
static bool is_link(const struct verifier *v, const struct block *b)
{
	return v->excerpt && !v->watched_pending &&
	       ((v->digest_count == 0 && b->chunk_count > 0) || !v->digests_whole);
}

/* A record that begins in the middle, with a block that says only what is new
 * since the one before: nothing of it can be checked. */
static int pass_over_block(struct verifier *v, const char *origin, uint64_t offset)
{
	verify_find(v, VERDICT_UNATTESTED, "the record begins at %s byte %" PRIu64 " with a block that needs the one before it", origin,
		    offset);
	v->lost_context = true;
	v->digest_count = 0;
	v->digests_whole = true;
	return 0;
}

static int take_block(struct verifier *v, const struct unit *u, const char *origin, uint64_t offset)
{
	struct block b;
	struct fault fault;
	const char *wrong;
	char place[VERIFY_DETAIL_SIZE];

	int r = block_decode_after(&v->context, u->payload, u->len, &b, &fault);
	if (r == ITM_EINVAL && !v->started)
		return pass_over_block(v, origin, offset);
	if (r != 0)
		return verify_broken(v, origin, offset + UNIT_HEADER_SIZE + fault.offset, fault.reason);
	if (!v->started && v->lost_context && !v->excerpt && b.sequence == 1)
		return verify_broken(v, origin, offset, "other blocks stand before the host's first");
	if (v->started && b.sequence <= v->result.last_sequence)
		return repeated_block(v, &b, origin, offset);
	if (v->result.blocks > 0 && !id_equal(&b.host, &v->result.host))
		return verify_broken(v, origin, offset, "block of another host");
	if (!v->started && b.sequence != 1)
		v->lost_context = true;
	if (b.sequence == 1 && !v->digests_whole)
		return verify_broken(v, origin, offset, "the first block covers chunks that continue others");
	const uint8_t *key = expected_key(v, &b, &wrong);
	snprintf(place, sizeof place, "block %" PRIu64 " in %.120s", b.sequence, origin);
	if (wrong != NULL)
		return verify_broken(v, place, offset, wrong);
	bool link = is_link(v, &b);
	if (!link && b.chunk_count != v->digest_count)
		return verify_broken(v, place, offset, "block covers another number of chunks than stand before it");
	v->result.links += link;
	/* Without the block before it, a first block's signature has no key to
	 * be held against: only what follows it is checked. */
	if (key != NULL) {
		r = block_check(&b, v->digests_whole && !link ? (const uint8_t (*)[HASH_SIZE])v->digests : NULL, key, &fault);
		if (r != 0)
			return verify_broken(v, place, offset + UNIT_HEADER_SIZE + fault.offset, fault.reason);
		if (!v->digests_whole && !link)
			verify_find(v, VERDICT_GAP, "chunks of %s continue chunks that are not here: not checked", place);
	}
	accept_block(v, &b, key ? key : b.next_key);
	return 0;
}

static int take_record(struct verifier *v, const struct receipt_record *r, uint64_t witnessed_at, uint64_t stamped_at,
		       const char *origin)
{
	struct recent *known = recent_block(v, r->sequence);
	if (v->result.blocks > 0 && !id_equal(&r->host, &v->result.host))
		return verify_broken(v, origin, 0, "receipt is for another host");
	if (known != NULL && memcmp(known->hash, r->block_hash, HASH_SIZE) != 0)
		return verify_broken(v, origin, 0, "the log holds another block of this number");
	v->result.receipts++;
	if (r->sequence > v->logged_sequence)
		v->logged_sequence = r->sequence;
	if (known != NULL && r->sequence > v->anchored_sequence)
		v->anchored_sequence = r->sequence;
	if (known != NULL && witnessed_at != 0 && r->sequence > v->result.witnessed_sequence) {
		v->result.witnessed_sequence = r->sequence;
		v->result.witnessed_at = witnessed_at;
	}
	if (known != NULL && stamped_at != 0 && r->sequence > v->result.stamped_sequence) {
		v->result.stamped_sequence = r->sequence;
		v->result.stamped_at = stamped_at;
	}
	for (size_t i = 0; r->type == RECEIPT_GENESIS && i < v->genesis_count; i++)
		if (memcmp(v->genesis[i].hash, r->block_hash, HASH_SIZE) == 0)
			v->genesis[i].attested = true;
	return 0;
}

int verifier_logged(struct verifier *v, const struct receipt_record *r, uint64_t witnessed_at, uint64_t stamped_at,
		    const char *origin)
{
	if (v->stopped || r->type == RECEIPT_ACT)
		return 0;
	if (r->sequence < v->result.first_sequence)
		verify_find(v, VERDICT_TAMPERED, "TAMPERED: the log has block %" PRIu64 ", the record begins at %" PRIu64,
			    r->sequence, v->result.first_sequence);
	return take_record(v, r, witnessed_at, stamped_at, origin);
}

/* When the trusted witness cosigned the receipt's checkpoint; 0 = it did not. */
static uint64_t cosigned_at(const struct verifier *v, const struct receipt *r)
{
	struct note note;
	uint64_t at;
	if (!v->trust.has_witness || note_decode(r->note, r->note_len, &note, NULL) != 0)
		return 0;
	return note_check(&note, &v->trust.witness, &at) == 0 ? at : 0;
}

static uint64_t stamped_at(const struct verifier *v, const struct receipt *r)
{
	struct checkpoint c;
	if (v->trust.stamped == NULL || checkpoint_open(r->note, r->note_len, v->trust.log, &c, NULL, NULL) != 0)
		return 0;
	int64_t at = v->trust.stamped(v->trust.stamps, c.size, r->note, r->note_len);
	return at > 0 ? (uint64_t)at : 0;
}

static int take_receipt(struct verifier *v, const struct unit *u, const char *origin, uint64_t offset)
{
	struct receipt receipt;
	struct fault fault;
	const char *why;
	int r = receipt_decode(u->payload, u->len, &receipt, &fault);
	if (r != 0)
		return verify_broken(v, origin, offset + UNIT_HEADER_SIZE + fault.offset, fault.reason);
	if (!v->trust.has_log)
		return 0;
	if (receipt_check(&receipt, v->trust.log) != 0)
		return verify_broken(v, origin, offset, "receipt does not prove its block under the trusted log key");
	/* A receipt between two may be missing; then the proof begins elsewhere. */
	if (receipt_follow(&receipt, &v->seen, &why) == ITM_ECRYPTO)
		return verify_broken(v, origin, offset, why);
	return take_record(v, &receipt.record, cosigned_at(v, &receipt), stamped_at(v, &receipt), origin);
}

/* A later declaration of bytes that a crash left torn: segment, offset, length. */
static int take_torn_note(struct verifier *v, const struct unit *u, const char *origin, uint64_t offset)
{
	struct reader r;
	reader_init(&r, u->payload, u->len);
	uint64_t segment = reader_u64(&r), at = reader_u64(&r);
	reader_u64(&r);
	reader_end(&r);
	if (r.error != 0)
		return verify_broken(v, origin, offset, "note of torn bytes is malformed");
	for (size_t i = 0; i < v->torn_count; i++)
		if (v->torn[i].segment == segment && v->torn[i].offset == at)
			v->torn[i].declared = true;
	return 0;
}

static int take(struct verifier *v, const struct unit *u, const char *origin, uint64_t offset)
{
	if ((u->type == UNIT_CHUNK || u->type == UNIT_BLOCK || u->type == UNIT_FRAME ||
	     u->type == UNIT_TOMBSTONE || u->type == UNIT_REMOVAL) && u->version != 1)
		return verify_broken(v, origin, offset, "unit of a version this program does not know");
	switch (u->type) {
	case UNIT_FRAME: return verify_streams_frame(v, u, origin, offset);
	case UNIT_CHUNK: return verify_streams_chunk(v, u, origin, offset);
	case UNIT_BLOCK: return take_block(v, u, origin, offset);
	case UNIT_RECEIPT:
	case UNIT_COUNTERSIGN: return take_receipt(v, u, origin, offset);
	case UNIT_WITHHELD: return verify_streams_withheld(v, u, origin, offset);
	case UNIT_TOMBSTONE: return verify_streams_tombstone(v, u, origin, offset);
	case UNIT_REMOVAL: return verify_streams_removal(v, u, origin, offset);
	case UNIT_TORN: return take_torn_note(v, u, origin, offset);
	}
	return u->type & UNIT_MUST ? verify_broken(v, origin, offset, "unit of an unknown type") : 0;
}

int verifier_unit(struct verifier *v, const struct unit *u, const char *origin, uint64_t offset)
{
	if (v->stopped)
		return ITM_ECRYPTO;
	for (size_t i = 0; i < v->torn_count; i++)
		v->torn[i].followed = true;
	int r = take(v, u, origin, offset);
	if (r == ITM_ENOMEM)
		verify_broken(v, origin, offset, "not enough memory to check it");
	if (r != 0)
		v->stopped = true;
	return r;
}

void verifier_broken(struct verifier *v, const char *origin, const struct fault *fault)
{
	verify_broken(v, origin, fault->offset, fault->reason);
	v->stopped = true;
}

void verifier_torn(struct verifier *v, const char *origin, uint64_t segment, uint64_t offset)
{
	if (v->torn_count == VERIFY_TORN_MAX) {
		verify_broken(v, origin, offset, "too many torn ends");
		return;
	}
	v->torn[v->torn_count++] = (struct torn){ .segment = segment, .offset = offset };
	verify_find(v, VERDICT_OPEN_TAIL, "%s ends inside a unit at byte %" PRIu64, origin, offset);
}

/* Torn bytes are excused by a declaration in a later segment, or as the end of all. */
static void judge_torn(struct verifier *v)
{
	for (size_t i = 0; i < v->torn_count; i++)
		if (v->torn[i].followed && !v->torn[i].declared)
			verify_find(v, VERDICT_TAMPERED, "TAMPERED at segment %" PRIu64 " byte %" PRIu64 ": cut off, and no crash declares it",
			     v->torn[i].segment, v->torn[i].offset);
}

/* What the log has, against what is here. */
static void judge_log(struct verifier *v)
{
	const struct verify_result *r = &v->result;
	if (v->logged_sequence > r->last_sequence && !v->stopped)
		verify_find(v, VERDICT_TAMPERED, "TAMPERED: the server has block %" PRIu64 ", the record ends at %" PRIu64,
			    v->logged_sequence, r->last_sequence);
	if (v->begins_late && v->anchored_sequence == 0)
		verify_find(v, VERDICT_UNATTESTED, "the record begins at block %" PRIu64 ", not at the host's first, and no "
			    "receipt vouches for it", r->first_sequence);
	uint64_t needed = v->watching && v->watched_sequence != 0 ? v->watched_sequence : r->last_sequence;
	if (v->trust.has_witness && r->witnessed_sequence == 0)
		verify_find(v, VERDICT_UNATTESTED, "the witness %s cosigned nothing that covers this record", v->trust.witness.name);
	else if (v->trust.has_witness && r->witnessed_sequence < needed)
		verify_find(v, VERDICT_UNATTESTED, "the witness %s vouches for the log to block %" PRIu64 ", the record goes to %" PRIu64,
			    v->trust.witness.name, r->witnessed_sequence, needed);
	if (v->trust.stamped != NULL && r->stamped_sequence == 0)
		verify_find(v, VERDICT_UNATTESTED, "no time stamp of the trusted authority covers this record");
	else if (v->trust.stamped != NULL && r->stamped_sequence < needed)
		verify_find(v, VERDICT_UNATTESTED, "the time stamp covers the record to block %" PRIu64 ", it goes to %" PRIu64,
			    r->stamped_sequence, needed);
	if (v->anchored_sequence >= needed && needed != 0)
		return;
	if (!v->trust.has_log)
		verify_find(v, VERDICT_UNANCHORED, "whole and signed to block %" PRIu64 "; no log key was given to check receipts against",
			    r->last_sequence);
	else if (v->anchored_sequence == 0)
		verify_find(v, VERDICT_UNANCHORED, "whole and signed to block %" PRIu64 "; not anchored in a central log", r->last_sequence);
	else
		verify_find(v, VERDICT_UNANCHORED, "whole and signed to block %" PRIu64 "; the central log has it to block %" PRIu64
			    " so far", r->last_sequence, v->anchored_sequence);
}

static void judge_worth(struct verifier *v)
{
	if (v->result.verdict != VERDICT_OK)
		return;
	int n = snprintf(v->result.detail, sizeof v->result.detail, "whole, signed, and in the central log to block %" PRIu64,
			 v->anchored_sequence);
	if (v->begins_late && n > 0 && (size_t)n < sizeof v->result.detail)
		snprintf(v->result.detail + n, sizeof v->result.detail - (size_t)n, "; blocks before %" PRIu64 " are not here",
			 v->result.first_sequence);
}

void verifier_finish(struct verifier *v, struct verify_result *out)
{
	for (size_t i = 0; i < v->genesis_count; i++)
		if (v->genesis[i].attested)
			v->result.attested++;
		else
			verify_find(v, VERDICT_UNATTESTED, "the new chain at block %" PRIu64 " was never countersigned by the server",
			     v->genesis[i].sequence);
	judge_torn(v);
	verify_streams_judge(v);
	v->result.closed = v->last_flags & BLOCK_CLOSE;
	if (!v->watching && v->result.blocks > 0 && !v->result.closed)
		verify_find(v, VERDICT_OPEN_TAIL, "the record is whole to block %" PRIu64 "; the host had not closed it", v->result.last_sequence);
	if (!v->watching && v->digest_count > 0 && !v->stopped)
		verify_find(v, VERDICT_OPEN_TAIL, "chunks after block %" PRIu64 " are not signed yet", v->result.last_sequence);
	if (v->result.blocks == 0)
		verify_find(v, VERDICT_OPEN_TAIL, "there is no signed block");
	judge_log(v);
	judge_worth(v);
	v->result.geneses = v->genesis_count;
	*out = v->result;
}
