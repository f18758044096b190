/* commands: the lines that were typed at prompts (terminal/prompt.h), for
 * exports that have markers and the player. */
#ifndef ITM_VIEW_COMMANDS_H
#define ITM_VIEW_COMMANDS_H

#include "format/record.h"
#include "terminal/lines.h"
#include "view/head.h"

struct commands {
	struct lines *lines;    /* NULL before the first output */
	struct buffer found;    /* what the last call found: for each its time, its words and \n */
	int error;
};

void commands_init(struct commands *c);
void commands_free(struct commands *c);
/* Looks at an event.  0, ITM_ELIMIT or ITM_ENOMEM. */
int commands_take(struct commands *c, const struct head *head, const struct record_event *e);
/* The end of the session: what was still waiting for its exit status. */
int commands_finish(struct commands *c);
/* The next of found, from *at on, moved behind it: words without control
 * characters, and when it was accepted, which is before the event that told of
 * it; false: no more. */
bool commands_next(const struct commands *c, size_t *at, uint64_t *time_ms, const uint8_t **text, size_t *len);

#endif
