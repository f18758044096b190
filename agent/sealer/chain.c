#include "agent/sealer/chain.h"

#include <string.h>

#include "agent/sealer/slot.h"
#include "base/clock.h"
#include "base/log.h"

enum { NS_PER_MS = 1000000 }; /* blocks say whole ms, which take less room */

static uint64_t next_sequence(const struct chain *c)
{
	return c->has_last ? c->last.sequence + 1 : 1;
}

static void set_last(struct chain *c, const struct block *b)
{
	c->last = *b;
	c->has_last = true;
	block_hash(b, c->last_hash);
}

/* The slot holds a block of the next number: is it the one that belongs here? */
static bool fits(const struct chain *c, const struct block *b, const struct slot_state *slot,
		 const uint8_t (*digests)[HASH_SIZE], size_t count)
{
	static const uint8_t zeros[HASH_SIZE];
	return b->chunk_count <= count && id_equal(&b->host, &c->host) &&
	       memcmp(b->previous, c->has_last ? c->last_hash : zeros, HASH_SIZE) == 0 &&
	       memcmp(b->next_key, slot->next.public_key, SIGN_PUBLIC_SIZE) == 0 &&
	       block_check(b, digests, slot->key.public_key, NULL) == 0;
}

static void keep_ready(struct chain *c, uint64_t sequence, const struct sign_key *key)
{
	struct slot_state ready = { .sequence = sequence, .phase = SLOT_READY, .key = *key };
	slot_write(c->slot, &ready);
	c->key = *key;
	sign_wipe(&ready, sizeof ready);
}

/* The slot's block is the newest on disk already: step 4 is what is missing. */
static bool finish_last(struct chain *c, const struct block *b, const struct slot_state *slot)
{
	uint8_t hash[HASH_SIZE];
	block_hash(b, hash);
	if (!c->has_last || memcmp(hash, c->last_hash, HASH_SIZE) != 0)
		return false;
	keep_ready(c, slot->sequence + 1, &slot->next);
	return true;
}

static enum chain_start from_slot(struct chain *c, const struct slot_state *slot,
				  const uint8_t (*digests)[HASH_SIZE], size_t count, struct buffer *payload, size_t *covered)
{
	struct block b;
	if (slot->phase == SLOT_READY) {
		if (!c->has_last || slot->sequence != next_sequence(c) ||
		    memcmp(slot->key.public_key, c->last.next_key, SIGN_PUBLIC_SIZE) != 0)
			return CHAIN_GENESIS;
		c->key = slot->key;
		return CHAIN_CONTINUE;
	}
	if (slot->phase != SLOT_SIGNED || block_decode(slot->payload, slot->payload_len, &b, NULL) != 0)
		return CHAIN_GENESIS;
	if (c->has_last && slot->sequence == c->last.sequence)
		return finish_last(c, &b, slot) ? CHAIN_CONTINUE : CHAIN_GENESIS;
	if (slot->sequence != next_sequence(c) || !fits(c, &b, slot, digests, count) ||
	    buffer_put(payload, slot->payload, slot->payload_len) != 0)
		return CHAIN_GENESIS;
	c->key = slot->key;
	c->next = slot->next;
	c->flying = b;
	c->in_flight = true;
	*covered = b.chunk_count;
	return CHAIN_AGAIN;
}

enum chain_start chain_open(struct chain *c, const struct block *last, const uint8_t (*digests)[HASH_SIZE],
			    size_t count, struct buffer *payload, size_t *covered)
{
	struct slot_state slot;
	enum chain_start how = CHAIN_GENESIS;

	if (last != NULL)
		set_last(c, last);
	int r = slot_read(c->slot, &slot);
	if (r == 0)
		how = from_slot(c, &slot, digests, count, payload, covered);
	sign_wipe(&slot, sizeof slot);
	if (how != CHAIN_GENESIS)
		return how;
	if (last == NULL)
		c->genesis_reason = BLOCK_INSTALL;
	else if (!id_equal(&last->boot_id, &c->boot))
		c->genesis_reason = BLOCK_REBOOT;
	else
		c->genesis_reason = BLOCK_KEY_LOST;
	if (r != ITM_ENOENT)
		log_error("the key slot does not continue the spool's last block; beginning anew");
	return how;
}

/* Everything but the signature and the body hash. */
static void fill(struct chain *c, struct block *b, uint16_t flags, size_t count, uint64_t boot_ns, int64_t wall_ns)
{
	struct clock_state clock = clock_state();
	*b = (struct block){ .flags = flags, .host = c->host, .sequence = next_sequence(c), .wall_ns = wall_ns - wall_ns % NS_PER_MS,
			     .boot_ns = boot_ns - boot_ns % NS_PER_MS, .boot_id = c->boot, .clock_synchronised = clock.synchronised,
			     .clock_max_error_us = clock.max_error_us, .chunk_count = (uint32_t)count };
	if (c->has_last)
		memcpy(b->previous, c->last_hash, HASH_SIZE);
	memcpy(b->next_key, c->next.public_key, SIGN_PUBLIC_SIZE);
	if (c->genesis_reason != 0) {
		b->flags |= BLOCK_GENESIS;
		b->genesis.reason = c->genesis_reason;
	}
}

int chain_make(struct chain *c, uint16_t flags, const uint8_t (*digests)[HASH_SIZE], size_t count,
	       uint64_t boot_ns, int64_t wall_ns, struct buffer *payload)
{
	struct slot_state slot = { .sequence = next_sequence(c), .phase = SLOT_SIGNED };
	size_t before = payload->len;

	if (c->in_flight)
		return ITM_EBUSY;
	if (c->genesis_reason != 0)
		sign_keypair(&c->key);
	sign_keypair(&c->next);
	fill(c, &c->flying, flags, count, boot_ns, wall_ns);
	int r = block_seal(&c->flying, digests, &c->key, c->identity);
	if (r == 0)
		r = block_encode(payload, &c->flying);
	if (r == 0 && payload->len - before > SLOT_PAYLOAD_MAX)
		r = ITM_ELIMIT;
	if (r != 0) {
		payload->len = before;
		return r;
	}
	/* Before these bytes can reach a disk the slot holds them: after a crash
	 * there is one block of this number, or none. */
	slot.key = c->key;
	slot.next = c->next;
	slot.payload_len = (uint32_t)(payload->len - before);
	memcpy(slot.payload, payload->data + before, slot.payload_len);
	slot_write(c->slot, &slot);
	sign_wipe(&slot, sizeof slot);
	c->in_flight = true;
	return 0;
}

void chain_durable(struct chain *c)
{
	if (!c->in_flight)
		return;
	set_last(c, &c->flying);
	keep_ready(c, c->last.sequence + 1, &c->next);
	sign_wipe(&c->next, sizeof c->next);
	c->in_flight = false;
	c->genesis_reason = 0;
}

void chain_wipe(struct chain *c)
{
	sign_wipe(&c->key, sizeof c->key);
	sign_wipe(&c->next, sizeof c->next);
}
