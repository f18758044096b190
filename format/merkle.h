/* merkle: the tree of the central log: RFC 6962 hashes, inclusion and
 * consistency proofs and their checks.  Pure: whoever has the tree gives its
 * nodes by a call. */
#ifndef ITM_FORMAT_MERKLE_H
#define ITM_FORMAT_MERKLE_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/hash.h"

enum { MERKLE_PROOF_MAX = 64 }; /* hashes; a tree has at most 2^62 leaves */
#define MERKLE_SIZE_MAX ((uint64_t)1 << 62)

struct merkle_proof { size_t count; uint8_t hash[MERKLE_PROOF_MAX][HASH_SIZE]; };

void merkle_leaf(const void *data, size_t len, uint8_t out[HASH_SIZE]);              /* SHA-256(0 | data) */
void merkle_node(const uint8_t left[HASH_SIZE], const uint8_t right[HASH_SIZE], uint8_t out[HASH_SIZE]); /* (1 | l | r) */
void merkle_empty(uint8_t out[HASH_SIZE]);                                          /* the root of no leaves */

/* The hash over leaves index << level .. (index + 1) << level, all there.
 * 0 or ITM_E*, which is passed on. */
typedef int merkle_get(void *context, unsigned level, uint64_t index, uint8_t out[HASH_SIZE]);

int merkle_root(uint64_t size, merkle_get *get, void *context, uint8_t out[HASH_SIZE]);
/* Leaf `index` is in the tree of `size` leaves. */
int merkle_inclusion(uint64_t size, uint64_t index, merkle_get *get, void *context, struct merkle_proof *out);
/* The first `old` of `size` leaves are the older tree; empty for old = 0. */
int merkle_consistency(uint64_t old, uint64_t size, merkle_get *get, void *context, struct merkle_proof *out);

/* Checks.  0 or ITM_ECRYPTO. */
int merkle_check_inclusion(uint64_t size, uint64_t index, const uint8_t leaf[HASH_SIZE], const struct merkle_proof *proof,
			   const uint8_t root[HASH_SIZE]);
int merkle_check_consistency(uint64_t old, uint64_t size, const uint8_t old_root[HASH_SIZE], const uint8_t root[HASH_SIZE],
			     const struct merkle_proof *proof);

/* A tree that only grows: what is needed to go on, and its root. */
struct merkle_edge { uint64_t size; uint8_t hash[MERKLE_PROOF_MAX][HASH_SIZE]; };
void merkle_edge_add(struct merkle_edge *e, const uint8_t leaf[HASH_SIZE]);
void merkle_edge_root(const struct merkle_edge *e, uint8_t out[HASH_SIZE]);

#endif
