/* show: what an event does to the screen of the player. */
#ifndef ITM_REPLAY_SHOW_H
#define ITM_REPLAY_SHOW_H

#include <stdbool.h>

#include "itm-replay/typed.h"
#include "store/source.h"
#include "terminal/vt.h"
#include "view/head.h"

/* Metadata goes to head, opened keystrokes to typed. */
void show_event(const struct source_event *event, struct vt *vt, struct head *head, struct typed *typed);
/* Whether somebody who looks on sees that something happened. */
bool show_visible(const struct record_event *e);

#endif
