/* One session out of a store: judged by the blocks it hangs on, in place and
 * as an excerpt; what is damaged in it is found. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/atomicfile.h"
#include "base/error.h"
#include "cli/bundle.h"
#include "cli/walk.h"
#include "store/excerpt.h"
#include "tests/unit/fakestore.h"

enum { CHUNKS = 4 };

struct place {
	struct fakestore store;
	struct fakesession first, second;
};

static void place_open(struct place *p)
{
	int i;

	fakestore_open(&p->store);
	fakestore_session(&p->first, 1000, "alice", "pty");
	fakestore_session(&p->second, 2000, "bob", "pty");
	for (i = 0; i < CHUNKS; i++) {
		fakestore_out(&p->first, (uint64_t)i * 1000, "the first session's words\r\n");
		fakestore_chunk(&p->store, &p->first, i + 1 == CHUNKS ? CHUNK_END : 0);
		if (i == 0)
			continue; /* a block that holds nothing of the second */
		fakestore_out(&p->second, (uint64_t)i * 1000, "the second session's words\r\n");
		fakestore_chunk(&p->store, &p->second, i + 1 == CHUNKS ? CHUNK_END : 0);
	}
}

static void place_close(struct place *p)
{
	fakestore_session_free(&p->first);
	fakestore_session_free(&p->second);
	fakestore_close(&p->store);
}

static enum verdict judge(const struct place *p, const struct id *stream, struct verify_result *out)
{
	enum verdict worst;
	struct walk w;

	walk_init(&w);
	assert_int_equal(walk_session(&w, p->store.store, stream), 0);
	worst = walk_finish(&w);
	if (w.host_count == 1)
		*out = w.hosts[0].result;
	walk_free(&w);
	return worst;
}

static int take(void *context, const struct unit *u, const char *place, uint64_t offset)
{
	return excerpt_unit(context, u);
}

static void sessions_are_judged_alone(void **state)
{
	struct verify_result r = { 0 };
	struct place p;

	place_open(&p);
	assert_in_range(judge(&p, &p.first.id, &r), VERDICT_OK, VERDICT_UNANCHORED);
	assert_in_range(judge(&p, &p.second.id, &r), VERDICT_OK, VERDICT_UNANCHORED);
	assert_int_equal(r.first_sequence, 1);
	assert_true(r.blocks >= 2 * CHUNKS - 1);
	place_close(&p);
}

static struct walk excerpt_of(const struct place *p, struct excerpt *x, struct bundle_source *s)
{
	struct walk w;

	/* 1: it has what it needs, and stops. */
	assert_in_range(evidence_lineage(p->store.evidence, &p->second.id, take, x), 0, 1);
	assert_int_equal(excerpt_finish(x, &s->info, &s->evidence), 0);
	walk_init(&w);
	memcpy(w.trust.identity, p->store.identity.public_key, SIGN_PUBLIC_SIZE);
	memcpy(w.trust.log, p->store.log.public_key, SIGN_PUBLIC_SIZE);
	w.trust.has_identity = w.trust.has_log = true;
	return w;
}

static void excerpts_hold_nothing_of_others(void **state)
{
	struct bundle_source s = { .host_name = "" };
	struct excerpt *x;
	struct place p;
	struct walk w;

	place_open(&p);
	x = excerpt_new(&p.second.id);
	w = excerpt_of(&p, x, &s);
	assert_true(s.info.ended && s.info.chunks == CHUNKS - 1);
	assert_int_equal(walk_excerpt(&w, "excerpt", s.evidence->data, s.evidence->len), 0);
	assert_in_range(walk_finish(&w), VERDICT_OK, VERDICT_UNANCHORED);
	assert_null(memmem(s.evidence->data, s.evidence->len, p.first.id.bytes, ID_SIZE));
	assert_non_null(memmem(s.evidence->data, s.evidence->len, p.second.id.bytes, ID_SIZE));
	walk_free(&w);
	excerpt_free(x);
	place_close(&p);
}

/* Every bit of an excerpt counts. */
static void flipped_bits_are_found(void **state)
{
	struct bundle_source s = { .host_name = "" };
	struct excerpt *x;
	struct place p;
	struct walk w;
	uint8_t *bytes;
	size_t i;

	place_open(&p);
	x = excerpt_new(&p.second.id);
	w = excerpt_of(&p, x, &s);
	bytes = s.evidence->data;
	for (i = SEGMENT_HEADER_SIZE; i < s.evidence->len; i += 5) {
		struct walk one;

		walk_init(&one);
		one.trust = w.trust;
		bytes[i] ^= (uint8_t)(1u << i % 8);
		assert_int_equal(walk_excerpt(&one, "excerpt", bytes, s.evidence->len), 0);
		if (walk_finish(&one) != VERDICT_TAMPERED)
			fail_msg("byte %zu: not found", i);
		bytes[i] ^= (uint8_t)(1u << i % 8);
		walk_free(&one);
	}
	walk_free(&w);
	excerpt_free(x);
	place_close(&p);
}

static void damage_in_the_store_is_found(void **state)
{
	struct verify_result r = { 0 };
	struct place p;
	char path[128];
	struct buffer file;
	uint8_t *at;
	int fd;

	place_open(&p);
	snprintf(path, sizeof(path), "%s/segments/%016x.itm", p.store.store, 1);
	buffer_init(&file, 1 << 20);
	assert_int_equal(atomicfile_read(path, &file), 0);
	at = memmem(file.data, file.len, p.second.id.bytes, ID_SIZE);
	assert_non_null(at);
	at[40] ^= 1;
	fd = open(path, O_RDWR);
	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, file.data, file.len, 0), (ssize_t)file.len);
	close(fd);
	buffer_free(&file);
	assert_int_equal(judge(&p, &p.second.id, &r), VERDICT_TAMPERED);
	place_close(&p);
}

/* The host signs block n of the store a second time: from a copied machine. */
static void put_second(struct place *p, const struct sign_key *key, const uint8_t head[HASH_SIZE], uint64_t sequence)
{
	struct block b = { .flags = BLOCK_HEARTBEAT, .host = p->store.host, .sequence = sequence };
	struct buffer payload, unit;

	memcpy(b.previous, head, HASH_SIZE);
	assert_int_equal(block_seal(&b, NULL, key, NULL), 0);
	buffer_init(&payload, 4096);
	buffer_init(&unit, 4096);
	assert_int_equal(block_encode(&payload, &b), 0);
	assert_int_equal(unit_put(&unit, UNIT_BLOCK, 1, payload.data, payload.len), 0);
	assert_int_equal(evidence_quarantine(p->store.evidence, &p->store.host, "FORK", unit.data, unit.len), 0);
	buffer_free(&payload);
	buffer_free(&unit);
}

static enum verdict judge_store(const struct place *p)
{
	enum verdict worst;
	struct walk w;

	walk_init(&w);
	assert_int_equal(walk_store(&w, p->store.store), 0);
	worst = walk_finish(&w);
	walk_free(&w);
	return worst;
}

/* Only what the host signed counts; others' blocks and rubbish don't. */
static void forks_in_quarantine_are_told(void **state)
{
	uint8_t head[HASH_SIZE];
	struct sign_key key, other;
	struct place p;

	place_open(&p);
	key = p.store.key;
	memcpy(head, p.store.head, HASH_SIZE);
	fakestore_session_free(&p.second);
	fakestore_session(&p.second, 9000, "bob", "pty");
	fakestore_out(&p.second, 1, "more");
	fakestore_chunk(&p.store, &p.second, CHUNK_END);
	sign_keypair(&other);
	put_second(&p, &other, head, p.store.sequence);
	assert_int_equal(evidence_quarantine(p.store.evidence, &p.store.host, "rubbish", "xyz", 3), 0);
	assert_true(judge_store(&p) < VERDICT_FORK);
	put_second(&p, &key, head, p.store.sequence);
	assert_int_equal(judge_store(&p), VERDICT_FORK);
	place_close(&p);
}

static void unknown_sessions_are_not_there(void **state)
{
	struct id other = id_random();
	struct place p;
	struct walk w;

	place_open(&p);
	walk_init(&w);
	assert_int_equal(walk_session(&w, p.store.store, &other), ITM_ENOENT);
	walk_free(&w);
	place_close(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sessions_are_judged_alone),
		cmocka_unit_test(excerpts_hold_nothing_of_others),
		cmocka_unit_test(flipped_bits_are_found),
		cmocka_unit_test(damage_in_the_store_is_found),
		cmocka_unit_test(forks_in_quarantine_are_told),
		cmocka_unit_test(unknown_sessions_are_not_there),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
