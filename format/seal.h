/* seal: what locks typed bytes away for auditors: boxes to their X25519 keys,
 * a ratchet of session keys and the stream they encrypt; and what key files
 * and signatures of minisign(1) are made of.  With sign.h the door to
 * libsodium; sign_init comes first. */
#ifndef ITM_FORMAT_SEAL_H
#define ITM_FORMAT_SEAL_H

#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/id.h"

enum {
	SEAL_KEY_SIZE = 32,               /* bytes; session keys, shares, X25519 keys of either half */
	SEAL_BOX_SIZE = 32 + 16 + SEAL_KEY_SIZE, /* crypto_box_seal: one-time key, tag, content */
	SEAL_CHECK_SIZE = 16,
	SEAL_NONCE_SIZE = 24,
	SEAL_STEPS_MAX = 1 << 24,         /* of one session's ratchet: years of typing, seconds to walk */
	SEAL_SALT_SIZE = 32,              /* scrypt */
};

struct seal_pair { uint8_t public_key[SEAL_KEY_SIZE], secret[SEAL_KEY_SIZE]; };

void seal_keypair(struct seal_pair *out);
void seal_box(const uint8_t content[SEAL_KEY_SIZE], const uint8_t public_key[SEAL_KEY_SIZE], uint8_t out[SEAL_BOX_SIZE]);
/* 0, or ITM_ECRYPTO: made for another key, or not whole. */
int seal_unbox(const uint8_t box[SEAL_BOX_SIZE], const struct seal_pair *pair, uint8_t out[SEAL_KEY_SIZE]);
/* Tells a right session root from a wrong one, and nothing about it:
 * SHA-256("c" | stream | root), cut. */
void seal_check(const uint8_t root[SEAL_KEY_SIZE], const struct id *stream, uint8_t out[SEAL_CHECK_SIZE]);

/* The key in use.  Key 0 is SHA-256("s" | stream | root), key n+1 is
 * SHA-256("r" | key n), and the older one is wiped.  Bytes are xored with the
 * XChaCha20 stream of the key, nonce = stream id and 8 zero bytes, from
 * position on. */
struct seal_state {
	uint8_t key[SEAL_KEY_SIZE];
	uint8_t nonce[SEAL_NONCE_SIZE];
	uint64_t step, position;
};
void seal_start(struct seal_state *s, const uint8_t root[SEAL_KEY_SIZE], const struct id *stream);
/* Forward to a step, position 0.  0, ITM_EINVAL (backward), ITM_ELIMIT. */
int seal_advance(struct seal_state *s, uint64_t step);
/* Encrypts or decrypts; out may be in. */
void seal_crypt(struct seal_state *s, const void *in, size_t len, void *out);

/* Memory for secrets: locked, between guard pages, not in core dumps; wiped
 * when freed.  NULL when there is none to be had. */
void *seal_alloc(size_t len);
void seal_free(void *secret);

/* BLAKE2b (RFC 7693) of up to three parts, 16 to 64 bytes of it. */
void seal_blake2b(const void *a, size_t a_len, const void *b, size_t b_len, const void *c, size_t c_len,
		  uint8_t *out, size_t out_len);
/* scrypt as minisign has it.  0, ITM_ENOMEM, or ITM_ELIMIT for costs over
 * what we are willing to pay. */
int seal_scrypt(const char *password, const uint8_t salt[SEAL_SALT_SIZE], uint64_t operations, uint64_t memory,
		uint8_t *out, size_t out_len);
/* What we ask for when we write a key file. */
#define SEAL_SCRYPT_OPERATIONS UINT64_C(33554432)
#define SEAL_SCRYPT_MEMORY (UINT64_C(256) << 20)

/* RFC 4648, with padding.  decode: exactly len bytes, or ITM_EFORMAT. */
int seal_base64_put(struct buffer *b, const void *data, size_t len);
int seal_base64_get(const char *text, size_t text_len, void *out, size_t len);

#endif
