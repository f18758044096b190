/* timeline: the whole session as one line: how much was shown when, where
 * commands and alerts stand, and where the viewer is. */
#ifndef ITM_REPLAY_TIMELINE_H
#define ITM_REPLAY_TIMELINE_H

#include "base/buffer.h"
#include "itm-replay/player.h"

/* Appends exactly `columns` columns: blocks, the higher the more was shown;
 * underlined where commands were typed, ! where an alert stands, reversed where
 * the viewer is.  0 or the error of out. */
int timeline_put(struct buffer *out, const struct player_view *view, unsigned columns);

#endif
