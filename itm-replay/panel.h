/* panel: the processes of the session that lived at the playhead, as a column
 * beside the screen. */
#ifndef ITM_REPLAY_PANEL_H
#define ITM_REPLAY_PANEL_H

#include "base/buffer.h"
#include "view/locate.h"

struct panel;
/* places and located are borrowed.  Owned; NULL out of memory. */
struct panel *panel_new(const struct places *places, const struct located *located);
void panel_free(struct panel *p);
/* Read the host's record again.  Takes as long as reading it does. */
void panel_read(struct panel *p);
/* Appends rows lines of exactly `columns` columns, the first at row 1, column
 * `left` (from 1) of the viewer's terminal. */
int panel_put(struct buffer *out, const struct panel *p, int64_t at_wall_ns, unsigned left, unsigned columns,
	      unsigned rows);

#endif
