#include "format/block.h"

#include <string.h>

#include "base/reader.h"

enum {
	DOMAIN_BODY = 0x12, DOMAIN_BLOCK = 0x13, DOMAIN_GENESIS = 0x14,
	GENESIS_SIZE = 4 + SIGN_PUBLIC_SIZE + SIGN_PUBLIC_SIZE + SIGN_SIZE,
	BODY_MAX = 1 + 1 + 5 + 5 + GENESIS_SIZE,
	HEADER_IDENTITY_SIZE = 96,   /* header bytes an identity key vouches for */
	FORM_SHORT = 2,              /* the long form begins with a letter */
	NS_PER_MS = 1000000,
	FLAGS_KNOWN = BLOCK_GENESIS | BLOCK_HEARTBEAT | BLOCK_CLOSE | BLOCK_RECOVERY | BLOCK_GAP | BLOCK_ROTATE,
};
static const char genesis_words[] = "ITM genesis";

static void put_le(uint8_t *p, uint64_t v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		p[i] = (uint8_t)(v >> (8 * i));
}

/* Everything of the header but the body hash. */
static void put_header(struct block *b)
{
	uint8_t *h = b->header;
	memcpy(h, "ITMB", 4);
	h[4] = 1;
	h[5] = 1; /* Ed25519 */
	put_le(h + 6, b->flags, 2);
	memcpy(h + 8, b->host.bytes, ID_SIZE);
	put_le(h + 24, b->sequence, 8);
	put_le(h + 32, (uint64_t)b->wall_ns, 8);
	put_le(h + 40, b->boot_ns, 8);
	memcpy(h + 48, b->boot_id.bytes, ID_SIZE);
	memcpy(h + 64, b->previous, HASH_SIZE);
	memcpy(h + 96, b->next_key, SIGN_PUBLIC_SIZE);
}

/* Without its version. */
static int put_body_rest(struct buffer *out, const struct block *b)
{
	int e = buffer_put_u8(out, b->clock_synchronised ? 1 : 0);
	e |= buffer_put_varint(out, b->clock_max_error_us);
	e |= buffer_put_varint(out, b->chunk_count);
	if (b->flags & BLOCK_GENESIS) {
		e |= buffer_put_u8(out, 1);
		e |= buffer_put_u8(out, b->genesis.reason);
		e |= buffer_put_u16(out, 0);
		e |= buffer_put(out, b->genesis.own_key, SIGN_PUBLIC_SIZE);
		e |= buffer_put(out, b->genesis.identity_key, SIGN_PUBLIC_SIZE);
		e |= buffer_put(out, b->genesis.identity_signature, SIGN_SIZE);
	}
	return e ? ITM_ENOMEM : 0;
}

static int put_body(struct buffer *out, const struct block *b)
{
	int e = buffer_put_u8(out, 1);
	return e ? e : put_body_rest(out, b);
}

static int body_hash(const struct block *b, const uint8_t (*digests)[HASH_SIZE], uint8_t out[HASH_SIZE])
{
	static const uint8_t domain = DOMAIN_BODY;
	struct buffer body;
	buffer_init(&body, BODY_MAX);
	int e = put_body(&body, b);
	if (e == 0)
		hash_parts(&domain, 1, body.data, body.len, digests, (size_t)b->chunk_count * HASH_SIZE, out);
	buffer_free(&body);
	return e;
}

/* What the identity key signs in a genesis. */
static void genesis_bytes(const struct block *b, uint8_t out[1 + sizeof genesis_words - 1 + HEADER_IDENTITY_SIZE + SIGN_PUBLIC_SIZE])
{
	uint8_t *p = out;
	*p++ = DOMAIN_GENESIS;
	memcpy(p, genesis_words, sizeof genesis_words - 1);
	p += sizeof genesis_words - 1;
	memcpy(p, b->header, HEADER_IDENTITY_SIZE);
	memcpy(p + HEADER_IDENTITY_SIZE, b->genesis.own_key, SIGN_PUBLIC_SIZE);
}

int block_seal(struct block *b, const uint8_t (*digests)[HASH_SIZE],
	       const struct sign_key *key, const struct sign_key *identity)
{
	if (b->chunk_count > BLOCK_CHUNKS_MAX || b->sequence == 0 || (b->flags & ~FLAGS_KNOWN) ||
	    ((b->flags & BLOCK_GENESIS) && identity == NULL))
		return ITM_EINVAL;
	put_header(b);
	if (b->flags & BLOCK_GENESIS) {
		uint8_t bytes[1 + sizeof genesis_words - 1 + HEADER_IDENTITY_SIZE + SIGN_PUBLIC_SIZE];
		memcpy(b->genesis.own_key, key->public_key, SIGN_PUBLIC_SIZE);
		memcpy(b->genesis.identity_key, identity->public_key, SIGN_PUBLIC_SIZE);
		genesis_bytes(b, bytes);
		sign_detached(bytes, sizeof bytes, identity, b->genesis.identity_signature);
	}
	int e = body_hash(b, digests, b->body_hash);
	if (e != 0)
		return e;
	memcpy(b->header + 128, b->body_hash, HASH_SIZE);
	sign_detached(b->header, BLOCK_HEADER_SIZE, key, b->signature);
	return 0;
}

int block_encode(struct buffer *out, const struct block *b)
{
	int e = buffer_reserve(out, BLOCK_HEADER_SIZE + SIGN_SIZE + BODY_MAX);
	if (e != 0)
		return e;
	(void)buffer_put(out, b->header, BLOCK_HEADER_SIZE); /* reserved above */
	(void)buffer_put(out, b->signature, SIGN_SIZE);
	return put_body(out, b);
}

static void get_header(struct reader *r, struct block *b)
{
	const uint8_t *magic = reader_bytes(r, 4);
	if (magic != NULL && memcmp(magic, "ITMB", 4) != 0)
		reader_fail(r, ITM_EFORMAT, "not a block");
	if (reader_u8(r) != 1 || reader_u8(r) != 1)
		reader_fail(r, ITM_EVERSION, "block of an unknown version or signature type");
	b->flags = reader_u16(r);
	if (b->flags & ~FLAGS_KNOWN)
		reader_fail(r, ITM_EVERSION, "unknown block flag");
	reader_copy(r, b->host.bytes, ID_SIZE);
	b->sequence = reader_u64(r);
	if (b->sequence == 0)
		reader_fail(r, ITM_EFORMAT, "block sequence is 0");
	b->wall_ns = (int64_t)reader_u64(r);
	b->boot_ns = reader_u64(r);
	reader_copy(r, b->boot_id.bytes, ID_SIZE);
	reader_copy(r, b->previous, HASH_SIZE);
	reader_copy(r, b->next_key, SIGN_PUBLIC_SIZE);
	reader_copy(r, b->body_hash, HASH_SIZE);
}

static void get_body_rest(struct reader *r, struct block *b)
{
	b->clock_synchronised = reader_u8(r);
	uint64_t error_us = reader_varint(r), count = reader_varint(r);
	if (b->clock_synchronised > 1 || error_us > UINT32_MAX)
		reader_fail(r, ITM_EFORMAT, "block's clock record is malformed");
	if (count > BLOCK_CHUNKS_MAX)
		reader_fail(r, ITM_ELIMIT, "block says it covers more chunks than blocks may");
	b->clock_max_error_us = (uint32_t)error_us;
	b->chunk_count = (uint32_t)count;
	if (!(b->flags & BLOCK_GENESIS))
		return;
	if (reader_u8(r) != 1)
		reader_fail(r, ITM_EVERSION, "genesis record of an unknown version");
	b->genesis.reason = reader_u8(r);
	if (b->genesis.reason < BLOCK_INSTALL || b->genesis.reason > BLOCK_KEY_LOST || reader_u16(r) != 0)
		reader_fail(r, ITM_EFORMAT, "genesis record is malformed");
	reader_copy(r, b->genesis.own_key, SIGN_PUBLIC_SIZE);
	reader_copy(r, b->genesis.identity_key, SIGN_PUBLIC_SIZE);
	reader_copy(r, b->genesis.identity_signature, SIGN_SIZE);
}

static void get_body(struct reader *r, struct block *b)
{
	if (reader_u8(r) != 1)
		reader_fail(r, ITM_EVERSION, "block body of an unknown version");
	get_body_rest(r, b);
}

int block_decode(const void *data, size_t len, struct block *out, struct fault *fault)
{
	struct block b = { .flags = 0 };
	struct reader r;

	reader_init(&r, data, len);
	get_header(&r, &b);
	reader_copy(&r, b.signature, SIGN_SIZE);
	get_body(&r, &b);
	reader_end(&r);
	if (r.error != 0)
		return reader_result(&r, fault);
	memcpy(b.header, data, BLOCK_HEADER_SIZE);
	*out = b;
	return 0;
}

void block_context_set(struct block_context *c, const struct block *last)
{
	*c = (struct block_context){ .known = true, .host = last->host, .boot_id = last->boot_id,
				     .sequence = last->sequence, .wall_ns = last->wall_ns, .boot_ns = last->boot_ns };
	block_hash(last, c->hash);
}

/* Would a reader who stands at c make exactly b of its short form?  Gives the
 * times it needs. */
static bool follows(const struct block_context *c, const struct block *b, uint64_t *boot_ms, int64_t *drift_ms)
{
	int64_t wall_ns, boot_ns = (int64_t)(b->boot_ns - c->boot_ns);
	if (!c->known || (b->flags & BLOCK_GENESIS) || b->sequence != c->sequence + 1 || !id_equal(&b->host, &c->host) ||
	    !id_equal(&b->boot_id, &c->boot_id) || memcmp(b->previous, c->hash, HASH_SIZE) != 0)
		return false;
	if (b->boot_ns < c->boot_ns || boot_ns < 0 || boot_ns % NS_PER_MS != 0 ||
	    __builtin_sub_overflow(b->wall_ns, c->wall_ns, &wall_ns) || wall_ns % NS_PER_MS != 0)
		return false;
	*boot_ms = (uint64_t)(boot_ns / NS_PER_MS);
	*drift_ms = wall_ns / NS_PER_MS - boot_ns / NS_PER_MS; /* both below 2^44 */
	return true;
}

int block_encode_after(struct block_context *c, struct buffer *out, const struct block *b)
{
	uint64_t boot_ms;
	int64_t drift_ms;
	int e;
	if (follows(c, b, &boot_ms, &drift_ms)) {
		e = buffer_reserve(out, BLOCK_HEADER_SIZE + SIGN_SIZE + BODY_MAX);
		if (e != 0)
			return e;
		(void)buffer_put_u8(out, FORM_SHORT); /* reserved above */
		(void)buffer_put_u8(out, (uint8_t)b->sequence);
		(void)buffer_put_varint(out, b->flags);
		(void)buffer_put_varint(out, boot_ms);
		(void)buffer_put_zigzag(out, drift_ms);
		(void)buffer_put(out, b->next_key, SIGN_PUBLIC_SIZE);
		(void)buffer_put(out, b->body_hash, HASH_SIZE);
		(void)buffer_put(out, b->signature, SIGN_SIZE);
		e = put_body_rest(out, b);
	} else {
		e = block_encode(out, b);
	}
	if (e == 0)
		block_context_set(c, b);
	return e;
}

static void get_short(struct reader *r, const struct block_context *c, struct block *b)
{
	*b = (struct block){ .host = c->host, .boot_id = c->boot_id, .sequence = c->sequence + 1 };
	memcpy(b->previous, c->hash, HASH_SIZE);
	if (reader_u8(r) != FORM_SHORT)
		reader_fail(r, ITM_EVERSION, "block of an unknown form");
	if (reader_u8(r) != (uint8_t)b->sequence || b->sequence == 0)
		reader_fail(r, ITM_EFORMAT, "block does not follow the one before it: one is missing, or out of its place");
	uint64_t flags = reader_varint(r), boot_ms = reader_varint(r);
	int64_t drift_ms = reader_zigzag(r), wall_ms, wall_ns;
	uint64_t boot_ns;
	if (flags & ~(uint64_t)(FLAGS_KNOWN & ~BLOCK_GENESIS))
		reader_fail(r, ITM_EVERSION, "unknown block flag");
	if (__builtin_mul_overflow(boot_ms, (uint64_t)NS_PER_MS, &boot_ns) ||
	    __builtin_add_overflow(c->boot_ns, boot_ns, &b->boot_ns) || boot_ms > INT64_MAX ||
	    __builtin_add_overflow((int64_t)boot_ms, drift_ms, &wall_ms) ||
	    __builtin_mul_overflow(wall_ms, (int64_t)NS_PER_MS, &wall_ns) ||
	    __builtin_add_overflow(c->wall_ns, wall_ns, &b->wall_ns))
		reader_fail(r, ITM_EFORMAT, "block's time is out of range");
	b->flags = (uint16_t)flags;
	reader_copy(r, b->next_key, SIGN_PUBLIC_SIZE);
	reader_copy(r, b->body_hash, HASH_SIZE);
	reader_copy(r, b->signature, SIGN_SIZE);
	get_body_rest(r, b);
	reader_end(r);
}

int block_decode_after(struct block_context *c, const void *data, size_t len, struct block *out, struct fault *fault)
{
	struct block b;
	struct reader r;

	if (len == 0 || *(const uint8_t *)data != FORM_SHORT) {
		int e = block_decode(data, len, out, fault);
		if (e == 0)
			block_context_set(c, out);
		return e;
	}
	if (!c->known)
		return error_fault(fault, ITM_EINVAL, 0, "needs the block before it");
	reader_init(&r, data, len);
	get_short(&r, c, &b);
	if (r.error != 0)
		return reader_result(&r, fault);
	put_header(&b);
	memcpy(b.header + 128, b.body_hash, HASH_SIZE);
	*out = b;
	block_context_set(c, out);
	return 0;
}

void block_hash(const struct block *b, uint8_t out[HASH_SIZE])
{
	static const uint8_t domain = DOMAIN_BLOCK;
	hash_parts(&domain, 1, b->header, BLOCK_HEADER_SIZE, b->signature, SIGN_SIZE, out);
}

int block_check(const struct block *b, const uint8_t (*digests)[HASH_SIZE], const uint8_t key[SIGN_PUBLIC_SIZE],
		struct fault *fault)
{
	uint8_t hash[HASH_SIZE];
	int e = sign_verify(b->header, BLOCK_HEADER_SIZE, key, b->signature);
	if (e != 0)
		return error_fault(fault, e, BLOCK_HEADER_SIZE, "block's signature does not match");
	if (digests != NULL || b->chunk_count == 0) {
		e = body_hash(b, digests, hash);
		if (e != 0)
			return error_fault(fault, e, 0, "out of memory");
		if (memcmp(hash, b->body_hash, HASH_SIZE) != 0)
			return error_fault(fault, ITM_ECRYPTO, 128, "block's chunks are not the ones that were signed");
	}
	if (b->flags & BLOCK_GENESIS) {
		uint8_t bytes[1 + sizeof genesis_words - 1 + HEADER_IDENTITY_SIZE + SIGN_PUBLIC_SIZE];
		genesis_bytes(b, bytes);
		e = sign_verify(bytes, sizeof bytes, b->genesis.identity_key, b->genesis.identity_signature);
		if (e != 0)
			return error_fault(fault, e, BLOCK_HEADER_SIZE + SIGN_SIZE, "genesis is not signed by its identity key");
	}
	return 0;
}
