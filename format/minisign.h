/* minisign: signatures of files in the form of minisign(1), which can check
 * them: a comment line, base64 of "ED", key id 8 and the Ed25519 signature of
 * the file's BLAKE2b-512; a trusted comment line, and base64 of the signature
 * of the first signature and that comment.  "Ed" (the file itself is signed)
 * is read as well. */
#ifndef ITM_FORMAT_MINISIGN_H
#define ITM_FORMAT_MINISIGN_H

#include "format/keyfile.h"

enum { MINISIGN_MAX = 4096, MINISIGN_COMMENT_MAX = 1024 /* bytes, with NUL */ };

/* Appends the signature file.  trusted: one line that is signed, too. */
int minisign_sign(struct buffer *b, const struct keyfile_secret *officer, const void *data, size_t len,
		  const char *trusted);
/* 0; trusted (may be NULL) gets the comment.  ITM_EFORMAT, ITM_ENOENT (made by
 * another key), ITM_ECRYPTO (wrong). */
int minisign_verify(const struct keyfile_public *officer, const void *data, size_t len,
		    const char *signature, size_t signature_len, char trusted[MINISIGN_COMMENT_MAX],
		    struct fault *fault);

#endif
