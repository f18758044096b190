/* finder: counts how often a text stands on a screen and in what scrolled off
 * it; the count rises when the text is shown anew. */
#ifndef ITM_REPLAY_FINDER_H
#define ITM_REPLAY_FINDER_H

#include <stdint.h>

#include "base/buffer.h"
#include "terminal/vt.h"

struct finder {
	char query[128];        /* letters A-Z in small ones */
	struct buffer text;     /* of the screen */
	struct buffer line;     /* a line on its way off, until it ends */
	uint64_t scrolled;      /* times it stood on lines that have gone */
};

void finder_init(struct finder *f);
void finder_free(struct finder *f);
void finder_set(struct finder *f, const char *query);
/* From the emulator's line event. */
void finder_line(struct finder *f, const struct vt_cell *cells, unsigned columns, bool wrapped);
/* Times on the screen and on lines gone so far. */
uint64_t finder_count(struct finder *f, const struct vt *v);

#endif
