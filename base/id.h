/* id: the 128-bit random names of hosts, streams and logins, printed in
 * Crockford base32 (26 characters, no I L O U). */
#ifndef ITM_BASE_ID_H
#define ITM_BASE_ID_H

#include <stdbool.h>
#include <stdint.h>

enum { ID_SIZE = 16, ID_TEXT_SIZE = 27 }; /* bytes; text with its NUL */

struct id { uint8_t bytes[ID_SIZE]; };

/* getrandom(2); aborts when the kernel has no randomness to give. */
struct id id_random(void);
void id_format(const struct id *id, char out[ID_TEXT_SIZE]);
/* 0 or ITM_EFORMAT.  Lower case, and I L O for 1 1 0, are taken as
 * Crockford says; anything else, or a wrong length, is refused. */
int id_parse(const char *text, struct id *out);
bool id_equal(const struct id *a, const struct id *b);
bool id_is_zero(const struct id *id);

#endif
