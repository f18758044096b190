/* verify: the verdicts, and attacks on a chain: every edit is found. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdbool.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "chain.h"

static void assert_verdict(const struct chain *c, const uint8_t *data, size_t len, enum verdict want)
{
	struct verify_result r = chain_verify(c, data, len);
	if (r.verdict != want)
		fail_msg("verdict %s (%s), expected %s", verdict_name(r.verdict), r.detail, verdict_name(want));
}

/* Tests with a form in their state go over both forms of a block. */
static bool in_store = false, in_spool = true;

static void whole_chain(void **state)
{
	struct chain c;
	chain_init(&c);
	c.spool = *(const bool *)*state;
	chain_sample(&c);
	struct verify_result r = chain_verify(&c, c.units.data, c.units.len);
	assert_int_equal(r.verdict, VERDICT_UNANCHORED);
	assert_true(r.blocks == 3 && r.chunks == 3 && r.receipts == 1 && r.closed && r.last_sequence == 3);
	chain_free(&c);
}

/* A record whose first block needs the one before it: passed over, and said;
 * what comes from the next long form on is checked. */
static void begins_with_a_short_block(void **state)
{
	struct chain c;
	chain_init(&c);
	c.spool = true;
	chain_block(&c, BLOCK_GENESIS);
	size_t middle = c.units.len;
	chain_block(&c, 0);
	size_t with_one = c.units.len;
	c.context.known = false; /* a new file */
	chain_chunk(&c, "checked", CHUNK_END);
	chain_block(&c, 0);
	chain_block(&c, BLOCK_CLOSE);
	struct verify_result r = chain_verify(&c, c.units.data + middle, c.units.len - middle);
	assert_int_equal(r.verdict, VERDICT_UNATTESTED);
	assert_true(r.blocks == 2 && r.first_sequence == 3 && r.chunks == 1);
	c.units.data[c.units.len - 20] ^= 1;
	assert_verdict(&c, c.units.data + middle, c.units.len - middle, VERDICT_TAMPERED);
	c.units.data[c.units.len - 20] ^= 1;

	/* But nothing may stand before a host's very first block. */
	struct buffer b;
	buffer_init(&b, 1 << 20);
	assert_int_equal(buffer_put(&b, c.units.data + middle, with_one - middle), 0);
	assert_int_equal(buffer_put(&b, c.units.data, c.units.len), 0);
	assert_verdict(&c, b.data, b.len, VERDICT_TAMPERED);
	buffer_free(&b);
	chain_free(&c);
}

static void open_tails(void **state)
{
	struct chain c;
	chain_init(&c);
	chain_block(&c, BLOCK_GENESIS);
	assert_verdict(&c, c.units.data, c.units.len, VERDICT_OPEN_TAIL);
	chain_chunk(&c, "not signed yet", 0);
	assert_verdict(&c, c.units.data, c.units.len, VERDICT_OPEN_TAIL);
	chain_block(&c, 0);
	assert_verdict(&c, c.units.data, c.units.len, VERDICT_OPEN_TAIL);
	chain_block(&c, BLOCK_CLOSE);
	assert_verdict(&c, c.units.data, c.units.len, VERDICT_UNANCHORED);
	chain_free(&c);
}

static void declared_gap(void **state)
{
	struct chain c;
	chain_init(&c);
	chain_block(&c, BLOCK_GENESIS);
	chain_chunk(&c, "some", CHUNK_LOSS | CHUNK_END);
	chain_block(&c, BLOCK_CLOSE);
	struct verify_result r = chain_verify(&c, c.units.data, c.units.len);
	assert_int_equal(r.verdict, VERDICT_GAP);
	assert_true(r.lost_bytes == 77);
	chain_free(&c);
}

/* A reboot's new key chain counts only with the server's countersignature. */
static void geneses(void **state)
{
	struct chain c;
	chain_init(&c);
	chain_sample(&c);
	chain_block(&c, BLOCK_GENESIS);
	chain_block(&c, BLOCK_CLOSE);
	assert_verdict(&c, c.units.data, c.units.len, VERDICT_UNATTESTED);
	chain_free(&c);

	chain_init(&c);
	chain_sample(&c);
	chain_block(&c, BLOCK_GENESIS);
	chain_receipt(&c, RECEIPT_GENESIS);
	chain_block(&c, BLOCK_CLOSE);
	assert_verdict(&c, c.units.data, c.units.len, VERDICT_UNANCHORED);
	/* Another host's identity. */
	sign_keypair(&c.identity);
	assert_verdict(&c, c.units.data, c.units.len, VERDICT_TAMPERED);
	chain_free(&c);
}

static void fork_is_named(void **state)
{
	struct chain c, clone;
	chain_init(&c);
	chain_sample(&c);
	clone = c; /* the cloned machine signs its own next block with the same key */
	chain_block(&c, 0);
	size_t first_end = c.units.len;
	struct buffer both;
	buffer_init(&both, 1 << 20);
	assert_int_equal(buffer_put(&both, c.units.data, first_end), 0);
	size_t before = clone.units.len;
	clone.units = c.units;
	clone.now_ms += 5;
	chain_block(&clone, BLOCK_HEARTBEAT);
	c.units = clone.units;
	assert_int_equal(buffer_put(&both, c.units.data + first_end, c.units.len - first_end), 0);
	assert_true(before < first_end);
	assert_verdict(&c, both.data, both.len, VERDICT_FORK);
	buffer_free(&both);
	chain_free(&c);
}

/* Each single flipped bit must end in TAMPERED, or, when it only makes the
 * last unit look cut off, OPEN-TAIL; never in a clean verdict. */
static void every_bit(void **state)
{
	struct chain c;
	chain_init(&c);
	c.spool = *(const bool *)*state;
	chain_sample(&c);
	for (size_t bit = 0; bit < c.units.len * 8; bit++) {
		c.units.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
		struct verify_result r = chain_verify(&c, c.units.data, c.units.len);
		if (r.verdict != VERDICT_TAMPERED && r.verdict != VERDICT_OPEN_TAIL)
			fail_msg("bit %zu flipped: %s", bit, verdict_name(r.verdict));
		assert_non_null(strstr(r.detail, "test"));
		c.units.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	chain_free(&c);
}

struct piece { size_t at, len; uint8_t type; };

static size_t split(const struct chain *c, struct piece *out, size_t room)
{
	size_t n = 0;
	for (size_t at = 0; at < c->units.len && n < room; n++) {
		struct unit u;
		assert_int_equal(unit_decode(c->units.data + at, c->units.len - at, &u, NULL), 0);
		out[n] = (struct piece){ at, u.size, u.type };
		at += u.size;
	}
	return n;
}

static struct verify_result verify_order(const struct chain *c, const struct piece *pieces, const size_t *order, size_t n)
{
	struct buffer b;
	buffer_init(&b, 1 << 20);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(buffer_put(&b, c->units.data + pieces[order[i]].at, pieces[order[i]].len), 0);
	struct verify_result r = chain_verify(c, b.data, b.len);
	buffer_free(&b);
	return r;
}

/* Drop, double or swap any signed unit: never a clean verdict. */
static void drops_swaps_doubles(void **state)
{
	struct chain c;
	struct piece p[64];
	size_t order[65];
	chain_init(&c);
	c.spool = *(const bool *)*state;
	chain_sample(&c);
	size_t n = split(&c, p, 64);
	for (size_t i = 0; i < n; i++) {
		if (p[i].type != UNIT_CHUNK && p[i].type != UNIT_BLOCK)
			continue;
		size_t k = 0;
		for (size_t j = 0; j < n; j++)
			if (j != i)
				order[k++] = j;
		enum verdict dropped = verify_order(&c, p, order, k).verdict;
		/* Without its genesis a record begins in the middle, as a trimmed
		 * spool does: a receipt vouches for it; without its last block it
		 * ends early: said so, but no proof of an edit. */
		assert_true(dropped == VERDICT_TAMPERED || (i == n - 1 && dropped == VERDICT_OPEN_TAIL) ||
			    (i == 0 && dropped == VERDICT_UNANCHORED));
		k = 0;
		for (size_t j = 0; j < n; j++) {
			order[k++] = j;
			if (j == i)
				order[k++] = j;
		}
		assert_int_equal(verify_order(&c, p, order, k).verdict, VERDICT_TAMPERED);
		for (size_t other = i + 1; other < n; other++) {
			if (p[other].type != UNIT_CHUNK && p[other].type != UNIT_BLOCK)
				continue;
			for (size_t j = 0; j < n; j++)
				order[j] = j == i ? other : j == other ? i : j;
			assert_int_equal(verify_order(&c, p, order, n).verdict, VERDICT_TAMPERED);
		}
	}
	chain_free(&c);
}

/* Someone with the newest key rewrites an old block: the old key is gone. */
static void newest_key_cannot_rewrite(void **state)
{
	struct chain c;
	struct piece p[64];
	chain_init(&c);
	chain_block(&c, BLOCK_GENESIS);
	chain_chunk(&c, "rm -rf evidence", CHUNK_END);
	chain_block(&c, 0);
	chain_block(&c, BLOCK_CLOSE);
	size_t n = split(&c, p, 64);
	struct buffer b;
	buffer_init(&b, 1 << 20);
	for (size_t i = 0; i < n; i++) {
		struct unit u;
		struct block block;
		assert_int_equal(unit_decode(c.units.data + p[i].at, p[i].len, &u, NULL), 0);
		if (u.type == UNIT_CHUNK)
			continue; /* the deed disappears ... */
		if (u.type == UNIT_BLOCK && block_decode(u.payload, u.len, &block, NULL) == 0 && block.sequence == 2) {
			struct buffer payload;
			block.chunk_count = 0; /* ... and its block is signed anew */
			assert_int_equal(block_seal(&block, NULL, &c.key, NULL), 0);
			buffer_init(&payload, 4096);
			assert_int_equal(block_encode(&payload, &block), 0);
			assert_int_equal(unit_put(&b, UNIT_BLOCK, 1, payload.data, payload.len), 0);
			buffer_free(&payload);
			continue;
		}
		if (u.type != UNIT_FRAME)
			assert_int_equal(buffer_put(&b, c.units.data + p[i].at, p[i].len), 0);
	}
	assert_verdict(&c, b.data, b.len, VERDICT_TAMPERED);
	buffer_free(&b);
	chain_free(&c);
}

/* A cut tail is known from the server's receipt. */
static void receipt_betrays_cut_tail(void **state)
{
	struct chain c;
	chain_init(&c);
	chain_sample(&c);
	size_t cut = c.units.len;
	chain_block(&c, 0);
	size_t receipt_at = c.units.len;
	chain_receipt(&c, RECEIPT_BLOCK);
	struct buffer b;
	buffer_init(&b, 1 << 20);
	assert_int_equal(buffer_put(&b, c.units.data, cut), 0);
	assert_int_equal(buffer_put(&b, c.units.data + receipt_at, c.units.len - receipt_at), 0);
	assert_verdict(&c, b.data, b.len, VERDICT_TAMPERED);
	buffer_free(&b);
	chain_free(&c);
}

/* What a crash tears is excused only when a later note declares it. */
static void torn_ends(void **state)
{
	struct chain c;
	struct verify_result r;
	struct verify_trust trust = { .has_identity = true };
	uint8_t note[24] = { 1 }; /* segment 1, offset 0, length 0 */
	struct unit u = { .type = UNIT_TORN, .version = 1, .payload = note, .len = sizeof note };
	chain_init(&c);
	for (int declared = 0; declared < 2; declared++) {
		struct verifier *v = verifier_new(&trust, NULL);
		verifier_torn(v, "one", 1, 0);
		if (!declared)
			u.type = 0x01; /* unknown, may be skipped */
		else
			u.type = UNIT_TORN;
		verifier_unit(v, &u, "two", 64);
		verifier_finish(v, &r);
		assert_int_equal(r.verdict, declared ? VERDICT_OPEN_TAIL : VERDICT_TAMPERED);
		verifier_free(v);
	}
	chain_free(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_prestate(whole_chain, &in_store), cmocka_unit_test_prestate(whole_chain, &in_spool),
		cmocka_unit_test_prestate(every_bit, &in_store), cmocka_unit_test_prestate(every_bit, &in_spool),
		cmocka_unit_test_prestate(drops_swaps_doubles, &in_store),
		cmocka_unit_test_prestate(drops_swaps_doubles, &in_spool),
		cmocka_unit_test(begins_with_a_short_block), cmocka_unit_test(open_tails), cmocka_unit_test(declared_gap),
		cmocka_unit_test(geneses), cmocka_unit_test(fork_is_named),
		cmocka_unit_test(newest_key_cannot_rewrite),
		cmocka_unit_test(receipt_betrays_cut_tail), cmocka_unit_test(torn_ends),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
