/* tsa: time stamps of RFC 3161 on the log's checkpoints, by openssl(1): who
 * asks and who checks runs `openssl ts`; we know nothing of ASN.1. */
#ifndef ITM_CLI_TSA_H
#define ITM_CLI_TSA_H

#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "format/verify.h"

enum { TSA_WORDS_SIZE = 512, TSA_QUERY_MAX = 4096 /* bytes */ };

/* Can stamps be checked here, with this CA file?  0; ITM_ENOENT openssl is not
 * here; ITM_EINVAL; words. */
int tsa_ready(const char *ca, char words[TSA_WORDS_SIZE]);
/* Appends the query for these bytes (SHA-256, a nonce, the authority's
 * certificates are asked for).  0; ITM_ENOENT openssl is not here; ITM_E* and
 * words. */
int tsa_query(const void *data, size_t len, struct buffer *query, char words[TSA_WORDS_SIZE]);
/* Is the response a stamp on these bytes, by an authority whose certificate
 * was good when it stamped, under the CA certificates in the file?  Revocation
 * is not asked for.  0 and *at, s since 1970; ITM_ENOENT openssl is not here,
 * ITM_ECRYPTO it is not; ITM_E*; words. */
int tsa_check(const void *data, size_t len, const struct buffer *response, const char *ca, int64_t *at,
	      char words[TSA_WORDS_SIZE]);
/* The time in what `openssl ts -reply -token_in -text` says: s since 1970, or
 * ITM_EFORMAT. */
int64_t tsa_time(const char *text);

/* For verify_trust.stamped: stamps in a log's folder, or one in memory. */
struct tsa_stamps {
	const char *ca;
	char log[4096];                  /* "" = none */
	struct buffer note, response;    /* of a bundle; empty = none */
	uint64_t size;                   /* what was asked last, and the answer */
	int64_t at;
	char words[TSA_WORDS_SIZE];      /* why the last stamp that was there is not good; "" = it was */
};
void tsa_stamps_init(struct tsa_stamps *s, const char *ca);
void tsa_stamps_free(struct tsa_stamps *s);
/* When the authority stamped this note; 0 = it did not.  context: tsa_stamps. */
int64_t tsa_stamps_at(void *context, uint64_t size, const void *note, size_t len);

#endif
