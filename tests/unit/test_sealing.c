/* What broke the sealing of a journal by keys of epochs, tried on a host's
 * spool by root, who has the newest key and the host's identity: tails cut at
 * a seal and gone on from, past contents, hidden entries, a clock set back,
 * seals used again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdbool.h>
#include <cmocka.h>

#include <string.h>

#include "base/error.h"
#include "chain.h"

enum { BLOCKS = 6 };
#define DAY_NS (86400 * INT64_C(1000000000))

/* GENESIS, then blocks of one chunk each. */
struct sealed { struct chain c; size_t end[BLOCKS + 1]; uint8_t head[BLOCKS + 1][HASH_SIZE]; size_t receipt_at; };

static void seal(struct sealed *s)
{
	chain_init(&s->c);
	s->c.wall_offset_ns = 20000 * DAY_NS;
	s->end[0] = 0;
	for (size_t i = 1; i <= BLOCKS; i++) {
		if (i > 1)
			chain_chunk(&s->c, "what was done\r\n", i == BLOCKS ? CHUNK_END : 0);
		chain_block(&s->c, i == 1 ? BLOCK_GENESIS : i == BLOCKS ? BLOCK_CLOSE : 0);
		s->end[i] = s->c.units.len;
		memcpy(s->head[i], s->c.head, HASH_SIZE);
	}
	s->receipt_at = s->c.units.len;
	chain_receipt(&s->c, RECEIPT_BLOCK);
}

static struct verify_result judge(const struct sealed *s, const struct buffer *b)
{
	return chain_verify(&s->c, b->data, b->len);
}

static void take(struct buffer *b, const struct sealed *s, size_t from, size_t to)
{
	assert_int_equal(buffer_put(b, s->c.units.data + from, to - from), 0);
}

static void expect(const struct sealed *s, struct buffer *b, enum verdict want)
{
	struct verify_result r = judge(s, b);
	if (r.verdict != want)
		fail_msg("verdict %s (%s), expected %s", verdict_name(r.verdict), r.detail, verdict_name(want));
	buffer_clear(b);
}

/* What root's own sealer adds after the first `blocks` blocks. */
static void go_on(struct sealed *s, struct buffer *b, size_t blocks, uint16_t flags, const char *text)
{
	size_t from = s->c.units.len;
	struct sign_key kept = s->c.key;
	s->c.sequence = blocks;
	memcpy(s->c.head, s->head[blocks], HASH_SIZE);
	if (text != NULL)
		chain_chunk(&s->c, text, CHUNK_END);
	chain_block(&s->c, flags);
	s->c.key = kept;
	take(b, s, from, s->c.units.len);
}

static void untouched(void **state)
{
	struct sealed s;
	struct buffer b;
	seal(&s);
	buffer_init(&b, 1 << 20);
	take(&b, &s, 0, s.c.units.len);
	struct verify_result r = judge(&s, &b);
	assert_true(r.verdict == VERDICT_OK || r.verdict == VERDICT_UNANCHORED);
	assert_int_equal(r.blocks, BLOCKS);
	buffer_free(&b);
	chain_free(&s.c);
}

/* Cut at a seal, then sealing goes on: the verifier of epochs saw no error. */
static void cut_and_gone_on(void **state)
{
	struct sealed s;
	struct buffer b;
	seal(&s);
	buffer_init(&b, 1 << 20);
	for (size_t at = 2; at < BLOCKS; at++) {
		take(&b, &s, 0, s.end[at]);
		go_on(&s, &b, at, BLOCK_CLOSE, NULL); /* by the newest key */
		expect(&s, &b, VERDICT_TAMPERED);
		take(&b, &s, 0, s.end[at]);
		go_on(&s, &b, at, BLOCK_GENESIS | BLOCK_CLOSE, NULL); /* by the identity: a "reboot" */
		expect(&s, &b, VERDICT_UNATTESTED);
		/* Only cut: by itself a record that may still be written; the receipt has its number. */
		take(&b, &s, 0, s.end[at]);
		struct verify_result r = judge(&s, &b);
		assert_true(r.last_sequence == at && !r.closed);
		buffer_clear(&b);
	}
	buffer_free(&b);
	chain_free(&s.c);
}

/* The newest receipt stands behind what was cut or begun anew. */
static void receipt_has_the_number(void **state)
{
	struct sealed s;
	struct buffer b, receipt;
	seal(&s);
	buffer_init(&b, 1 << 20);
	buffer_init(&receipt, 1 << 20);
	take(&receipt, &s, s.receipt_at, s.c.units.len);
	for (size_t at = 2; at < BLOCKS; at++)
		for (int anew = 0; anew < 2; anew++) {
			take(&b, &s, 0, s.end[at]);
			if (anew)
				go_on(&s, &b, at, BLOCK_GENESIS | BLOCK_CLOSE, NULL);
			assert_int_equal(buffer_put(&b, receipt.data, receipt.len), 0);
			expect(&s, &b, VERDICT_TAMPERED);
		}
	buffer_free(&receipt);
	buffer_free(&b);
	chain_free(&s.c);
}

/* Past contents altered, the seal made again with the key that is there. */
static void past_altered(void **state)
{
	struct sealed s;
	struct buffer b;
	seal(&s);
	buffer_init(&b, 1 << 20);
	for (size_t at = 1; at < BLOCKS - 1; at++) {
		take(&b, &s, 0, s.end[at]);
		go_on(&s, &b, at, 0, "nothing was done\r\n");
		take(&b, &s, s.end[at + 1], s.end[BLOCKS]);
		expect(&s, &b, VERDICT_TAMPERED);
	}
	buffer_free(&b);
	chain_free(&s.c);
}

/* Sealed, and passed over by readers: here by a unit that calls itself
 * something a reader does not show, or longer than it is. */
static void hidden_from_view(void **state)
{
	static const uint8_t types[] = { UNIT_FRAME, UNIT_TORN, UNIT_TOMBSTONE, 200 };
	struct sealed s;
	struct buffer b, one;
	struct unit u;
	size_t hidden = 0;
	seal(&s);
	buffer_init(&b, 1 << 20);
	buffer_init(&one, 1 << 20);
	for (size_t at = 0; at < s.end[BLOCKS]; at += u.size) {
		assert_int_equal(unit_decode(s.c.units.data + at, s.c.units.len - at, &u, NULL), 0);
		for (size_t i = 0; u.type == UNIT_CHUNK && i < sizeof types; i++, hidden++) {
			buffer_clear(&one);
			assert_int_equal(unit_put(&one, types[i], u.version, u.payload, u.len), 0);
			take(&b, &s, 0, at);
			assert_int_equal(buffer_put(&b, one.data, one.len), 0);
			take(&b, &s, at + u.size, s.end[BLOCKS]);
			expect(&s, &b, VERDICT_TAMPERED);
		}
	}
	assert_true(hidden > 0);
	buffer_free(&one);
	buffer_free(&b);
	chain_free(&s.c);
}

/* A clock set back does not bring an old key back: keys go by number. */
static void clock_set_back(void **state)
{
	struct sealed s;
	struct buffer b;
	seal(&s);
	buffer_init(&b, 1 << 20);
	s.c.wall_offset_ns -= DAY_NS;
	s.c.now_ms = 2500; /* when block 2 was made */
	take(&b, &s, 0, s.end[1]);
	go_on(&s, &b, 1, 0, "a better past\r\n");
	take(&b, &s, s.end[2], s.end[BLOCKS]);
	expect(&s, &b, VERDICT_TAMPERED);
	buffer_free(&b);
	chain_free(&s.c);

	/* An honest host whose clock was set: goes on, in order, and it is told. */
	seal(&s);
	buffer_init(&b, 1 << 20);
	size_t receipt_end = s.c.units.len;
	s.c.wall_offset_ns -= DAY_NS;
	chain_block(&s.c, BLOCK_HEARTBEAT);
	s.c.wall_offset_ns += 3650 * DAY_NS; /* past 2038 as well */
	chain_block(&s.c, BLOCK_CLOSE);
	take(&b, &s, 0, s.end[BLOCKS]);
	take(&b, &s, receipt_end, s.c.units.len);
	struct verify_result r = judge(&s, &b);
	assert_int_equal(r.verdict, VERDICT_UNANCHORED);
	assert_int_equal(r.blocks, BLOCKS + 2);
	assert_int_equal(r.clock_steps, 2);
	assert_int_equal(r.clock_step_sequence, BLOCKS + 2);
	buffer_free(&b);
	chain_free(&s.c);
}

/* A seal used again, here or later, and entries under the key of another block. */
static void seal_used_again(void **state)
{
	struct sealed s;
	struct buffer b;
	seal(&s);
	buffer_init(&b, 1 << 20);
	for (size_t from = 1; from < BLOCKS; from++)
		for (size_t to = 1; to <= BLOCKS; to++) {
			take(&b, &s, 0, s.end[to]);
			take(&b, &s, s.end[from - 1], s.end[from]); /* once more */
			take(&b, &s, s.end[to], s.end[BLOCKS]);
			expect(&s, &b, VERDICT_TAMPERED);
			if (to <= from || to == BLOCKS)
				continue;
			take(&b, &s, 0, s.end[from]); /* a later one, before its turn */
			take(&b, &s, s.end[to], s.end[BLOCKS]);
			expect(&s, &b, VERDICT_TAMPERED);
		}
	buffer_free(&b);
	chain_free(&s.c);
}

/* Between the last seal and now nothing is signed; none of it counts. */
static void not_yet_sealed(void **state)
{
	struct sealed s;
	struct buffer b;
	seal(&s);
	buffer_init(&b, 1 << 20);
	size_t from = s.c.units.len;
	chain_frame(&s.c, "not yet\r\n");
	take(&b, &s, 0, s.end[BLOCKS - 1]);
	take(&b, &s, from, s.c.units.len);
	struct verify_result r = judge(&s, &b);
	assert_int_equal(r.verdict, VERDICT_OPEN_TAIL);
	assert_int_equal(r.blocks, BLOCKS - 1);
	buffer_clear(&b);
	/* A chunk that no block covers is not one of the record. */
	from = s.c.units.len;
	chain_chunk(&s.c, "slipped in\r\n", 0);
	take(&b, &s, 0, s.end[BLOCKS - 2]);
	take(&b, &s, from, s.c.units.len);
	take(&b, &s, s.end[BLOCKS - 2], s.end[BLOCKS]);
	expect(&s, &b, VERDICT_TAMPERED);
	buffer_free(&b);
	chain_free(&s.c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(untouched), cmocka_unit_test(cut_and_gone_on), cmocka_unit_test(receipt_has_the_number),
		cmocka_unit_test(past_altered), cmocka_unit_test(hidden_from_view), cmocka_unit_test(clock_set_back),
		cmocka_unit_test(seal_used_again), cmocka_unit_test(not_yet_sealed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
