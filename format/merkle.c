#include "format/merkle.h"

#include <stdbool.h>
#include <string.h>

void merkle_leaf(const void *data, size_t len, uint8_t out[HASH_SIZE])
{
	static const uint8_t prefix = 0;
	hash_parts(&prefix, 1, data, len, NULL, 0, out);
}

void merkle_node(const uint8_t left[HASH_SIZE], const uint8_t right[HASH_SIZE], uint8_t out[HASH_SIZE])
{
	static const uint8_t prefix = 1;
	hash_parts(&prefix, 1, left, HASH_SIZE, right, HASH_SIZE, out);
}

void merkle_empty(uint8_t out[HASH_SIZE])
{
	hash_bytes(NULL, 0, out);
}

/* The largest power of two below n (n > 1). */
static uint64_t merkle_split(uint64_t n)
{
	uint64_t k = 1;
	while (k * 2 < n)
		k *= 2;
	return k;
}

struct merkle_tree { merkle_get *get; void *context; };

/* The hash over n leaves from start; start is a multiple of the power of two
 * that n is split at, as everywhere in RFC 6962. */
static int merkle_range(const struct merkle_tree *t, uint64_t start, uint64_t n, uint8_t out[HASH_SIZE])
{
	uint8_t left[HASH_SIZE], right[HASH_SIZE];
	unsigned level = 0;
	while ((uint64_t)1 << level < n)
		level++;
	if ((uint64_t)1 << level == n)
		return t->get(t->context, level, start >> level, out);
	uint64_t k = merkle_split(n);
	int e = merkle_range(t, start, k, left);
	if (e == 0)
		e = merkle_range(t, start + k, n - k, right);
	if (e == 0)
		merkle_node(left, right, out);
	return e;
}

int merkle_root(uint64_t size, merkle_get *get, void *context, uint8_t out[HASH_SIZE])
{
	const struct merkle_tree t = { get, context };
	if (size > MERKLE_SIZE_MAX)
		return ITM_ELIMIT;
	if (size == 0) {
		merkle_empty(out);
		return 0;
	}
	return merkle_range(&t, 0, size, out);
}

static int merkle_add(const struct merkle_tree *t, uint64_t start, uint64_t n, struct merkle_proof *out)
{
	if (out->count == MERKLE_PROOF_MAX)
		return ITM_ELIMIT;
	int e = merkle_range(t, start, n, out->hash[out->count]);
	if (e == 0)
		out->count++;
	return e;
}

/* PATH(m, D[n]) of RFC 6962, 2.1.1. */
static int merkle_path(const struct merkle_tree *t, uint64_t start, uint64_t n, uint64_t m, struct merkle_proof *out)
{
	if (n == 1)
		return 0;
	uint64_t k = merkle_split(n);
	int e = m < k ? merkle_path(t, start, k, m, out) : merkle_path(t, start + k, n - k, m - k, out);
	if (e != 0)
		return e;
	return m < k ? merkle_add(t, start + k, n - k, out) : merkle_add(t, start, k, out);
}

int merkle_inclusion(uint64_t size, uint64_t index, merkle_get *get, void *context, struct merkle_proof *out)
{
	const struct merkle_tree t = { get, context };
	if (index >= size || size > MERKLE_SIZE_MAX)
		return ITM_EINVAL;
	out->count = 0;
	return merkle_path(&t, 0, size, index, out);
}

/* SUBPROOF(m, D[n], b) of RFC 6962, 2.1.2. */
static int merkle_subproof(const struct merkle_tree *t, uint64_t m, uint64_t start, uint64_t n, bool whole,
			   struct merkle_proof *out)
{
	if (m == n)
		return whole ? 0 : merkle_add(t, start, n, out);
	uint64_t k = merkle_split(n);
	int e = m <= k ? merkle_subproof(t, m, start, k, whole, out)
		       : merkle_subproof(t, m - k, start + k, n - k, false, out);
	if (e != 0)
		return e;
	return m <= k ? merkle_add(t, start + k, n - k, out) : merkle_add(t, start, k, out);
}

int merkle_consistency(uint64_t old, uint64_t size, merkle_get *get, void *context, struct merkle_proof *out)
{
	const struct merkle_tree t = { get, context };
	if (old > size || size > MERKLE_SIZE_MAX)
		return ITM_EINVAL;
	out->count = 0;
	return old == 0 ? 0 : merkle_subproof(&t, old, 0, size, true, out);
}

/* Checks, by the algorithms of RFC 9162, 2.1.3.2 and 2.1.4.2, which walk the
 * numbers' bits and share nothing with the making above. */

int merkle_check_inclusion(uint64_t size, uint64_t index, const uint8_t leaf[HASH_SIZE], const struct merkle_proof *proof,
			   const uint8_t root[HASH_SIZE])
{
	uint8_t r[HASH_SIZE];
	if (index >= size || size > MERKLE_SIZE_MAX || proof->count > MERKLE_PROOF_MAX)
		return ITM_ECRYPTO;
	uint64_t fn = index, sn = size - 1;
	memcpy(r, leaf, HASH_SIZE);
	for (size_t i = 0; i < proof->count; i++) {
		if (sn == 0)
			return ITM_ECRYPTO;
		if ((fn & 1) || fn == sn) {
			merkle_node(proof->hash[i], r, r);
			while (!(fn & 1) && fn != 0) {
				fn >>= 1;
				sn >>= 1;
			}
		} else {
			merkle_node(r, proof->hash[i], r);
		}
		fn >>= 1;
		sn >>= 1;
	}
	return sn == 0 && memcmp(r, root, HASH_SIZE) == 0 ? 0 : ITM_ECRYPTO;
}

/* Walks both trees up from the older one's last leaf. */
static int merkle_climb(uint64_t fn, uint64_t sn, const struct merkle_proof *proof, size_t from, uint8_t fr[HASH_SIZE],
			uint8_t sr[HASH_SIZE])
{
	while (fn & 1) {
		fn >>= 1;
		sn >>= 1;
	}
	for (size_t i = from; i < proof->count; i++) {
		const uint8_t *c = proof->hash[i];
		if (sn == 0)
			return ITM_ECRYPTO;
		if ((fn & 1) || fn == sn) {
			merkle_node(c, fr, fr);
			merkle_node(c, sr, sr);
			while (!(fn & 1) && fn != 0) {
				fn >>= 1;
				sn >>= 1;
			}
		} else {
			merkle_node(sr, c, sr);
		}
		fn >>= 1;
		sn >>= 1;
	}
	return sn == 0 ? 0 : ITM_ECRYPTO;
}

int merkle_check_consistency(uint64_t old, uint64_t size, const uint8_t old_root[HASH_SIZE], const uint8_t root[HASH_SIZE],
			     const struct merkle_proof *proof)
{
	uint8_t fr[HASH_SIZE], sr[HASH_SIZE];
	if (old > size || size > MERKLE_SIZE_MAX || proof->count > MERKLE_PROOF_MAX)
		return ITM_ECRYPTO;
	if (old == size)
		return proof->count == 0 && memcmp(old_root, root, HASH_SIZE) == 0 ? 0 : ITM_ECRYPTO;
	if (old == 0) {
		merkle_empty(fr);
		return proof->count == 0 && memcmp(fr, old_root, HASH_SIZE) == 0 ? 0 : ITM_ECRYPTO;
	}
	/* When the older tree is perfect its root begins the proof unsaid. */
	bool perfect = (old & (old - 1)) == 0;
	if (!perfect && proof->count == 0)
		return ITM_ECRYPTO;
	memcpy(fr, perfect ? old_root : proof->hash[0], HASH_SIZE);
	memcpy(sr, fr, HASH_SIZE);
	int e = merkle_climb(old - 1, size - 1, proof, perfect ? 0 : 1, fr, sr);
	if (e != 0)
		return e;
	return memcmp(fr, old_root, HASH_SIZE) == 0 && memcmp(sr, root, HASH_SIZE) == 0 ? 0 : ITM_ECRYPTO;
}

/* hash[level] stands for a perfect subtree when that bit of size is set. */
void merkle_edge_add(struct merkle_edge *e, const uint8_t leaf[HASH_SIZE])
{
	uint8_t h[HASH_SIZE];
	unsigned level = 0;
	memcpy(h, leaf, HASH_SIZE);
	for (; e->size >> level & 1; level++)
		merkle_node(e->hash[level], h, h);
	memcpy(e->hash[level], h, HASH_SIZE);
	e->size++;
}

void merkle_edge_root(const struct merkle_edge *e, uint8_t out[HASH_SIZE])
{
	bool any = false;
	merkle_empty(out);
	for (unsigned level = 0; level < MERKLE_PROOF_MAX; level++) {
		if (!(e->size >> level & 1))
			continue;
		if (any)
			merkle_node(e->hash[level], out, out);
		else
			memcpy(out, e->hash[level], HASH_SIZE);
		any = true;
	}
}
