/* bar: the line at the bottom, and the page of keys, as text safe for any
 * terminal. */
#ifndef ITM_REPLAY_BAR_H
#define ITM_REPLAY_BAR_H

#include "base/buffer.h"
#include "itm-replay/player.h"

/* Appends the bar in exactly `columns` columns, no controls in it.  prompt:
 * the query being typed, NULL = none. */
int bar_put(struct buffer *out, const struct player_view *view, const char *prompt, unsigned columns);

/* Line n of the page of keys; NULL after the last. */
const char *bar_help(unsigned n);

/* Appends as much of text (escaped) as fits into columns; returns the columns
 * used, or an error of out. */
int bar_fit(struct buffer *out, const char *text, unsigned columns);

#endif
