/* keyring: what itm key does with officers' and auditors' keys and the key
 * list: each function is one of its words and returns the exit status. */
#ifndef ITM_CLI_KEYRING_H
#define ITM_CLI_KEYRING_H

#include <stdbool.h>
#include <stdint.h>

#include "view/places.h"

struct keyring_options {
	const char *key;                  /* officer's secret key */
	const char *officer;              /* officer's public key; NULL: the pinned one */
	const char *list, *group, *note;
	const char *reason, *approval;    /* destroy */
	uint64_t days;
	bool password, json;
};

/* kind: "officer" or "auditor"; makes FILE.key and FILE.pub, over nothing. */
int keyring_generate(const struct keyring_options *o, const char *kind, const char *file);
int keyring_sign(const struct keyring_options *o, const char *file);
int keyring_verify(const struct keyring_options *o, const struct places *places, const char *file);
/* A key file or, with NULL, the key list in force. */
int keyring_show(const struct keyring_options *o, const char *file);
int keyring_list(const struct keyring_options *o, const struct places *places);
/* New lists, numbered one higher, signed.  public_key NULL: remove. */
int keyring_add(const struct keyring_options *o, const struct places *places, const char *name, const char *public_key);
int keyring_replace(const struct keyring_options *o, const struct places *places, const char *name,
		    const char *public_key);

#endif
