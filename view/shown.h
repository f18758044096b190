/* shown: the bytes of output events as an export gives them out: what acts on
 * a viewer's terminal is taken out, or, raw, as recorded. */
#ifndef ITM_VIEW_SHOWN_H
#define ITM_VIEW_SHOWN_H

#include <stdbool.h>

#include "format/record.h"
#include "view/head.h"
#include "view/safe.h"

struct shown {
	bool raw;
	bool text;                /* raw: give whole UTF-8 characters, for formats made of text */
	struct safe safe;
	struct buffer plain;      /* what the last event shows */
	uint8_t cut[4];           /* a character whose end is in a later event */
	size_t cut_len;
};

void shown_init(struct shown *s, bool raw, bool text);
void shown_free(struct shown *s);
/* Fills plain, which may stay empty.  A pipe's lines get a terminal's ends
 * unless raw.  0, ITM_ELIMIT or ITM_ENOMEM. */
int shown_put(struct shown *s, const struct head *head, const struct record_event *e);

#endif
