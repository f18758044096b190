/* typed: the line that is being typed, for the bar, once keystrokes are
 * opened; Enter keeps it until the next key. */
#ifndef ITM_REPLAY_TYPED_H
#define ITM_REPLAY_TYPED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { TYPED_SIZE = 64 }; /* bytes, with NUL; of a longer line the end is kept */

struct typed { char text[TYPED_SIZE]; size_t len; bool ended; };

void typed_add(struct typed *t, const uint8_t *data, size_t len);
void typed_clear(struct typed *t);

#endif
