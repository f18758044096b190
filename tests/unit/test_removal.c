/* removal.h, and what the verifier makes of it: what was removed by
 * declaration is REDACTED, anything else that is missing is TAMPERED. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdbool.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "chain.h"
#include "format/removal.h"

static struct removal sample(const struct chain *c)
{
	struct removal r = { .act = REMOVAL_REDACTION, .sections = 1 << CHUNK_OUT, .server = c->boot, .host = c->host,
			     .stream = c->stream, .first = 1, .last = 3, .wall_ns = 1763935200000000000 };
	snprintf(r.who, sizeof r.who, "root (alice)");
	snprintf(r.reason, sizeof r.reason, "a customer's card number");
	return r;
}

static void round_trip(void **state)
{
	struct chain c;
	struct buffer b;
	struct removal out, r;
	chain_init(&c);
	buffer_init(&b, 4096);
	r = sample(&c);
	snprintf(r.approval, sizeof r.approval, "bob");
	assert_int_equal(removal_encode(&b, &r, &c.log), 0);
	assert_int_equal(removal_decode(b.data, b.len, &out, NULL), 0);
	assert_true(out.act == r.act && out.sections == r.sections && out.first == 1 && out.last == 3 &&
		    out.wall_ns == r.wall_ns && id_equal(&out.stream, &r.stream) && id_equal(&out.host, &r.host));
	assert_string_equal(out.reason, r.reason);
	assert_string_equal(out.approval, "bob");
	assert_int_equal(removal_check(b.data, b.len, c.log.public_key), 0);
	assert_int_not_equal(removal_check(b.data, b.len, c.identity.public_key), 0);
	for (size_t i = 0; i < b.len; i++) {
		assert_int_not_equal(removal_decode(b.data, i, &out, NULL), 0);
		b.data[i] ^= 1;
		assert_int_not_equal(removal_check(b.data, b.len, c.log.public_key), 0);
		b.data[i] ^= 1;
	}
	buffer_free(&b);
	chain_free(&c);
}

static void refuses(void **state)
{
	struct chain c;
	struct buffer b;
	chain_init(&c);
	buffer_init(&b, 4096);
	struct removal r = sample(&c);
	r.sections = 1 << CHUNK_CTL;
	assert_int_equal(removal_encode(&b, &r, &c.log), ITM_EINVAL);
	r = sample(&c);
	r.sections = 0;
	assert_int_equal(removal_encode(&b, &r, &c.log), ITM_EINVAL);
	r = sample(&c);
	r.reason[0] = '\0';
	assert_int_equal(removal_encode(&b, &r, &c.log), ITM_EINVAL);
	r = sample(&c);
	r.first = 4;
	assert_int_equal(removal_encode(&b, &r, &c.log), ITM_EINVAL);
	assert_int_equal(b.len, 0);
	buffer_free(&b);
	chain_free(&c);
}

/* The chain with the output of chunks first to last dropped, or the chunks
 * themselves made tombstones. */
static void cut(const struct chain *c, struct buffer *out, uint64_t first, uint64_t last, bool whole)
{
	struct chunk_reader *reader = chunk_reader_new();
	struct unit u;
	for (size_t at = 0; at < c->units.len; at += u.size) {
		struct chunk chunk;
		struct buffer b;
		uint8_t digest[HASH_SIZE], type = UNIT_CHUNK;
		assert_int_equal(unit_decode(c->units.data + at, c->units.len - at, &u, NULL), 0);
		if (u.type == UNIT_FRAME)
			continue;
		if (u.type != UNIT_CHUNK) {
			assert_int_equal(buffer_put(out, c->units.data + at, u.size), 0);
			continue;
		}
		buffer_init(&b, UNIT_PAYLOAD_MAX);
		assert_int_equal(chunk_reader_next(reader, u.payload, u.len, &chunk, NULL, digest, NULL), 0);
		bool gone = chunk.number >= first && chunk.number <= last;
		if (gone && whole) {
			type = UNIT_TOMBSTONE;
			buffer_put(&b, chunk.stream.bytes, ID_SIZE);
			buffer_put_u64(&b, chunk.number);
			buffer_put_u64(&b, chunk.last_frame);
			buffer_put(&b, digest, HASH_SIZE);
		} else {
			for (size_t i = 0; gone && i < chunk.section_count; i++)
				if (chunk.section[i].kind == CHUNK_OUT)
					chunk_drop(&chunk, i);
			assert_int_equal(chunk_encode(&b, &chunk), 0);
		}
		assert_int_equal(unit_put(out, type, 1, b.data, b.len), 0);
		buffer_free(&b);
	}
	chunk_reader_free(reader);
}

static enum verdict judge(const struct chain *c, struct removal *r, const struct sign_key *key, bool trust_log,
			  uint64_t last, bool whole, char detail[VERIFY_DETAIL_SIZE])
{
	struct verify_trust trust = { .has_identity = true, .has_log = trust_log };
	struct buffer all, payload;
	struct verify_result result;
	struct unit u;
	buffer_init(&all, 1 << 20);
	buffer_init(&payload, 4096);
	memcpy(trust.identity, c->identity.public_key, SIGN_PUBLIC_SIZE);
	memcpy(trust.log, c->log.public_key, SIGN_PUBLIC_SIZE);
	if (r != NULL) {
		assert_int_equal(removal_encode(&payload, r, key), 0);
		assert_int_equal(unit_put(&all, UNIT_REMOVAL, 1, payload.data, payload.len), 0);
	}
	cut(c, &all, 1, last, whole);
	struct verifier *v = verifier_new(&trust, NULL);
	for (size_t at = 0; at < all.len; at += u.size) {
		assert_int_equal(unit_decode(all.data + at, all.len - at, &u, NULL), 0);
		verifier_unit(v, &u, "test", at);
	}
	verifier_finish(v, &result);
	verifier_free(v);
	buffer_free(&all);
	buffer_free(&payload);
	memcpy(detail, result.detail, VERIFY_DETAIL_SIZE);
	return result.verdict;
}

static void declared_and_not(void **state)
{
	char detail[VERIFY_DETAIL_SIZE];
	struct sign_key forger;
	struct chain c;
	chain_init(&c);
	chain_block(&c, BLOCK_GENESIS);
	for (int i = 0; i < 3; i++)
		chain_chunk(&c, "4111 1111 1111 1111", i == 2 ? CHUNK_END : 0);
	chain_block(&c, BLOCK_CLOSE);
	sign_keypair(&forger);
	struct removal r = sample(&c);
	assert_int_equal(judge(&c, &r, &c.log, true, 3, false, detail), VERDICT_REDACTED);
	assert_non_null(strstr(detail, "output of chunks 1 to 3 redacted 2025-11-23"));
	assert_non_null(strstr(detail, "by root (alice): a customer's card number"));
	assert_int_equal(judge(&c, NULL, NULL, true, 3, false, detail), VERDICT_TAMPERED);
	assert_int_equal(judge(&c, &r, &forger, true, 3, false, detail), VERDICT_TAMPERED);
	assert_int_equal(judge(&c, &r, &c.log, false, 3, false, detail), VERDICT_UNATTESTED);
	assert_int_equal(judge(&c, &r, &forger, false, 3, false, detail), VERDICT_UNATTESTED);
	/* Chunks, sections and streams beyond the declared ones. */
	r.last = 2;
	assert_int_equal(judge(&c, &r, &c.log, true, 3, false, detail), VERDICT_TAMPERED);
	r = sample(&c);
	r.sections = 1 << CHUNK_IN;
	assert_int_equal(judge(&c, &r, &c.log, true, 3, false, detail), VERDICT_TAMPERED);
	r = sample(&c);
	r.stream = c.boot;
	assert_int_equal(judge(&c, &r, &c.log, true, 3, false, detail), VERDICT_TAMPERED);
	r = sample(&c);
	r.host = c.boot;
	assert_int_not_equal(judge(&c, &r, &c.log, true, 3, false, detail), VERDICT_REDACTED);
	/* A redaction is no leave to remove the chunks. */
	r = sample(&c);
	assert_int_equal(judge(&c, &r, &c.log, true, 3, true, detail), VERDICT_TAMPERED);
	r.act = REMOVAL_DELETION;
	r.sections = 0;
	assert_int_equal(judge(&c, &r, &c.log, true, 3, true, detail), VERDICT_REDACTED);
	assert_int_equal(judge(&c, &r, &c.log, true, 3, false, detail), VERDICT_TAMPERED);
	assert_int_equal(judge(&c, NULL, NULL, true, 3, true, detail), VERDICT_TAMPERED);
	chain_free(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(round_trip), cmocka_unit_test(refuses), cmocka_unit_test(declared_and_not),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
