#include "format/minisign.h"

#include <string.h>

#include "format/seal.h"
#include "format/sign.h"

enum { RAW_SIZE = 2 + KEYFILE_ID_SIZE + SIGN_SIZE, PREHASH_SIZE = 64 };

static const char trusted_word[] = "trusted comment: ";

static void expand(const struct keyfile_secret *s, struct sign_key *out)
{
	memcpy(out->secret, s->secret, KEYFILE_KEY_SIZE);
	memcpy(out->secret + KEYFILE_KEY_SIZE, s->public_key, KEYFILE_KEY_SIZE);
	memcpy(out->public_key, s->public_key, KEYFILE_KEY_SIZE);
}

int minisign_sign(struct buffer *b, const struct keyfile_secret *officer, const void *data, size_t len,
		  const char *trusted)
{
	uint8_t hash[PREHASH_SIZE], raw[RAW_SIZE], both[SIGN_SIZE + MINISIGN_COMMENT_MAX], global[SIGN_SIZE];
	size_t trusted_len = strlen(trusted), before = b->len;
	struct sign_key key;

	if (officer->kind != KEYFILE_OFFICER || trusted_len >= MINISIGN_COMMENT_MAX || strpbrk(trusted, "\r\n") != NULL)
		return ITM_EINVAL;
	expand(officer, &key);
	memcpy(raw, "ED", 2);
	memcpy(raw + 2, officer->id, KEYFILE_ID_SIZE);
	seal_blake2b(data, len, NULL, 0, NULL, 0, hash, sizeof hash);
	sign_detached(hash, sizeof hash, &key, raw + 2 + KEYFILE_ID_SIZE);
	memcpy(both, raw + 2 + KEYFILE_ID_SIZE, SIGN_SIZE);
	memcpy(both + SIGN_SIZE, trusted, trusted_len);
	sign_detached(both, SIGN_SIZE + trusted_len, &key, global);
	sign_wipe(&key, sizeof key);
	int r = buffer_put_text(b, "untrusted comment: signature of an ITM officer\n");
	if (r == 0)
		r = seal_base64_put(b, raw, sizeof raw);
	if (r == 0)
		r = buffer_printf(b, "\n%s%s\n", trusted_word, trusted);
	if (r == 0)
		r = seal_base64_put(b, global, sizeof global);
	if (r == 0)
		r = buffer_put_u8(b, '\n');
	if (r != 0)
		b->len = before;
	return r;
}

struct lines { const char *at[4]; size_t len[4]; };

static int split(const char *text, size_t len, struct lines *out)
{
	for (int i = 0; i < 4; i++) {
		const char *end = len > 0 ? memchr(text, '\n', len) : NULL;
		if (end == NULL && (i < 3 || len == 0))
			return ITM_EFORMAT;
		out->at[i] = text;
		out->len[i] = end != NULL ? (size_t)(end - text) : len;
		size_t step = out->len[i] + (end != NULL);
		text += step;
		len -= step;
	}
	return len == 0 ? 0 : ITM_EFORMAT;
}

int minisign_verify(const struct keyfile_public *officer, const void *data, size_t len,
		    const char *signature, size_t signature_len, char trusted[MINISIGN_COMMENT_MAX],
		    struct fault *fault)
{
	uint8_t raw[RAW_SIZE], global[SIGN_SIZE], hash[PREHASH_SIZE], both[SIGN_SIZE + MINISIGN_COMMENT_MAX];
	const size_t word = sizeof trusted_word - 1;
	const uint8_t *one = raw + 2 + KEYFILE_ID_SIZE;
	struct lines l;

	if (signature_len > MINISIGN_MAX || split(signature, signature_len, &l) != 0 ||
	    seal_base64_get(l.at[1], l.len[1], raw, sizeof raw) != 0 ||
	    seal_base64_get(l.at[3], l.len[3], global, sizeof global) != 0 ||
	    l.len[2] < word || memcmp(l.at[2], trusted_word, word) != 0 ||
	    l.len[2] - word >= MINISIGN_COMMENT_MAX || memchr(l.at[2], '\0', l.len[2]) != NULL)
		return error_fault(fault, ITM_EFORMAT, 0, "not a signature of minisign's form");
	bool hashed = memcmp(raw, "ED", 2) == 0;
	if (!hashed && memcmp(raw, "Ed", 2) != 0)
		return error_fault(fault, ITM_EVERSION, 0, "a signature of an unknown kind");
	if (memcmp(raw + 2, officer->id, KEYFILE_ID_SIZE) != 0)
		return error_fault(fault, ITM_ENOENT, 0, "signed by another key");
	size_t comment = l.len[2] - word;
	memcpy(both, one, SIGN_SIZE);
	memcpy(both + SIGN_SIZE, l.at[2] + word, comment);
	if (hashed)
		seal_blake2b(data, len, NULL, 0, NULL, 0, hash, sizeof hash);
	if (sign_verify(hashed ? hash : data, hashed ? sizeof hash : len, officer->key, one) != 0 ||
	    sign_verify(both, SIGN_SIZE + comment, officer->key, global) != 0)
		return error_fault(fault, ITM_ECRYPTO, 0, "the signature is wrong");
	if (trusted != NULL) {
		memcpy(trusted, l.at[2] + word, comment);
		trusted[comment] = '\0';
	}
	return 0;
}
