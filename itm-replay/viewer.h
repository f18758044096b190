/* viewer: the player on the viewer's terminal: raw mode, painting, keys,
 * signals; the terminal is given back as it was, whatever ends us. */
#ifndef ITM_REPLAY_VIEWER_H
#define ITM_REPLAY_VIEWER_H

#include "itm-replay/panel.h"
#include "itm-replay/player.h"

/* Until the viewer leaves.  panel: NULL = no process list.  0; ITM_ESYS
 * (errno: no terminal); or, when a signal ended it, that signal's number. */
int viewer_run(struct player *player, struct panel *panel);

#endif
