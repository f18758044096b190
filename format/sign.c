#include "format/sign.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include <sodium.h>

#include "base/atomicfile.h"
#include "base/buffer.h"
#include "base/error.h"

static_assert(SIGN_PUBLIC_SIZE == crypto_sign_PUBLICKEYBYTES, "Ed25519 public key");
static_assert(SIGN_SECRET_SIZE == crypto_sign_SECRETKEYBYTES, "Ed25519 secret key");
static_assert(SIGN_SIZE == crypto_sign_BYTES, "Ed25519 signature");

int sign_init(void)
{
	return sodium_init() < 0 ? ITM_ECRYPTO : 0;
}

void sign_keypair(struct sign_key *out)
{
	crypto_sign_keypair(out->public_key, out->secret);
}

void sign_keypair_of(const uint8_t seed[32], struct sign_key *out)
{
	crypto_sign_seed_keypair(out->public_key, out->secret, seed);
}

void sign_detached(const void *data, size_t len, const struct sign_key *key, uint8_t out[SIGN_SIZE])
{
	crypto_sign_detached(out, NULL, data, len, key->secret);
}

int sign_verify(const void *data, size_t len, const uint8_t key[SIGN_PUBLIC_SIZE], const uint8_t signature[SIGN_SIZE])
{
	return crypto_sign_verify_detached(signature, data, len, key) == 0 ? 0 : ITM_ECRYPTO;
}

void sign_wipe(void *data, size_t len)
{
	sodium_memzero(data, len);
}

void sign_random(void *out, size_t len)
{
	randombytes_buf(out, len);
}

/* A key file is one line: the word, a space, "ed25519", a space, hex. */
static int save(const char *path, const char *word, const uint8_t *key, size_t len, mode_t mode)
{
	char hex[2 * SIGN_SECRET_SIZE + 1], line[256];
	sodium_bin2hex(hex, sizeof hex, key, len);
	int n = snprintf(line, sizeof line, "%s ed25519 %s\n", word, hex);
	int r = atomicfile_write(path, line, (size_t)n, mode);
	sodium_memzero(hex, sizeof hex);
	sodium_memzero(line, sizeof line);
	return r;
}

static int parse(const char *text, const char *word, uint8_t *out, size_t len)
{
	size_t head = strlen(word), got;
	const char *end;
	if (strncmp(text, word, head) != 0 || strncmp(text + head, " ed25519 ", 9) != 0)
		return ITM_EFORMAT;
	const char *hex = text + head + 9;
	if (sodium_hex2bin(out, len, hex, strlen(hex), NULL, &got, &end) != 0 || got != len ||
	    (strcmp(end, "\n") != 0 && *end != '\0'))
		return ITM_EFORMAT;
	return 0;
}

static int load(const char *path, const char *word, uint8_t *out, size_t len)
{
	struct buffer b;
	buffer_init(&b, 1024);
	int r = atomicfile_read(path, &b);
	if (r == ITM_ELIMIT)
		r = ITM_EFORMAT;
	const char *text = r == 0 ? buffer_text(&b) : NULL;
	if (r == 0)
		r = text ? parse(text, word, out, len) : ITM_EFORMAT;
	buffer_free(&b);
	return r;
}

int sign_load_secret(const char *path, struct sign_key *out)
{
	struct sign_key key;
	int r = load(path, "itm-secret-key", key.secret, sizeof key.secret);
	if (r == 0) {
		crypto_sign_ed25519_sk_to_pk(key.public_key, key.secret);
		*out = key;
	}
	sodium_memzero(&key, sizeof key);
	return r;
}

int sign_save_secret(const char *path, const struct sign_key *key)
{
	return save(path, "itm-secret-key", key->secret, sizeof key->secret, 0600);
}

int sign_load_public(const char *path, uint8_t out[SIGN_PUBLIC_SIZE])
{
	return load(path, "itm-public-key", out, SIGN_PUBLIC_SIZE);
}

int sign_save_public(const char *path, const uint8_t key[SIGN_PUBLIC_SIZE])
{
	return save(path, "itm-public-key", key, SIGN_PUBLIC_SIZE, 0644);
}
