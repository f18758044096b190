/* Key lists, key files, signatures and the keys and boxes in session
 * metadata: none of them is believed.  The first byte says which. */
#include <stdlib.h>
#include <string.h>

#include "format/keylist.h"
#include "format/minisign.h"
#include "format/sealed.h"
#include "format/sign.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* What decodes must encode to the same bytes. */
static void try_list(const char *text, size_t len)
{
	struct keylist list;
	struct buffer b;

	if (keylist_decode(text, len, &list, NULL) != 0)
		return;
	buffer_init(&b, KEYLIST_MAX);
	if (keylist_encode(&b, &list) != 0 || b.len != len || memcmp(b.data, text, len) != 0)
		abort();
	buffer_free(&b);
}

/* A recorder takes the metadata for its broker's, an auditor for a host's. */
static void try_metadata(const uint8_t *data, size_t len)
{
	struct keyfile_secret key = { .kind = KEYFILE_AUDITOR };
	struct record_event event = { .kind = RECORD_SEAL, .code = len };
	struct seal_state state;
	struct id id = { { 1 } };
	struct buffer meta;

	memset(key.public_key, 7, sizeof key.public_key);
	struct sealed *s = sealed_new();
	if (s == NULL)
		return;
	if (sealed_add(s, &key) == 0 && sealed_open(s, &id, data, len, NULL) == 0)
		abort(); /* nobody has boxed anything for this key */
	sealed_event(s, &event);
	event = (struct record_event){ .kind = RECORD_IN, .code = len, .data = data, .len = len };
	sealed_event(s, &event);
	if (event.data != NULL)
		abort();
	sealed_free(s);
	buffer_init(&meta, 65536);
	if (buffer_put(&meta, data, len) == 0 && sealed_begin(&meta, &id, &state) != 0 && meta.len != len)
		abort();
	buffer_free(&meta);
}

/* Secret keys locked by a password would take seconds each: none is given. */
static void try_keys(const char *text, size_t len)
{
	struct keyfile_public public_key;
	struct keyfile_secret secret;

	keyfile_get_public(text, len, KEYFILE_OFFICER, &public_key, NULL);
	keyfile_get_public(text, len, KEYFILE_AUDITOR, &public_key, NULL);
	keyfile_get_secret(text, len, NULL, &secret, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	char trusted[MINISIGN_COMMENT_MAX];
	struct keyfile_public officer = { .id = { 1 } };

	if (sign_init() != 0 || len == 0)
		return 0;
	switch (data[0]) {
	case 'L': try_list((const char *)data + 1, len - 1); break;
	case 'M': try_metadata(data + 1, len - 1); break;
	case 'K': try_keys((const char *)data + 1, len - 1); break;
	default:
		if (minisign_verify(&officer, "", 0, (const char *)data + 1, len - 1, trusted, NULL) == 0)
			abort();
	}
	return 0;
}
