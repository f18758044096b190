#include "base/hash.h"

#include <stdlib.h>

#include <nettle/sha2.h>

struct hash { struct sha256_ctx ctx; };

struct hash *hash_new(void)
{
	struct hash *h = malloc(sizeof *h);
	if (h != NULL)
		sha256_init(&h->ctx);
	return h;
}

void hash_free(struct hash *h)
{
	free(h);
}

void hash_update(struct hash *h, const void *data, size_t len)
{
	if (len > 0)
		sha256_update(&h->ctx, len, data);
}

void hash_final(struct hash *h, uint8_t out[HASH_SIZE])
{
	sha256_digest(&h->ctx, HASH_SIZE, out);
}

void hash_bytes(const void *data, size_t len, uint8_t out[HASH_SIZE])
{
	hash_parts(data, len, NULL, 0, NULL, 0, out);
}

void hash_parts(const void *a, size_t a_len, const void *b, size_t b_len,
		const void *c, size_t c_len, uint8_t out[HASH_SIZE])
{
	struct hash h;
	sha256_init(&h.ctx);
	hash_update(&h, a, a_len);
	hash_update(&h, b, b_len);
	hash_update(&h, c, c_len);
	hash_final(&h, out);
}
