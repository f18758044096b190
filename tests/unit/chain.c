#include "chain.h"

#include <stdlib.h>
#include <string.h>

#include "format/frame.h"

static void must(int ok)
{
	if (!ok)
		abort();
}

void chain_unit(struct chain *c, uint8_t type, uint8_t version, const void *payload, size_t len)
{
	must(unit_put(&c->units, type, version, payload, len) == 0);
}

static void put_unit(struct chain *c, uint8_t type, const struct buffer *payload)
{
	chain_unit(c, type, 1, payload->data, payload->len);
}

static int64_t wall_ns(const struct chain *c)
{
	return c->wall_offset_ns + (int64_t)c->now_ms * 1000000;
}

/* From the source of randomness that a generator of golden files replaces. */
static struct id new_id(void)
{
	struct id id;

	sign_random(id.bytes, sizeof(id.bytes));
	return id;
}

void chain_init(struct chain *c)
{
	*c = (struct chain){ .now_ms = 1000 };
	must(sign_init() == 0);
	buffer_init(&c->units, 64 << 20);
	c->host = new_id();
	c->boot = new_id();
	sign_keypair(&c->identity);
	sign_keypair(&c->log);
	sign_keypair(&c->key);
	record_columns_init(&c->columns, CHUNK_PLAIN_MAX);
	chain_stream(c);
}

void chain_free(struct chain *c)
{
	buffer_free(&c->units);
	record_columns_free(&c->columns);
	chunk_writer_free(c->writer);
}

void chain_stream(struct chain *c)
{
	chunk_writer_free(c->writer);
	c->stream = new_id();
	c->frame = 0;
	c->writer = chunk_writer_new(&c->stream, 1);
	must(c->writer != NULL);
}

void chain_frame(struct chain *c, const char *text)
{
	struct buffer run, payload;
	uint64_t last = 0;
	buffer_init(&run, FRAME_RUN_MAX);
	buffer_init(&payload, UNIT_PAYLOAD_MAX);
	must(record_put(&run, &last, 3, RECORD_OUT, strlen(text), text) == 0);
	struct frame f = { .stream = c->stream, .number = ++c->frame, .boot_ns = c->now_ms * 1000000,
			   .wall_ns = wall_ns(c), .run = run.data, .run_len = run.len };
	must(frame_encode(&payload, &f) == 0);
	put_unit(c, UNIT_FRAME, &payload);
	buffer_free(&run);
	buffer_free(&payload);
}

void chain_chunk(struct chain *c, const char *text, uint16_t flags)
{
	struct buffer payload;
	struct record_event event = { .time_ms = 3, .kind = RECORD_OUT, .data = (const uint8_t *)text, .len = strlen(text) };
	struct record_event gap = { .time_ms = 4, .kind = RECORD_GAP, .code = 77 };

	chain_frame(c, text);
	buffer_init(&payload, UNIT_PAYLOAD_MAX);
	record_columns_clear(&c->columns);
	if (c->env != NULL) {
		struct record_event env = { .kind = RECORD_ENV, .data = (const uint8_t *)c->env, .len = strlen(c->env) };
		must(record_columns_put(&c->columns, &env) == 0);
	}
	c->env = NULL;
	must(record_columns_put(&c->columns, &event) == 0);
	if (flags & CHUNK_LOSS)
		must(record_columns_put(&c->columns, &gap) == 0);
	struct chunk info = { .flags = flags, .last_frame = c->frame, .boot_ns = c->now_ms * 1000000,
			      .wall_ns = wall_ns(c), .duration_ms = 5 };
	must(chunk_writer_put(c->writer, &info, &c->columns, &payload, c->digests[c->digest_count++]) == 0);
	put_unit(c, UNIT_CHUNK, &payload);
	buffer_free(&payload);
	c->now_ms += 1000;
}

void chain_block(struct chain *c, uint16_t flags)
{
	struct buffer payload;
	struct sign_key next;
	struct block b = { .flags = flags, .host = c->host, .sequence = ++c->sequence, .wall_ns = wall_ns(c),
			   .boot_ns = c->now_ms * 1000000, .boot_id = c->boot, .chunk_count = (uint32_t)c->digest_count };
	if (flags & BLOCK_GENESIS) {
		sign_keypair(&c->key);
		b.genesis.reason = c->reason != 0 ? c->reason : c->sequence == 1 ? BLOCK_INSTALL : BLOCK_REBOOT;
		c->reason = 0;
	}
	sign_keypair(&next);
	memcpy(b.previous, c->head, HASH_SIZE);
	memcpy(b.next_key, next.public_key, SIGN_PUBLIC_SIZE);
	must(block_seal(&b, (const uint8_t (*)[HASH_SIZE])c->digests, &c->key, &c->identity) == 0);
	buffer_init(&payload, UNIT_PAYLOAD_MAX);
	must((c->spool ? block_encode_after(&c->context, &payload, &b) : block_encode(&payload, &b)) == 0);
	put_unit(c, UNIT_BLOCK, &payload);
	buffer_free(&payload);
	block_hash(&b, c->head);
	c->key = next;
	c->digest_count = 0;
}

static int get_node(void *context, unsigned level, uint64_t index, uint8_t out[HASH_SIZE])
{
	const struct chain *c = context;
	struct merkle_edge edge = { 0 };
	for (uint64_t i = index << level; i < (index + 1) << level; i++)
		merkle_edge_add(&edge, c->leaves[i]);
	merkle_edge_root(&edge, out);
	return 0;
}

/* The log grows by this record alone. */
static void put_receipt(struct chain *c, struct buffer *payload, struct receipt *r)
{
	struct id server = { { 0 } };
	struct buffer note;
	must(c->leaf_count < 256);
	r->leaf = r->old_size = c->leaf_count;
	receipt_leaf(&r->record, c->leaves[c->leaf_count++]);
	must(merkle_inclusion(c->leaf_count, r->leaf, get_node, c, &r->inclusion) == 0);
	must(merkle_consistency(r->old_size, c->leaf_count, get_node, c, &r->consistency) == 0);
	checkpoint_origin(&server, r->checkpoint.origin);
	r->checkpoint.size = c->leaf_count;
	must(merkle_root(c->leaf_count, get_node, c, r->checkpoint.root) == 0);
	buffer_init(&note, NOTE_MAX);
	must(checkpoint_put(&note, &r->checkpoint, &c->log) == 0);
	r->note = (const char *)note.data;
	r->note_len = note.len;
	must(receipt_encode(payload, r) == 0);
	buffer_free(&note);
}

void chain_receipt(struct chain *c, enum receipt_type type)
{
	struct buffer payload;
	struct receipt r = { .record = { .type = type, .host = c->host, .sequence = c->sequence,
					.received_wall_ns = wall_ns(c) + 300000000 } };
	memcpy(r.record.block_hash, c->head, HASH_SIZE);
	buffer_init(&payload, RECEIPT_MAX);
	put_receipt(c, &payload, &r);
	put_unit(c, type == RECEIPT_GENESIS ? UNIT_COUNTERSIGN : UNIT_RECEIPT, &payload);
	buffer_free(&payload);
}

void chain_sample(struct chain *c)
{
	chain_block(c, BLOCK_GENESIS);
	chain_chunk(c, "first screen\r\n", 0);
	chain_chunk(c, "second screen\r\n", 0);
	chain_block(c, 0);
	chain_receipt(c, RECEIPT_BLOCK);
	chain_chunk(c, "the end\r\n", CHUNK_END);
	chain_block(c, BLOCK_CLOSE);
}

struct verify_result chain_verify(const struct chain *c, const uint8_t *data, size_t len)
{
	struct verify_trust trust = { .has_identity = true, .has_log = true };
	struct verify_result result;
	memcpy(trust.identity, c->identity.public_key, SIGN_PUBLIC_SIZE);
	memcpy(trust.log, c->log.public_key, SIGN_PUBLIC_SIZE);
	struct verifier *v = verifier_new(&trust, NULL);
	must(v != NULL);
	for (size_t at = 0; at < len; ) {
		struct unit u;
		struct fault fault = { 0, NULL };
		int r = unit_decode(data + at, len - at, &u, &fault);
		if (r == ITM_ETRUNC) {
			verifier_torn(v, "test", 1, at);
			break;
		}
		if (r != 0) {
			fault.offset += at;
			verifier_broken(v, "test", &fault);
			break;
		}
		if (verifier_unit(v, &u, "test", at) != 0)
			break;
		at += u.size;
	}
	verifier_finish(v, &result);
	verifier_free(v);
	return result;
}
