/* dictionary: what zstd is told before a stream's first byte, so that a short
 * session is stored as small as a long one: typical terminal output, and
 * typical control data.  Number 1 of each, for good: a reader of version 1
 * needs exactly these bytes.  Made by dictionary.py, from texts of our own. */
#ifndef ITM_FORMAT_DICTIONARY_H
#define ITM_FORMAT_DICTIONARY_H

#include <stddef.h>
#include <stdint.h>

struct dictionary { const uint8_t *data; size_t len; };
extern const struct dictionary dictionary_out, dictionary_ctl;

#endif
