/* nsswitch: the passwd line of nsswitch.conf(5): who answers for users, and
 * the line with "itm" put first or taken out. */
#ifndef ITM_CLI_NSSWITCH_H
#define ITM_CLI_NSSWITCH_H

#include <stddef.h>

#include "base/buffer.h"

/* Where "itm" stands among the sources: 0 = first, 1 = second ..., -1 = it
 * does not; ITM_ENOENT: there is no passwd line. */
enum { NSSWITCH_ABSENT = -1, NSSWITCH_NO_LINE = -2 };
int nsswitch_position(const char *text);

/* The name of the source before "itm" or, without one, the first; "" = none. */
void nsswitch_first(const char *text, char *out, size_t size);

/* Append text with "itm" as the first source, or without it; every other
 * byte stays.  0, ITM_ENOENT (no passwd line), ITM_ENOMEM, ITM_ELIMIT. */
int nsswitch_add(const char *text, struct buffer *out);
int nsswitch_remove(const char *text, struct buffer *out);

#endif
