/* masking: the one place that decides what of typed bytes is recorded.
 *
 * Until keystrokes can be sealed none of their content is kept: at a no-echo
 * line prompt (ECHO off, ICANON on) they become one RECORD_MASKED with their
 * number, held back until the line ends so that their timing says nothing;
 * anything else is counted and timed as it comes. */
#ifndef ITM_SHELL_RECORDER_MASKING_H
#define ITM_SHELL_RECORDER_MASKING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <termios.h>

#include "format/record.h"

enum { MASKING_EVENTS_MAX = 2 };

struct masking {
	uint64_t held;     /* bytes of a masked line that is not over */
	uint32_t state;    /* code of the last TTYSTATE */
};

struct masking_event { enum record_kind kind; uint64_t code; };

/* Code of RECORD_TTYSTATE for these local modes (termios c_lflag). */
uint32_t masking_state(tcflag_t local_modes);
/* Whether bytes typed in this state must not be seen by anyone. */
bool masking_hides(uint32_t state);

/* Bytes were typed while the inner terminal was in state.  Returns how many
 * events to record, at most MASKING_EVENTS_MAX. */
size_t masking_typed(struct masking *m, uint32_t state, const uint8_t *data, size_t len,
		     struct masking_event out[MASKING_EVENTS_MAX]);
/* The state was seen to be this one without typing, or the session ends
 * (state 0).  As above. */
size_t masking_observe(struct masking *m, uint32_t state, struct masking_event out[MASKING_EVENTS_MAX]);

#endif
