/* sgr: colours and attributes, from the parameters of CSI m and back to them.
 * Source: ECMA-48 8.3.117, ITU T.416 13.1.8 for 38 and 48, xterm's ctlseqs. */
#ifndef ITM_TERMINAL_SGR_H
#define ITM_TERMINAL_SGR_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "terminal/parser.h"

struct sgr {
	uint32_t fg, bg;        /* as in struct vt_cell */
	uint16_t attributes;
};

/* Apply a dispatched CSI m.  Unknown parameters are passed over. */
void sgr_apply(struct sgr *pen, const struct parser *p);
bool sgr_equal(const struct sgr *a, const struct sgr *b);
/* Append the one sequence that sets exactly this pen, whatever was before. */
int sgr_put(struct buffer *out, const struct sgr *pen);

#endif
