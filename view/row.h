/* row: a row of the screen as text, so that rows the emulator wrapped can be
 * joined again. */
#ifndef ITM_VIEW_ROW_H
#define ITM_VIEW_ROW_H

#include <stdbool.h>

#include "base/buffer.h"
#include "terminal/vt.h"

/* As text_row; the blanks at the end of a row that goes on in the next stay. */
int row_put(struct buffer *b, const struct vt_cell *cells, unsigned columns, bool wrapped);

#endif
