#include "format/seal.h"

#include <assert.h>
#include <string.h>

#include <sodium.h>

#include "base/error.h"

enum {
	BLOCK = 64,                       /* bytes of XChaCha20 with one counter */
	BASE64_PIECE = 48,                /* bytes at a time; divides by three */
};
#define SCRYPT_OPERATIONS_MAX (UINT64_C(1) << 28)
#define SCRYPT_MEMORY_MAX (UINT64_C(2) << 30)

static_assert(SEAL_KEY_SIZE == crypto_box_PUBLICKEYBYTES && SEAL_KEY_SIZE == crypto_box_SECRETKEYBYTES, "X25519");
static_assert(SEAL_BOX_SIZE == SEAL_KEY_SIZE + crypto_box_SEALBYTES, "sealed box");
static_assert(SEAL_KEY_SIZE == crypto_stream_xchacha20_KEYBYTES, "stream key");
static_assert(SEAL_NONCE_SIZE == crypto_stream_xchacha20_NONCEBYTES, "stream nonce");
static_assert(SEAL_SALT_SIZE == crypto_pwhash_scryptsalsa208sha256_SALTBYTES, "scrypt salt");
static_assert(SEAL_KEY_SIZE == crypto_hash_sha256_BYTES, "ratchet");

void seal_keypair(struct seal_pair *out)
{
	crypto_box_keypair(out->public_key, out->secret);
}

void seal_box(const uint8_t content[SEAL_KEY_SIZE], const uint8_t public_key[SEAL_KEY_SIZE], uint8_t out[SEAL_BOX_SIZE])
{
	/* Fails for points of small order only, which lists refuse: then nobody can open it. */
	if (crypto_box_seal(out, content, SEAL_KEY_SIZE, public_key) != 0)
		memset(out, 0, SEAL_BOX_SIZE);
}

int seal_unbox(const uint8_t box[SEAL_BOX_SIZE], const struct seal_pair *pair, uint8_t out[SEAL_KEY_SIZE])
{
	return crypto_box_seal_open(out, box, SEAL_BOX_SIZE, pair->public_key, pair->secret) == 0 ? 0 : ITM_ECRYPTO;
}

/* SHA-256 of a letter and two parts; unlike hash.h it leaves nothing behind. */
static void digest(char letter, const void *a, size_t a_len, const void *b, size_t b_len, uint8_t out[SEAL_KEY_SIZE])
{
	crypto_hash_sha256_state state;

	crypto_hash_sha256_init(&state);
	crypto_hash_sha256_update(&state, (const uint8_t *)&letter, 1);
	crypto_hash_sha256_update(&state, a, a_len);
	crypto_hash_sha256_update(&state, b, b_len);
	crypto_hash_sha256_final(&state, out);
	sodium_memzero(&state, sizeof state);
}

void seal_check(const uint8_t root[SEAL_KEY_SIZE], const struct id *stream, uint8_t out[SEAL_CHECK_SIZE])
{
	uint8_t whole[SEAL_KEY_SIZE];

	digest('c', stream->bytes, ID_SIZE, root, SEAL_KEY_SIZE, whole);
	memcpy(out, whole, SEAL_CHECK_SIZE);
}

void seal_start(struct seal_state *s, const uint8_t root[SEAL_KEY_SIZE], const struct id *stream)
{
	*s = (struct seal_state){ .step = 0 };
	memcpy(s->nonce, stream->bytes, ID_SIZE);
	digest('s', stream->bytes, ID_SIZE, root, SEAL_KEY_SIZE, s->key);
}

int seal_advance(struct seal_state *s, uint64_t step)
{
	if (step > SEAL_STEPS_MAX)
		return ITM_ELIMIT;
	if (step < s->step)
		return ITM_EINVAL;
	for (; s->step < step; s->step++)
		digest('r', s->key, sizeof s->key, NULL, 0, s->key);
	s->position = 0;
	return 0;
}

void seal_crypt(struct seal_state *s, const void *in, size_t len, void *out)
{
	const uint8_t *from = in;
	uint8_t *to = out, block[BLOCK];

	while (len > 0) {
		size_t skip = s->position % BLOCK, n = BLOCK - skip < len ? BLOCK - skip : len;

		memset(block, 0, sizeof block);
		memcpy(block + skip, from, n);
		crypto_stream_xchacha20_xor_ic(block, block, sizeof block, s->nonce, s->position / BLOCK, s->key);
		memcpy(to, block + skip, n);
		s->position += n;
		from += n;
		to += n;
		len -= n;
	}
	sodium_memzero(block, sizeof block);
}

void *seal_alloc(size_t len)
{
	return sodium_malloc(len);
}

void seal_free(void *secret)
{
	sodium_free(secret);
}

void seal_blake2b(const void *a, size_t a_len, const void *b, size_t b_len, const void *c, size_t c_len,
		  uint8_t *out, size_t out_len)
{
	crypto_generichash_state state;

	crypto_generichash_init(&state, NULL, 0, out_len);
	crypto_generichash_update(&state, a, a_len);
	crypto_generichash_update(&state, b, b_len);
	crypto_generichash_update(&state, c, c_len);
	crypto_generichash_final(&state, out, out_len);
	sodium_memzero(&state, sizeof state);
}

int seal_scrypt(const char *password, const uint8_t salt[SEAL_SALT_SIZE], uint64_t operations, uint64_t memory,
		uint8_t *out, size_t out_len)
{
	if (operations > SCRYPT_OPERATIONS_MAX || memory > SCRYPT_MEMORY_MAX)
		return ITM_ELIMIT;
	return crypto_pwhash_scryptsalsa208sha256(out, out_len, password, strlen(password), salt, operations,
						  (size_t)memory) == 0 ? 0 : ITM_ENOMEM;
}

int seal_base64_put(struct buffer *b, const void *data, size_t len)
{
	char text[sodium_base64_ENCODED_LEN(BASE64_PIECE, sodium_base64_VARIANT_ORIGINAL)];
	const uint8_t *at = data;
	int r = 0;

	for (size_t n; r == 0 && len > 0; at += n, len -= n) {
		n = len < BASE64_PIECE ? len : BASE64_PIECE;
		sodium_bin2base64(text, sizeof text, at, n, sodium_base64_VARIANT_ORIGINAL);
		r = buffer_put_text(b, text);
	}
	sodium_memzero(text, sizeof text);
	return r;
}

int seal_base64_get(const char *text, size_t text_len, void *out, size_t len)
{
	size_t got;
	const char *end;

	if (sodium_base642bin(out, len, text, text_len, NULL, &got, &end, sodium_base64_VARIANT_ORIGINAL) != 0 ||
	    got != len || end != text + text_len)
		return ITM_EFORMAT;
	return 0;
}
