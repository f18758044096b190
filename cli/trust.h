/* trust: the public keys this machine was given: its own identity, its
 * server's log key. */
#ifndef ITM_CLI_TRUST_H
#define ITM_CLI_TRUST_H

#include <stdbool.h>

#include "format/sign.h"
#include "view/places.h"

/* This host's own identity: its public file, or for root the secret itself. */
bool trust_own_identity(const struct places *places, uint8_t out[SIGN_PUBLIC_SIZE]);
/* The log key of the server that runs here, or the one this host pinned. */
bool trust_log(const struct places *places, uint8_t out[SIGN_PUBLIC_SIZE]);

#endif
