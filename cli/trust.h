/* trust: the public keys this machine was given: its own identity, its
 * server's log key. */
#ifndef ITM_CLI_TRUST_H
#define ITM_CLI_TRUST_H

#include <stdbool.h>

#include "base/buffer.h"
#include "format/sign.h"
#include "view/places.h"

/* This host's own identity: its public file, or for root the secret itself. */
bool trust_own_identity(const struct places *places, uint8_t out[SIGN_PUBLIC_SIZE]);
/* The log key of the server that runs here, or the one this host pinned. */
bool trust_log(const struct places *places, uint8_t out[SIGN_PUBLIC_SIZE]);

/* Did the officer whose public key is in officer_file sign the file of these
 * bytes?  Its signature is in path.minisig.  0; ITM_ECRYPTO no; ITM_ENOENT,
 * ITM_EFORMAT: that can't be told; words says what. */
enum { TRUST_WORDS_SIZE = 512 };
int trust_officer(const char *officer_file, const char *path, const struct buffer *file, char words[TRUST_WORDS_SIZE]);

#endif
