#include "format/keyfile.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "format/seal.h"
#include "format/sign.h"

enum { HEAD_SIZE = 2 + 2 + 2 + SEAL_SALT_SIZE + 8 + 8, CHECK_SIZE = 32, LOCKED_SIZE = 8 + 64 + CHECK_SIZE,
       SECRET_SIZE = HEAD_SIZE + LOCKED_SIZE, PUBLIC_SIZE = 2 + KEYFILE_ID_SIZE + KEYFILE_KEY_SIZE };
static_assert(SECRET_SIZE == 158, "minisign's secret key");

static const char *const algorithms[] = { [KEYFILE_OFFICER] = "Ed", [KEYFILE_AUDITOR] = "Xs" };

int keyfile_new(enum keyfile_kind kind, struct keyfile_secret *out)
{
	struct sign_key officer;
	struct seal_pair auditor;

	*out = (struct keyfile_secret){ .kind = kind };
	sign_random(out->id, sizeof out->id);
	if (kind == KEYFILE_OFFICER) {
		sign_keypair(&officer);
		memcpy(out->secret, officer.secret, KEYFILE_KEY_SIZE); /* the seed; the other half is the public key */
		memcpy(out->public_key, officer.public_key, KEYFILE_KEY_SIZE);
		sign_wipe(&officer, sizeof officer);
	} else {
		seal_keypair(&auditor);
		memcpy(out->secret, auditor.secret, KEYFILE_KEY_SIZE);
		memcpy(out->public_key, auditor.public_key, KEYFILE_KEY_SIZE);
		sign_wipe(&auditor, sizeof auditor);
	}
	return 0;
}

void keyfile_public(const struct keyfile_secret *s, struct keyfile_public *out)
{
	memcpy(out->id, s->id, sizeof out->id);
	memcpy(out->key, s->public_key, sizeof out->key);
}

/* minisign shows the id as a little-endian number. */
void keyfile_id_text(const uint8_t id[KEYFILE_ID_SIZE], char out[KEYFILE_ID_TEXT_SIZE])
{
	for (int i = 0; i < KEYFILE_ID_SIZE; i++)
		snprintf(out + 2 * i, 3, "%02X", id[KEYFILE_ID_SIZE - 1 - i]);
}

int keyfile_put_word(struct buffer *b, enum keyfile_kind kind, const struct keyfile_public *p)
{
	uint8_t raw[PUBLIC_SIZE];

	memcpy(raw, algorithms[kind], 2);
	memcpy(raw + 2, p->id, KEYFILE_ID_SIZE);
	memcpy(raw + 2 + KEYFILE_ID_SIZE, p->key, KEYFILE_KEY_SIZE);
	return seal_base64_put(b, raw, sizeof raw);
}

int keyfile_get_word(const char *text, size_t len, enum keyfile_kind kind, struct keyfile_public *out)
{
	uint8_t raw[PUBLIC_SIZE];

	if (seal_base64_get(text, len, raw, sizeof raw) != 0 || memcmp(raw, algorithms[kind], 2) != 0)
		return ITM_EFORMAT;
	memcpy(out->id, raw + 2, KEYFILE_ID_SIZE);
	memcpy(out->key, raw + 2 + KEYFILE_ID_SIZE, KEYFILE_KEY_SIZE);
	return 0;
}

static int put_file(struct buffer *b, const char *comment, const char *word, size_t len)
{
	int r = strpbrk(comment, "\r\n") != NULL ? ITM_EINVAL : buffer_printf(b, "untrusted comment: %s\n", comment);

	if (r == 0)
		r = buffer_put(b, word, len);
	return r != 0 ? r : buffer_put_u8(b, '\n');
}

int keyfile_put_public(struct buffer *b, enum keyfile_kind kind, const struct keyfile_public *p, const char *comment)
{
	struct buffer word;

	buffer_init(&word, KEYFILE_MAX);
	int r = keyfile_put_word(&word, kind, p);
	if (r == 0)
		r = put_file(b, comment, (const char *)word.data, word.len);
	buffer_free(&word);
	return r;
}

static void checksum(const uint8_t *algorithm, const uint8_t *locked, uint8_t out[CHECK_SIZE])
{
	seal_blake2b(algorithm, 2, locked, LOCKED_SIZE - CHECK_SIZE, NULL, 0, out, CHECK_SIZE);
}

/* Locking and unlocking are the same. */
static int lock(uint8_t raw[SECRET_SIZE], const char *password, uint64_t operations, uint64_t memory)
{
	uint8_t mask[LOCKED_SIZE];
	int r = seal_scrypt(password, raw + 6, operations, memory, mask, sizeof mask);

	for (size_t i = 0; r == 0 && i < sizeof mask; i++)
		raw[HEAD_SIZE + i] ^= mask[i];
	sign_wipe(mask, sizeof mask);
	return r;
}

static void put_le64(uint8_t *to, uint64_t v)
{
	for (int i = 0; i < 8; i++)
		to[i] = (uint8_t)(v >> 8 * i);
}

static uint64_t get_le64(const uint8_t *from)
{
	uint64_t v = 0;
	for (int i = 0; i < 8; i++)
		v |= (uint64_t)from[i] << 8 * i;
	return v;
}

int keyfile_put_secret(struct buffer *b, const struct keyfile_secret *s, const char *password, const char *comment)
{
	uint8_t raw[SECRET_SIZE] = { 0 }, *locked = raw + HEAD_SIZE;
	struct buffer word;
	int r = 0;

	memcpy(raw, algorithms[s->kind], 2);
	memcpy(raw + 4, "B2", 2);
	memcpy(locked, s->id, KEYFILE_ID_SIZE);
	memcpy(locked + 8, s->secret, KEYFILE_KEY_SIZE);
	memcpy(locked + 8 + KEYFILE_KEY_SIZE, s->public_key, KEYFILE_KEY_SIZE);
	checksum(raw, locked, locked + LOCKED_SIZE - CHECK_SIZE);
	if (password != NULL) {
		memcpy(raw + 2, "Sc", 2);
		sign_random(raw + 6, SEAL_SALT_SIZE);
		put_le64(raw + 6 + SEAL_SALT_SIZE, SEAL_SCRYPT_OPERATIONS);
		put_le64(raw + 14 + SEAL_SALT_SIZE, SEAL_SCRYPT_MEMORY);
		r = lock(raw, password, SEAL_SCRYPT_OPERATIONS, SEAL_SCRYPT_MEMORY);
	}
	buffer_init(&word, KEYFILE_MAX);
	if (r == 0)
		r = seal_base64_put(&word, raw, sizeof raw);
	if (r == 0)
		r = put_file(b, comment, (const char *)word.data, word.len);
	if (word.data != NULL)
		sign_wipe(word.data, word.size);
	buffer_free(&word);
	sign_wipe(raw, sizeof raw);
	return r;
}

/* The line that is not a comment. */
static const char *key_line(const char *text, size_t len, size_t *line_len)
{
	static const char comment[] = "untrusted comment:";
	const char *end = memchr(text, '\n', len);

	if (end != NULL && len > sizeof comment && memcmp(text, comment, sizeof comment - 1) == 0) {
		len -= (size_t)(end + 1 - text);
		text = end + 1;
		end = memchr(text, '\n', len);
	}
	if (end != NULL && end + 1 != text + len)
		return NULL;
	*line_len = end != NULL ? (size_t)(end - text) : len;
	return text;
}

int keyfile_get_public(const char *text, size_t len, enum keyfile_kind kind, struct keyfile_public *out,
		       struct fault *fault)
{
	size_t line_len;
	const char *line = key_line(text, len, &line_len);

	if (line == NULL || keyfile_get_word(line, line_len, kind, out) != 0)
		return error_fault(fault, ITM_EFORMAT, 0, kind == KEYFILE_OFFICER ? "not a public key of minisign's form"
				   : "not an auditor's public key");
	return 0;
}

static int open_secret(uint8_t raw[SECRET_SIZE], const char *password, struct fault *fault)
{
	uint8_t check[CHECK_SIZE], *locked = raw + HEAD_SIZE;
	bool is_locked = memcmp(raw + 2, "Sc", 2) == 0;

	if ((!is_locked && memcmp(raw + 2, "\0", 2) != 0) || memcmp(raw + 4, "B2", 2) != 0)
		return error_fault(fault, ITM_EVERSION, 2, "the key is locked in a way not known here");
	if (is_locked && password == NULL)
		return error_fault(fault, ITM_EPERM, 0, "the key needs its password");
	int r = is_locked ? lock(raw, password, get_le64(raw + 6 + SEAL_SALT_SIZE), get_le64(raw + 14 + SEAL_SALT_SIZE)) : 0;
	if (r != 0)
		return error_fault(fault, r, 0, "unlocking the key takes more memory or time than there is");
	checksum(raw, locked, check);
	/* minisign leaves the sum of an unlocked key as zeros. */
	static const uint8_t zeros[CHECK_SIZE];
	const uint8_t *sum = locked + LOCKED_SIZE - CHECK_SIZE;
	if (memcmp(check, sum, CHECK_SIZE) != 0 && (is_locked || memcmp(zeros, sum, CHECK_SIZE) != 0))
		return error_fault(fault, ITM_ECRYPTO, 0, is_locked ? "wrong password" : "the key file is damaged");
	return 0;
}

int keyfile_get_secret(const char *text, size_t len, const char *password, struct keyfile_secret *out,
		       struct fault *fault)
{
	uint8_t raw[SECRET_SIZE];
	size_t line_len;
	const char *line = key_line(text, len, &line_len);
	int r = 0, kind = 0;

	if (line == NULL || seal_base64_get(line, line_len, raw, sizeof raw) != 0)
		return error_fault(fault, ITM_EFORMAT, 0, "not a secret key of minisign's form");
	while (kind <= KEYFILE_AUDITOR && memcmp(raw, algorithms[kind], 2) != 0)
		kind++;
	r = kind > KEYFILE_AUDITOR ? error_fault(fault, ITM_EVERSION, 0, "a key of an unknown kind")
				   : open_secret(raw, password, fault);
	if (r == 0) {
		out->kind = (enum keyfile_kind)kind;
		memcpy(out->id, raw + HEAD_SIZE, KEYFILE_ID_SIZE);
		memcpy(out->secret, raw + HEAD_SIZE + 8, KEYFILE_KEY_SIZE);
		memcpy(out->public_key, raw + HEAD_SIZE + 8 + KEYFILE_KEY_SIZE, KEYFILE_KEY_SIZE);
	}
	sign_wipe(raw, sizeof raw);
	return r;
}
