/* paint: a screen as ANSI text that is safe to send to any viewer's terminal:
 * printable characters, SGR, cursor moves and nothing else. */
#ifndef ITM_TERMINAL_PAINT_H
#define ITM_TERMINAL_PAINT_H

#include <stddef.h>

#include "base/buffer.h"
#include "terminal/vt.h"

struct paint;
/* A viewer's window of columns x rows at (0,0) of the viewer's terminal. */
struct paint *paint_new(unsigned columns, unsigned rows);
void paint_free(struct paint *p);
/* Appends what turns the last painted screen into this one (everything after
 * paint_invalidate).  left/top scroll a screen larger than the window. */
int paint_update(struct paint *p, const struct vt *v, unsigned left, unsigned top, struct buffer *out);
void paint_invalidate(struct paint *p);

#endif
