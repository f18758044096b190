/* format: events, units, frames, chunks, metadata: round trips, and every
 * truncation refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdbool.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "chain.h"
#include "format/compress.h"
#include "format/frame.h"
#include "format/meta.h"
#include "format/unit.h"

static void runs_round_trip(void **state)
{
	struct buffer b;
	struct record_run run;
	struct record_event e;
	uint64_t last = 0;
	buffer_init(&b, 1000);
	assert_int_equal(record_put(&b, &last, 5, RECORD_OUT, 3, "abc"), 0);
	assert_int_equal(record_put(&b, &last, 4, RECORD_RESIZE, 80 << 16 | 24, NULL), 0); /* clock went back */
	assert_int_equal(record_put(&b, &last, 90000, RECORD_EXIT, 0x0b, NULL), 0);
	assert_int_equal(record_put(&b, &last, 90001, RECORD_OUT, 1, "k"), 0);
	assert_memory_equal(b.data + b.len - 2, "\x30k", 2); /* time, kind and length of a key's echo */
	record_run_init(&run, b.data, b.len);
	assert_int_equal(record_run_next(&run, &e, NULL), 1);
	assert_true(e.time_ms == 5 && e.kind == RECORD_OUT && e.len == 3);
	assert_memory_equal(e.data, "abc", 3);
	assert_int_equal(record_run_next(&run, &e, NULL), 1);
	assert_true(e.time_ms == 5 && e.kind == RECORD_RESIZE && e.code == (80 << 16 | 24));
	assert_int_equal(record_run_next(&run, &e, NULL), 1);
	assert_true(e.time_ms == 90000 && e.code == 0x0b);
	assert_int_equal(record_run_next(&run, &e, NULL), 1);
	assert_true(e.time_ms == 90001 && e.kind == RECORD_OUT && e.len == 1 && *e.data == 'k');
	assert_int_equal(record_run_next(&run, &e, NULL), 0);
	buffer_free(&b);
}

static void runs_refuse(void **state)
{
	static const struct { const char *bytes; size_t len; int code; } bad[] = {
		{ "\x00\x01x", 3, ITM_EFORMAT }, /* a code of 1 has a form of its own */
		{ "\x00", 1, ITM_ETRUNC }, { "\x00\x05" "ab", 4, ITM_ETRUNC }, { "\x0f", 1, ITM_ETRUNC },
		{ "\x00\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11, ITM_ETRUNC },
	};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct record_run run;
		struct record_event e;
		struct fault fault = { 0, NULL };
		record_run_init(&run, bad[i].bytes, bad[i].len);
		assert_int_equal(record_run_next(&run, &e, &fault), bad[i].code);
		assert_non_null(fault.reason);
	}
}

static void meta_round_trip(void **state)
{
	struct buffer b;
	char out[64];
	buffer_init(&b, META_MAX);
	assert_int_equal(meta_put(&b, "user", "john"), 0);
	assert_int_equal(meta_put_bytes(&b, "argv", "a\nuser=root\\\x1b", 13), 0);
	assert_int_equal(meta_put(&b, "argv", "two"), 0);
	const char *text = (const char *)b.data;
	assert_int_equal(meta_get(text, b.len, "user", 0, out, sizeof out), 4);
	assert_string_equal(out, "john");
	assert_int_equal(meta_get(text, b.len, "user", 1, out, sizeof out), ITM_ENOENT);
	assert_int_equal(meta_get(text, b.len, "argv", 0, out, sizeof out), 13);
	assert_memory_equal(out, "a\nuser=root\\\x1b", 13);
	assert_int_equal(meta_get(text, b.len, "argv", 1, out, sizeof out), 3);
	assert_int_equal(meta_get(text, b.len, "argv", 1, out, 3), ITM_ELIMIT);
	assert_int_equal(meta_get("x=\\x4", 5, "x", 0, out, sizeof out), ITM_EFORMAT);
	buffer_free(&b);
}

/* Every prefix of a good unit is ITM_ETRUNC; every flipped bit is refused or
 * (in the unused length of the type's own payload) never taken as it was. */
static void units_refuse_damage(void **state)
{
	struct buffer b;
	struct unit u;
	struct fault fault;
	buffer_init(&b, 1000);
	assert_int_equal(unit_put(&b, UNIT_CHUNK, 1, "payload", 7), 0);
	assert_int_equal(unit_decode(b.data, b.len, &u, NULL), 0);
	assert_int_equal(u.len, 7);
	for (size_t n = 0; n < b.len; n++)
		assert_int_equal(unit_decode(b.data, n, &u, &fault), ITM_ETRUNC);
	for (size_t bit = 0; bit < b.len * 8; bit++) {
		b.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_int_not_equal(unit_decode(b.data, b.len, &u, &fault), 0);
		b.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	buffer_free(&b);
}

static void segment_header_refuses_every_bit(void **state)
{
	struct segment_header h = { .store = 1, .owner = id_random(), .number = 9, .wall_ns = 5 }, back;
	uint8_t bytes[SEGMENT_HEADER_SIZE];
	unit_segment_encode(&h, bytes);
	assert_int_equal(unit_segment_decode(bytes, sizeof bytes, &back, NULL), 0);
	assert_true(back.store == 1 && back.number == 9 && back.wall_ns == 5 && id_equal(&back.owner, &h.owner));
	for (size_t bit = 0; bit < sizeof bytes * 8; bit++) {
		bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_int_not_equal(unit_segment_decode(bytes, sizeof bytes, &back, NULL), 0);
		bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
}

static void frames_refuse_truncation(void **state)
{
	struct buffer b;
	struct frame f = { .stream = id_random(), .number = 3, .boot_ns = 7, .wall_ns = -1, .flags = FRAME_END,
			   .run = (const uint8_t *)"\x00\x01x", .run_len = 3 }, back;
	struct fault fault;
	buffer_init(&b, 1000);
	assert_int_equal(frame_encode(&b, &f), 0);
	assert_int_equal(frame_decode(b.data, b.len, &back, &fault), 0);
	assert_true(back.number == 3 && back.wall_ns == -1 && back.flags == FRAME_END && back.run_len == 3);
	for (size_t n = 0; n < FRAME_HEADER_SIZE; n++)
		assert_int_equal(frame_decode(b.data, n, &back, &fault), ITM_ETRUNC);
	b.data[40] = 0x80;
	assert_int_equal(frame_decode(b.data, b.len, &back, &fault), ITM_EVERSION);
	buffer_free(&b);
}

/* 3 MiB of text over many chunks, so that compression resets in between, and
 * a second reader that joins at the last RESET. */
static void chunks_round_trip(void **state)
{
	struct id stream = id_random();
	struct chunk_writer *w = chunk_writer_new(&stream, 1);
	struct chunk_reader *r = chunk_reader_new(), *late = NULL;
	struct record_columns columns;
	struct buffer b;
	char text[60000];
	size_t resets = 0;

	record_columns_init(&columns, CHUNK_PLAIN_MAX);
	buffer_init(&b, UNIT_PAYLOAD_MAX);
	for (unsigned n = 1; n <= 50; n++) {
		for (size_t i = 0; i < sizeof text; i++)
			text[i] = (char)('a' + (i * n + i / 7) % 23);
		struct record_event out = { .time_ms = n, .kind = RECORD_OUT, .data = (uint8_t *)text, .len = sizeof text };
		struct record_event size = { .time_ms = n + 2, .kind = RECORD_RESIZE, .code = n };
		record_columns_clear(&columns);
		assert_int_equal(record_columns_put(&columns, &out), 0);
		assert_int_equal(record_columns_put(&columns, &size), 0);
		struct chunk info = { .last_frame = n, .boot_ns = n * 1000000000ull }, c;
		struct record_cursor cursor;
		struct record_event e;
		uint8_t made[HASH_SIZE], read[HASH_SIZE];
		buffer_clear(&b);
		assert_int_equal(chunk_writer_put(w, &info, &columns, &b, made), 0);
		assert_int_equal(chunk_reader_next(r, b.data, b.len, &c, &cursor, read, NULL), 0);
		assert_memory_equal(made, read, HASH_SIZE);
		assert_int_equal(record_cursor_next(&cursor, &e, NULL), 1);
		assert_int_equal(e.len, sizeof text);
		assert_memory_equal(e.data, text, sizeof text);
		assert_int_equal(record_cursor_next(&cursor, &e, NULL), 1);
		assert_true(e.kind == RECORD_RESIZE && e.code == n && e.time_ms == n + 2);
		assert_int_equal(record_cursor_next(&cursor, &e, NULL), 0);
		assert_int_equal(c.dictionary, c.flags & CHUNK_RESET ? CHUNK_DICTIONARY : 0);
		if (c.flags & CHUNK_RESET && ++resets == 2)
			late = chunk_reader_new();
		if (late != NULL)
			assert_int_equal(chunk_reader_next(late, b.data, b.len, &c, NULL, read, NULL), 0);
		if (n == 20) { /* not a RESET: a fresh reader must say so */
			struct chunk_reader *fresh = chunk_reader_new();
			assert_int_equal(chunk_reader_next(fresh, b.data, b.len, &c, NULL, read, NULL), ITM_EINVAL);
			chunk_reader_free(fresh);
			/* Which dictionary is said where compression begins, only there. */
			assert_int_equal(c.dictionary, 0);
			struct chunk other = c;
			struct buffer said;
			buffer_init(&said, UNIT_PAYLOAD_MAX);
			other.dictionary = CHUNK_DICTIONARY;
			assert_int_equal(chunk_encode(&said, &other), 0);
			assert_int_equal(chunk_decode(said.data, said.len, &other, NULL), ITM_EVERSION);
			buffer_free(&said);
		}
	}
	assert_true(resets >= 2);
	buffer_free(&b);
	record_columns_free(&columns);
	chunk_writer_free(w);
	chunk_reader_free(r);
	chunk_reader_free(late);
}

/* Without its dictionary a chunk of everyday output is not readable. */
static void chunks_need_their_dictionary(void **state)
{
	static const char text[] = "drwxr-xr-x 2 root root 4096 \r\n-rw-r--r-- 1 root root lrwxrwxrwx 1 root root";
	struct id stream = id_random();
	struct chunk_writer *w = chunk_writer_new(&stream, 1);
	struct chunk_reader *r = chunk_reader_new();
	struct record_event out = { .kind = RECORD_OUT, .data = (const uint8_t *)text, .len = sizeof text - 1 };
	struct chunk info = { .last_frame = 1 }, c;
	struct record_columns columns;
	struct buffer b, said;
	uint8_t made[HASH_SIZE], read[HASH_SIZE];

	record_columns_init(&columns, CHUNK_PLAIN_MAX);
	buffer_init(&b, UNIT_PAYLOAD_MAX);
	buffer_init(&said, UNIT_PAYLOAD_MAX);
	assert_int_equal(record_columns_put(&columns, &out), 0);
	assert_int_equal(chunk_writer_put(w, &info, &columns, &b, made), 0);
	assert_int_equal(chunk_reader_next(r, b.data, b.len, &c, NULL, read, NULL), 0);
	assert_memory_equal(made, read, HASH_SIZE);
	c.dictionary = 0;
	assert_int_equal(chunk_encode(&said, &c), 0);
	assert_int_not_equal(chunk_reader_next(r, said.data, said.len, &c, NULL, read, NULL), 0);
	buffer_free(&b);
	buffer_free(&said);
	record_columns_free(&columns);
	chunk_writer_free(w);
	chunk_reader_free(r);
}

static void chunks_refuse_truncation_and_lies(void **state)
{
	struct chain c;
	struct unit u;
	struct chunk out;
	struct fault fault;
	chain_init(&c);
	chain_chunk(&c, "hello, hello, hello", 0);
	assert_int_equal(unit_decode(c.units.data, c.units.len, &u, NULL), 0); /* the frame */
	assert_int_equal(unit_decode(c.units.data + u.size, c.units.len - u.size, &u, NULL), 0);
	assert_int_equal(u.type, UNIT_CHUNK);
	for (size_t n = 0; n < u.len; n++)
		assert_int_not_equal(chunk_decode(u.payload, n, &out, &fault), 0);
	/* One byte more. */
	uint8_t *longer = malloc(u.len + 1);
	memcpy(longer, u.payload, u.len);
	longer[u.len] = 0;
	assert_int_equal(chunk_decode(longer, u.len + 1, &out, &fault), ITM_EFORMAT);
	free(longer);
	chain_free(&c);
}

/* One salt for all sections; once one is dropped nothing is left to guess it
 * with, and the digest is the same. */
static void chunk_drops_a_section(void **state)
{
	struct id stream = id_random();
	struct chunk_writer *w = chunk_writer_new(&stream, 1);
	struct chunk_reader *r = chunk_reader_new();
	struct record_columns columns;
	struct record_event text = { .kind = RECORD_OUT, .data = (const uint8_t *)"shown", .len = 5 };
	struct record_event note = { .kind = RECORD_NOTE, .data = (const uint8_t *)"a=secret\n", .len = 9 };
	struct chunk info = { .last_frame = 1, .boot_ns = 5000999999, .wall_ns = -1000001 }, c, back;
	uint8_t made[HASH_SIZE], read[HASH_SIZE], salt[CHUNK_SALT_SIZE];
	struct buffer b;
	struct fault fault;

	record_columns_init(&columns, CHUNK_PLAIN_MAX);
	buffer_init(&b, UNIT_PAYLOAD_MAX);
	assert_int_equal(record_columns_put(&columns, &text), 0);
	assert_int_equal(record_columns_put(&columns, &note), 0);
	assert_int_equal(chunk_writer_put(w, &info, &columns, &b, made), 0);
	assert_int_equal(chunk_reader_next(r, b.data, b.len, &c, NULL, read, NULL), 0);
	assert_memory_equal(made, read, HASH_SIZE);
	assert_true(c.boot_ns == 5000000000 && c.wall_ns == -1000000 && !c.own_salts && c.section_count == 3);
	assert_memory_not_equal(c.section[0].salt, c.section[1].salt, CHUNK_SALT_SIZE);
	memcpy(salt, c.salt, sizeof salt);

	assert_int_equal(c.section[2].kind, CHUNK_META);
	chunk_drop(&c, 2);
	struct buffer dropped;
	buffer_init(&dropped, UNIT_PAYLOAD_MAX);
	assert_int_equal(chunk_encode(&dropped, &c), 0);
	assert_int_equal(chunk_reader_next(r, dropped.data, dropped.len, &back, NULL, read, NULL), 0);
	assert_memory_equal(made, read, HASH_SIZE);
	assert_true(back.own_salts && back.section[2].codec == CHUNK_DROPPED);
	assert_memory_equal(back.section[0].salt, c.section[0].salt, CHUNK_SALT_SIZE);
	assert_null(memmem(dropped.data, dropped.len, salt, sizeof salt));

	/* The other form with a section dropped is refused: its salt is still there. */
	c.own_salts = false;
	memcpy(c.salt, salt, sizeof salt);
	buffer_clear(&dropped);
	assert_int_equal(chunk_encode(&dropped, &c), 0);
	assert_int_equal(chunk_decode(dropped.data, dropped.len, &back, &fault), ITM_EFORMAT);
	buffer_free(&b);
	buffer_free(&dropped);
	record_columns_free(&columns);
	chunk_writer_free(w);
	chunk_reader_free(r);
}

static void assert_same_block(struct block_context *writer, struct block_context *reader, const struct block *b, bool is_short)
{
	struct block_context nowhere = { .known = false }, stays = *reader;
	struct buffer out;
	struct block back;
	struct fault fault;
	buffer_init(&out, 4096);
	assert_int_equal(block_encode_after(writer, &out, b), 0);
	assert_int_equal(out.data[0] != 'I', is_short);
	if (is_short)
		assert_true(out.len < 145 && block_decode_after(&nowhere, out.data, out.len, &back, &fault) == ITM_EINVAL);
	for (size_t n = 0; n < out.len; n++)
		assert_int_not_equal(block_decode_after(&stays, out.data, n, &back, &fault), 0);
	assert_memory_equal(&stays, reader, sizeof stays);
	assert_int_equal(block_decode_after(reader, out.data, out.len, &back, &fault), 0);
	assert_memory_equal(back.header, b->header, sizeof b->header);
	assert_memory_equal(back.signature, b->signature, sizeof b->signature);
	assert_true(back.sequence == b->sequence && back.wall_ns == b->wall_ns && back.boot_ns == b->boot_ns &&
		    back.flags == b->flags && back.chunk_count == b->chunk_count && back.clock_max_error_us == b->clock_max_error_us);
	if (is_short) /* again: one is missing between, or it stands twice */
		assert_int_equal(block_decode_after(reader, out.data, out.len, &back, &fault), ITM_EFORMAT);
	buffer_free(&out);
}

/* The short form says the same block; whatever it can't say is said long. */
static void blocks_in_short(void **state)
{
	struct block_context writer = { .known = false }, reader = writer;
	struct sign_key key;
	sign_keypair(&key);
	struct block b = { .flags = BLOCK_GENESIS, .host = id_random(), .boot_id = id_random(), .sequence = 255, .wall_ns = -7000000,
			   .boot_ns = 9000000, .genesis.reason = BLOCK_INSTALL, .clock_max_error_us = 70000 };
	assert_int_equal(block_seal(&b, NULL, &key, &key), 0);
	assert_same_block(&writer, &reader, &b, false);
	for (int step = 0; step < 6; step++) {
		block_hash(&b, b.previous);
		b.flags = step == 0 ? 0 : BLOCK_HEARTBEAT;
		b.sequence++;
		b.boot_ns += 5000000000;
		b.wall_ns += 5003000000;
		switch (step) {
		case 1: b.wall_ns -= 3600000000000; break; /* somebody set the clock back */
		case 2: b.wall_ns++; break;
		case 3: b.wall_ns--; break;                /* not whole ms after the block before */
		case 4: b.boot_id = id_random(); break;
		case 5: b.previous[0] ^= 1; break;
		}
		assert_int_equal(block_seal(&b, NULL, &key, NULL), 0);
		assert_same_block(&writer, &reader, &b, step < 2);
	}
}

static void inflate_refuses_lying_lengths(void **state)
{
	struct compress *c = compress_new(3, 17);
	struct buffer packed, plain;
	char text[1000];
	memset(text, 'x', sizeof text);
	buffer_init(&packed, 10000);
	buffer_init(&plain, 100000);
	assert_int_equal(compress_put(c, text, sizeof text, &packed), 0);
	static const size_t lies[] = { 0, 1, 999, 1001, 50000 };
	for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
		struct inflate *in = inflate_new();
		assert_int_equal(inflate_put(in, packed.data, packed.len, lies[i], &plain), ITM_EFORMAT);
		assert_int_equal(plain.len, 0);
		inflate_free(in);
	}
	struct inflate *in = inflate_new();
	assert_int_equal(inflate_put(in, packed.data, packed.len - 1, sizeof text, &plain), ITM_EFORMAT);
	inflate_reset(in);
	assert_int_equal(inflate_put(in, packed.data, packed.len, sizeof text, &plain), 0);
	/* A 9-byte frame that asks for a 128 MiB window (RFC 8878 3.1.1.1.2). */
	static const uint8_t bomb[] = { 0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x88, 0x01, 0x00, 0x00 };
	inflate_reset(in);
	assert_int_equal(inflate_put(in, bomb, sizeof bomb, 1000, &plain), ITM_EFORMAT);
	inflate_free(in);
	compress_free(c);
	buffer_free(&packed);
	buffer_free(&plain);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(runs_round_trip), cmocka_unit_test(runs_refuse), cmocka_unit_test(meta_round_trip),
		cmocka_unit_test(units_refuse_damage), cmocka_unit_test(segment_header_refuses_every_bit),
		cmocka_unit_test(frames_refuse_truncation), cmocka_unit_test(chunks_round_trip),
		cmocka_unit_test(chunks_refuse_truncation_and_lies), cmocka_unit_test(chunk_drops_a_section), cmocka_unit_test(blocks_in_short),
		cmocka_unit_test(chunks_need_their_dictionary), cmocka_unit_test(inflate_refuses_lying_lengths),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
