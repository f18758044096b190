/* masking: the one place that decides what of typed bytes is recorded.
 *
 * Until keystrokes can be sealed none of their content is kept: at a no-echo
 * line prompt (ECHO off, ICANON on) they become one RECORD_MASKED with their
 * number, held back until the line ends so that their timing says nothing;
 * anything else is counted and timed as it comes.
 *
 * Programs that read key by key (ECHO and ICANON off: sudo with feedback,
 * pinentry, mysql's cousins) look like any editor.  Second signal: the output
 * ends in what asks for a secret, in some of the languages people work in;
 * then what is typed counts as masked until Enter, or until the terminal
 * echoes again. */
#ifndef ITM_SHELL_RECORDER_MASKING_H
#define ITM_SHELL_RECORDER_MASKING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <termios.h>

#include "format/record.h"

enum {
	MASKING_EVENTS_MAX = 2,
	MASKING_TAIL = 256,        /* bytes of output that are remembered, without escape sequences */
};

struct masking {
	uint64_t held;     /* bytes of a masked line that is not over */
	uint32_t state;    /* code of the last TTYSTATE */
	bool asked;        /* typing answers a prompt for a secret */
	char tail[MASKING_TAIL];
	size_t tail_len;
	uint8_t escape;    /* inside an escape sequence of the output: which kind */
};

struct masking_event { enum record_kind kind; uint64_t code; };

/* Code of RECORD_TTYSTATE for these local modes (termios c_lflag). */
uint32_t masking_state(tcflag_t local_modes);
/* Whether bytes typed in this state must not be seen by anyone. */
bool masking_hides(uint32_t state);

/* Output was shown.  Only its end is looked at. */
void masking_shown(struct masking *m, const uint8_t *data, size_t len);
/* Whether text, the end of the output, asks for a secret. */
bool masking_prompts(const char *text, size_t len);

/* Bytes were typed while the inner terminal was in state.  Returns how many
 * events to record, at most MASKING_EVENTS_MAX. */
size_t masking_typed(struct masking *m, uint32_t state, const uint8_t *data, size_t len,
		     struct masking_event out[MASKING_EVENTS_MAX]);
/* The state was seen to be this one without typing, or the session ends
 * (state 0).  As above. */
size_t masking_observe(struct masking *m, uint32_t state, struct masking_event out[MASKING_EVENTS_MAX]);

#endif
