/* hash: SHA-256 (FIPS 180-4), the only door to nettle. */
#ifndef ITM_BASE_HASH_H
#define ITM_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

enum { HASH_SIZE = 32 }; /* bytes */

struct hash;

struct hash *hash_new(void);             /* owned; NULL when out of memory */
void hash_free(struct hash *h);
void hash_update(struct hash *h, const void *data, size_t len);
/* Writes the digest and starts over. */
void hash_final(struct hash *h, uint8_t out[HASH_SIZE]);

/* One part, or up to three parts one after the other (NULL, 0 for none). */
void hash_bytes(const void *data, size_t len, uint8_t out[HASH_SIZE]);
void hash_parts(const void *a, size_t a_len, const void *b, size_t b_len,
		const void *c, size_t c_len, uint8_t out[HASH_SIZE]);

#endif
