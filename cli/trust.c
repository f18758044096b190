#include "cli/trust.h"

#include <stdio.h>
#include <string.h>

#include "base/atomicfile.h"
#include "format/minisign.h"
#include "view/keyread.h"

bool trust_own_identity(const struct places *places, uint8_t out[SIGN_PUBLIC_SIZE])
{
	static const char ending[] = ".secret";
	const char *name = places->agent.identity_key;
	char path[sizeof(places->agent.identity_key) + sizeof(".public")];
	size_t len = strlen(name), cut = sizeof(ending) - 1;
	struct sign_key key;

	if (len > cut && strcmp(name + len - cut, ending) == 0) {
		snprintf(path, sizeof(path), "%.*s.public", (int)(len - cut), name);
		if (sign_load_public(path, out) == 0)
			return true;
	}
	if (sign_load_secret(name, &key) != 0)
		return false;
	memcpy(out, key.public_key, SIGN_PUBLIC_SIZE);
	sign_wipe(&key, sizeof(key));
	return true;
}

bool trust_log(const struct places *places, uint8_t out[SIGN_PUBLIC_SIZE])
{
	return sign_load_public(places->server.log_public, out) == 0 || sign_load_public(places->agent.log_key, out) == 0;
}

int trust_officer(const char *officer_file, const char *path, const struct buffer *file, char words[TRUST_WORDS_SIZE])
{
	char signature_path[4096], error[KEYREAD_ERROR_SIZE];
	struct keyfile_public officer;
	struct fault fault = { 0, NULL };
	struct buffer signature;
	int r;

	if (keyread_public(officer_file, KEYFILE_OFFICER, &officer, error) != 0) {
		snprintf(words, TRUST_WORDS_SIZE, "%s", error);
		return ITM_EFORMAT;
	}
	snprintf(signature_path, sizeof(signature_path), "%.4000s.minisig", path);
	buffer_init(&signature, MINISIGN_MAX);
	r = atomicfile_read(signature_path, &signature);
	if (r != 0) {
		snprintf(words, TRUST_WORDS_SIZE, "%.300s: the officer's signature can't be read: %.80s", signature_path, error_text(r));
		r = ITM_ENOENT;
	} else if (minisign_verify(&officer, file->data, file->len, (const char *)signature.data, signature.len, NULL, &fault) != 0) {
		snprintf(words, TRUST_WORDS_SIZE, "the officer's signature does not fit: %.200s", fault.reason);
		r = ITM_ECRYPTO;
	}
	buffer_free(&signature);
	return r;
}
