/* sign: Ed25519 keys and signatures (RFC 8032); the only door to libsodium. */
#ifndef ITM_FORMAT_SIGN_H
#define ITM_FORMAT_SIGN_H

#include <stddef.h>
#include <stdint.h>

enum { SIGN_PUBLIC_SIZE = 32, SIGN_SECRET_SIZE = 64, SIGN_SIZE = 64 }; /* bytes */

struct sign_key {
	uint8_t public_key[SIGN_PUBLIC_SIZE];
	uint8_t secret[SIGN_SECRET_SIZE];
};

/* Call once at start of a program; 0 or ITM_ECRYPTO. */
int sign_init(void);
void sign_keypair(struct sign_key *out);
void sign_keypair_of(const uint8_t seed[32], struct sign_key *out); /* the seed is the first half of the secret */
void sign_detached(const void *data, size_t len, const struct sign_key *key, uint8_t out[SIGN_SIZE]);
/* 0 or ITM_ECRYPTO. */
int sign_verify(const void *data, size_t len, const uint8_t key[SIGN_PUBLIC_SIZE], const uint8_t signature[SIGN_SIZE]);
void sign_wipe(void *data, size_t len);       /* not optimised away */
void sign_random(void *out, size_t len);

/* Key files: one text line "itm-secret-key ed25519 <hex 128>" mode 0600, or
 * "itm-public-key ed25519 <hex 64>".  0, ITM_ENOENT, ITM_EFORMAT, ITM_ESYS. */
int sign_load_secret(const char *path, struct sign_key *out);
int sign_save_secret(const char *path, const struct sign_key *key);
int sign_load_public(const char *path, uint8_t out[SIGN_PUBLIC_SIZE]);
int sign_save_public(const char *path, const uint8_t key[SIGN_PUBLIC_SIZE]);

#endif
