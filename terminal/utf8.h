/* utf8: one character to bytes and back (RFC 3629). */
#ifndef ITM_TERMINAL_UTF8_H
#define ITM_TERMINAL_UTF8_H

#include <stddef.h>
#include <stdint.h>

/* Returns the number of bytes written, 1 to 4; what is no character becomes
 * U+FFFD. */
unsigned utf8_encode(uint32_t rune, uint8_t out[4]);
/* The character at the start of data (len > 0).  Returns its length, or 0
 * when it is not UTF-8 (overlong, surrogate, too large, cut short). */
unsigned utf8_decode(const uint8_t *data, size_t len, uint32_t *rune);

#endif
