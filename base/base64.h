/* base64: RFC 4648 section 4, padded; one value has one encoding. */
#ifndef ITM_BASE_BASE64_H
#define ITM_BASE_BASE64_H

#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"

int base64_put(struct buffer *b, const void *data, size_t len);
/* Exactly len characters into at most size bytes; *out_len is set.  0,
 * ITM_EFORMAT, ITM_ELIMIT. */
int base64_decode(const char *text, size_t len, uint8_t *out, size_t size, size_t *out_len);

#endif
