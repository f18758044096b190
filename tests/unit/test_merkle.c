/* The tree of the central log: published roots, every proof of every tree of
 * up to 300 leaves, every flipped bit refused; signed notes and checkpoints. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "format/checkpoint.h"
#include "format/merkle.h"

enum { TREE_MAX = 300 };

static uint8_t leaves[TREE_MAX][HASH_SIZE];

static void fill(void)
{
	for (uint32_t i = 0; i < TREE_MAX; i++)
		merkle_leaf(&i, sizeof i, leaves[i]);
}

/* By the definition, not by the code under test. */
static void plain_root(size_t from, size_t n, uint8_t out[HASH_SIZE])
{
	uint8_t both[1 + 2 * HASH_SIZE] = { 1 };
	size_t k = 1;
	if (n == 1) {
		memcpy(out, leaves[from], HASH_SIZE);
		return;
	}
	while (k * 2 < n)
		k *= 2;
	plain_root(from, k, both + 1);
	plain_root(from + k, n - k, both + 1 + HASH_SIZE);
	hash_bytes(both, sizeof both, out);
}

static int get(void *context, unsigned level, uint64_t index, uint8_t out[HASH_SIZE])
{
	uint64_t size = *(const uint64_t *)context;
	assert_true(((index + 1) << level) <= size); /* whole subtrees only */
	plain_root((size_t)(index << level), (size_t)1 << level, out);
	return 0;
}

/* The first eight trees every implementation of RFC 6962 is tested with; the
 * roots were computed by a few lines of another language. */
static void published_roots(void **state)
{
	static const char *const inputs[] = { "", "00", "10", "2021", "3031", "40414243", "5051525354555657",
					      "606162636465666768696a6b6c6d6e6f" };
	static const char *const roots[] = {
		"6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
		"fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
		"aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
		"d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
		"4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
		"76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
		"ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
		"5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
	};
	struct merkle_edge edge = { 0 };
	(void)state;
	for (size_t i = 0; i < 8; i++) {
		uint8_t data[16], leaf[HASH_SIZE], root[HASH_SIZE];
		size_t len = strlen(inputs[i]) / 2;
		unsigned byte;
		char hex[2 * HASH_SIZE + 1];
		for (size_t k = 0; k < len; k++) {
			assert_int_equal(sscanf(inputs[i] + 2 * k, "%2x", &byte), 1);
			data[k] = (uint8_t)byte;
		}
		merkle_leaf(data, len, leaf);
		merkle_edge_add(&edge, leaf);
		merkle_edge_root(&edge, root);
		for (size_t k = 0; k < HASH_SIZE; k++)
			snprintf(hex + 2 * k, 3, "%02x", root[k]);
		assert_string_equal(hex, roots[i]);
	}
}

static void edge_and_root_agree(void **state)
{
	struct merkle_edge edge = { 0 };
	uint8_t a[HASH_SIZE], b[HASH_SIZE], c[HASH_SIZE];
	(void)state;
	for (uint64_t n = 1; n <= TREE_MAX; n++) {
		merkle_edge_add(&edge, leaves[n - 1]);
		merkle_edge_root(&edge, a);
		assert_int_equal(merkle_root(n, get, &n, b), 0);
		plain_root(0, (size_t)n, c);
		assert_memory_equal(a, c, HASH_SIZE);
		assert_memory_equal(b, c, HASH_SIZE);
	}
}

static void every_inclusion(void **state)
{
	struct merkle_proof proof;
	uint8_t root[HASH_SIZE];
	(void)state;
	for (uint64_t n = 1; n <= TREE_MAX; n += n < 70 ? 1 : 23) {
		plain_root(0, (size_t)n, root);
		for (uint64_t i = 0; i < n; i++) {
			assert_int_equal(merkle_inclusion(n, i, get, &n, &proof), 0);
			assert_int_equal(merkle_check_inclusion(n, i, leaves[i], &proof, root), 0);
			/* Another place, another leaf, a shorter and a longer proof. */
			if (n > 1) {
				assert_int_not_equal(merkle_check_inclusion(n, (i + 1) % n, leaves[i], &proof, root), 0);
				assert_int_not_equal(merkle_check_inclusion(n, i, leaves[(i + 1) % n], &proof, root), 0);
				proof.count--;
				assert_int_not_equal(merkle_check_inclusion(n, i, leaves[i], &proof, root), 0);
				proof.count++;
			}
			memset(proof.hash[proof.count++], 0, HASH_SIZE);
			assert_int_not_equal(merkle_check_inclusion(n, i, leaves[i], &proof, root), 0);
		}
		assert_int_equal(merkle_inclusion(n, n, get, &n, &proof), ITM_EINVAL);
	}
}

static void every_consistency(void **state)
{
	struct merkle_proof proof;
	uint8_t old[HASH_SIZE], root[HASH_SIZE];
	(void)state;
	for (uint64_t n = 1; n <= TREE_MAX; n += n < 70 ? 1 : 23) {
		plain_root(0, (size_t)n, root);
		for (uint64_t m = 1; m <= n; m++) {
			plain_root(0, (size_t)m, old);
			assert_int_equal(merkle_consistency(m, n, get, &n, &proof), 0);
			assert_int_equal(merkle_check_consistency(m, n, old, root, &proof), 0);
			if (m == n)
				continue;
			assert_int_not_equal(merkle_check_consistency(m + 1, n, old, root, &proof), 0);
			assert_int_not_equal(merkle_check_consistency(n, m, root, old, &proof), 0);
			if (proof.count > 0) {
				proof.count--;
				assert_int_not_equal(merkle_check_consistency(m, n, old, root, &proof), 0);
			}
		}
	}
}

static void every_flipped_bit_of_a_proof(void **state)
{
	static const uint64_t sizes[] = { 2, 3, 7, 8, 13, 64, 255, 256, 300 };
	struct merkle_proof proof;
	uint8_t old[HASH_SIZE], root[HASH_SIZE];
	(void)state;
	for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
		uint64_t n = sizes[s], m = n - n / 3;
		m = m == n ? n - 1 : m;
		plain_root(0, (size_t)n, root);
		plain_root(0, (size_t)m, old);
		assert_int_equal(merkle_inclusion(n, m, get, &n, &proof), 0);
		for (size_t bit = 0; bit < proof.count * HASH_SIZE * 8; bit++) {
			uint8_t *p = (uint8_t *)proof.hash + bit / 8;
			*p ^= (uint8_t)(1 << bit % 8);
			assert_int_not_equal(merkle_check_inclusion(n, m, leaves[m], &proof, root), 0);
			*p ^= (uint8_t)(1 << bit % 8);
		}
		assert_int_equal(merkle_consistency(m, n, get, &n, &proof), 0);
		for (size_t bit = 0; bit < proof.count * HASH_SIZE * 8; bit++) {
			uint8_t *p = (uint8_t *)proof.hash + bit / 8;
			*p ^= (uint8_t)(1 << bit % 8);
			assert_int_not_equal(merkle_check_consistency(m, n, old, root, &proof), 0);
			*p ^= (uint8_t)(1 << bit % 8);
		}
	}
}

/* Notes */

/* The example of the Go package that the format comes from. */
static const char go_key[] = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
static const char go_secret[] = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz";
static const char go_note[] = "If you think cryptography is the answer to your problem,\n"
	"then you don't know what your problem is.\n\n"
	"\xe2\x80\x94 PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";

static void notes_of_others_are_read(void **state)
{
	struct note_key key, same;
	struct sign_key secret;
	struct note n;
	struct buffer b;
	(void)state;
	assert_int_equal(note_key_decode(go_key, strlen(go_key), &key), 0);
	assert_int_equal(note_decode(go_note, strlen(go_note), &n, NULL), 0);
	assert_int_equal(note_check(&n, &key, NULL), 0);
	/* Ed25519 has one signature for a key and a text: ours must be theirs. */
	assert_int_equal(note_secret_decode(go_secret, strlen(go_secret), &same, &secret), 0);
	assert_memory_equal(same.key, key.key, sizeof key.key);
	buffer_init(&b, NOTE_MAX);
	assert_int_equal(buffer_put(&b, n.text, n.text_len), 0);
	assert_int_equal(buffer_put_u8(&b, '\n'), 0);
	assert_int_equal(note_put_signature(&b, n.text, n.text_len, &same, &secret, 0), 0);
	assert_string_equal(buffer_text(&b), go_note);
	buffer_clear(&b);
	assert_int_equal(note_secret_put(&b, &same, &secret), 0);
	assert_string_equal(buffer_text(&b), go_secret);
	buffer_clear(&b);
	assert_int_equal(note_key_put(&b, &key), 0);
	assert_string_equal(buffer_text(&b), go_key);
	buffer_free(&b);
}

static void make(struct buffer *b, struct checkpoint *c, struct sign_key *key)
{
	struct id server = { { 7 } };
	sign_keypair(key);
	*c = (struct checkpoint){ .size = 300 };
	checkpoint_origin(&server, c->origin);
	plain_root(0, 300, c->root);
	buffer_init(b, NOTE_MAX);
	assert_int_equal(checkpoint_put(b, c, key), 0);
}

static void every_flipped_bit_of_a_checkpoint(void **state)
{
	struct checkpoint c, out;
	struct sign_key key;
	struct buffer b;
	(void)state;
	make(&b, &c, &key);
	assert_int_equal(checkpoint_open(b.data, b.len, key.public_key, &out, NULL, NULL), 0);
	assert_int_equal(out.size, 300);
	assert_memory_equal(out.root, c.root, HASH_SIZE);
	for (size_t bit = 0; bit < b.len * 8; bit++) {
		b.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_int_not_equal(checkpoint_open(b.data, b.len, key.public_key, &out, NULL, NULL), 0);
		b.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	for (size_t len = 0; len < b.len; len++)
		assert_int_not_equal(checkpoint_open(b.data, len, key.public_key, &out, NULL, NULL), 0);
	buffer_free(&b);
}

static void cosignatures(void **state)
{
	struct checkpoint c;
	struct sign_key key, secret, other;
	struct note_key witness, wrong;
	struct note n;
	struct buffer b;
	uint64_t at = 0;
	(void)state;
	make(&b, &c, &key);
	sign_keypair(&secret);
	sign_keypair(&other);
	assert_int_equal(note_key_init(&witness, "witness.example/w1", NOTE_COSIGNATURE, secret.public_key), 0);
	assert_int_equal(note_key_init(&wrong, "witness.example/w1", NOTE_COSIGNATURE, other.public_key), 0);
	assert_int_equal(note_decode(b.data, b.len, &n, NULL), 0);
	assert_int_equal(note_check(&n, &witness, &at), ITM_ENOENT);
	size_t before = b.len;
	struct buffer text;
	buffer_init(&text, NOTE_MAX);
	buffer_put(&text, n.text, n.text_len);
	assert_int_equal(note_put_signature(&b, (const char *)text.data, text.len, &witness, &secret, 1763932936), 0);
	assert_int_equal(note_decode(b.data, b.len, &n, NULL), 0);
	assert_int_equal(n.count, 2);
	assert_int_equal(note_check(&n, &witness, &at), 0);
	assert_int_equal(at, 1763932936);
	assert_int_equal(note_check(&n, &wrong, &at), ITM_ENOENT);
	/* A bit of the time or the signature, any of them, is seen. */
	for (size_t bit = before * 8; bit < (b.len - 1) * 8; bit++) {
		b.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
		if (note_decode(b.data, b.len, &n, NULL) == 0)
			assert_int_not_equal(note_check(&n, &witness, NULL), 0);
		b.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	buffer_free(&text);
	buffer_free(&b);
}

static void keys_are_checked(void **state)
{
	struct note_key key;
	char text[NOTE_KEY_TEXT_SIZE];
	uint8_t bytes[SIGN_PUBLIC_SIZE] = { 0 };
	(void)state;
	snprintf(text, sizeof text, "%s", go_key);
	text[14] ^= 1; /* the key id */
	assert_int_equal(note_key_decode(text, strlen(text), &key), ITM_EFORMAT);
	assert_int_equal(note_key_init(&key, "two words", NOTE_ED25519, bytes), ITM_EINVAL);
	assert_int_equal(note_key_init(&key, "a+b", NOTE_ED25519, bytes), ITM_EINVAL);
	assert_int_equal(note_key_init(&key, "", NOTE_ED25519, bytes), ITM_EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(published_roots), cmocka_unit_test(edge_and_root_agree),
		cmocka_unit_test(every_inclusion), cmocka_unit_test(every_consistency),
		cmocka_unit_test(every_flipped_bit_of_a_proof), cmocka_unit_test(notes_of_others_are_read),
		cmocka_unit_test(every_flipped_bit_of_a_checkpoint), cmocka_unit_test(cosignatures),
		cmocka_unit_test(keys_are_checked),
	};
	if (sign_init() != 0)
		return 1;
	fill();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
