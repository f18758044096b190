/* Golden files: a stored segment of each released format version must read the
 * same for ever.  GENERATE=1 writes a new one (only with a new version). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdbool.h>
#include <cmocka.h>

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/atomicfile.h"
#include "base/error.h"
#include "chain.h"
#include "format/frame.h"

#define SEGMENT_FILE GOLDEN_DIR "/segment-v1.itm"
#define TEXT_FILE GOLDEN_DIR "/segment-v1.txt"

static void put_hex(struct buffer *b, const char *name, const uint8_t *data, size_t len)
{
	buffer_printf(b, " %s=", name);
	for (size_t i = 0; i < len; i++)
		buffer_printf(b, "%02x", data[i]);
}

static void dump_events(struct buffer *text, struct record_cursor *cursor)
{
	struct record_event e;
	while (record_cursor_next(cursor, &e, NULL) > 0) {
		buffer_printf(text, "  +%" PRIu64 " %s %" PRIu64, e.time_ms, record_name(e.kind), e.code);
		if (e.len > 0)
			put_hex(text, "bytes", e.data, e.len);
		buffer_put_u8(text, '\n');
	}
}

/* The server of the golden file has no secret. */
static const uint8_t log_seed[32] = "the golden log";

/* Decode, say what is in it, and encode it again: the same bytes must come. */
static void dump_unit(struct buffer *text, const struct unit *u, struct chunk_reader *reader, struct block_context *context)
{
	struct block_context before = *context;
	struct buffer again;
	struct frame f;
	struct chunk c;
	struct block b;
	struct receipt r;
	struct record_cursor cursor;
	uint8_t digest[HASH_SIZE];
	buffer_init(&again, UNIT_PAYLOAD_MAX);
	buffer_printf(text, "unit %02x version %u length %u\n", u->type, u->version, u->len);
	switch (u->type) {
	case UNIT_FRAME:
		assert_int_equal(frame_decode(u->payload, u->len, &f, NULL), 0);
		assert_int_equal(frame_encode(&again, &f), 0);
		buffer_printf(text, " frame %" PRIu64 " boot %" PRIu64 " flags %u", f.number, f.boot_ns, f.flags);
		put_hex(text, "run", f.run, f.run_len);
		buffer_put_u8(text, '\n');
		break;
	case UNIT_CHUNK:
		assert_int_equal(chunk_reader_next(reader, u->payload, u->len, &c, &cursor, digest, NULL), 0);
		assert_int_equal(chunk_encode(&again, &c), 0);
		buffer_printf(text, " chunk %" PRIu64 " last frame %" PRIu64 " flags %u sections %zu", c.number, c.last_frame, c.flags, c.section_count);
		put_hex(text, "digest", digest, HASH_SIZE);
		buffer_put_u8(text, '\n');
		dump_events(text, &cursor);
		break;
	case UNIT_BLOCK:
		assert_int_equal(block_decode_after(context, u->payload, u->len, &b, NULL), 0);
		assert_int_equal(block_encode_after(&before, &again, &b), 0);
		block_hash(&b, digest);
		buffer_printf(text, " block %" PRIu64 " flags %u chunks %u", b.sequence, b.flags, b.chunk_count);
		put_hex(text, "hash", digest, HASH_SIZE);
		put_hex(text, "body", b.body_hash, HASH_SIZE);
		buffer_put_u8(text, '\n');
		break;
	case UNIT_RECEIPT:
		assert_int_equal(receipt_decode(u->payload, u->len, &r, NULL), 0);
		buffer_printf(text, " receipt %d for %" PRIu64, (int)r.record.type, r.record.sequence);
		put_hex(text, "block", r.record.block_hash, HASH_SIZE);
		buffer_printf(text, " leaf %" PRIu64 " proof %zu of log %s size %" PRIu64, r.leaf, r.inclusion.count,
			      r.checkpoint.origin, r.checkpoint.size);
		put_hex(text, "root", r.checkpoint.root, HASH_SIZE);
		assert_int_equal(receipt_encode(&again, &r), 0);
		buffer_put_u8(text, '\n');
		break;
	}
	if (again.len > 0) {
		assert_int_equal(again.len, u->len);
		assert_memory_equal(again.data, u->payload, u->len);
	}
	buffer_free(&again);
}

static void dump(struct buffer *text, const struct buffer *file)
{
	struct segment_header h;
	struct fault fault;
	struct chunk_reader *reader = chunk_reader_new();
	struct chain c = { .units = *file };
	struct block_context context = { .known = false };
	sign_keypair_of(log_seed, &c.log);
	assert_int_equal(unit_segment_decode(file->data, file->len, &h, &fault), 0);
	buffer_printf(text, "segment %" PRIu64 " store %u wall %" PRId64 "\n", h.number, h.store, h.wall_ns);
	for (size_t at = SEGMENT_HEADER_SIZE; at < file->len; ) {
		struct unit u;
		struct block b;
		assert_int_equal(unit_decode(file->data + at, file->len - at, &u, &fault), 0);
		dump_unit(text, &u, reader, &context);
		if (u.type == UNIT_BLOCK && block_decode(u.payload, u.len, &b, NULL) == 0 && (b.flags & BLOCK_GENESIS))
			memcpy(c.identity.public_key, b.genesis.identity_key, SIGN_PUBLIC_SIZE);
		at += u.size;
	}
	struct verify_result result = chain_verify(&c, file->data + SEGMENT_HEADER_SIZE, file->len - SEGMENT_HEADER_SIZE);
	buffer_printf(text, "verdict %s blocks %" PRIu64 " chunks %" PRIu64 "\n", verdict_name(result.verdict), result.blocks, result.chunks);
	chunk_reader_free(reader);
}

static void generate(void)
{
	struct chain c;
	struct buffer text, file;
	uint8_t header[SEGMENT_HEADER_SIZE];
	struct segment_header h = { .owner = id_random(), .number = 1, .wall_ns = 1795456805123000000 };
	chain_init(&c);
	c.spool = true;
	sign_keypair_of(log_seed, &c.log);
	chain_sample(&c);
	unit_segment_encode(&h, header);
	buffer_init(&file, 1 << 20);
	buffer_init(&text, 1 << 20);
	buffer_put(&file, header, sizeof header);
	buffer_put(&file, c.units.data, c.units.len);
	dump(&text, &file);
	assert_int_equal(atomicfile_write(SEGMENT_FILE, file.data, file.len, 0644), 0);
	assert_int_equal(atomicfile_write(TEXT_FILE, text.data, text.len, 0644), 0);
	buffer_free(&text);
	buffer_free(&file);
	chain_free(&c);
}

static void segment_v1_reads_the_same(void **state)
{
	struct buffer file, text, want;
	if (getenv("GENERATE") != NULL)
		generate();
	buffer_init(&file, 1 << 20);
	buffer_init(&text, 1 << 20);
	buffer_init(&want, 1 << 20);
	assert_int_equal(atomicfile_read(SEGMENT_FILE, &file), 0);
	assert_int_equal(atomicfile_read(TEXT_FILE, &want), 0);
	dump(&text, &file);
	assert_string_equal(buffer_text(&text), buffer_text(&want));
	buffer_free(&file);
	buffer_free(&text);
	buffer_free(&want);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(segment_v1_reads_the_same) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
