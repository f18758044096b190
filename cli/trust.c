#include "cli/trust.h"

#include <stdio.h>
#include <string.h>

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
