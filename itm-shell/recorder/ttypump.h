/* ttypump: a terminal session: bytes between the outer and the inner terminal,
 * sizes, modes, suspend, end.  Never waits for either side. */
#ifndef ITM_SHELL_RECORDER_TTYPUMP_H
#define ITM_SHELL_RECORDER_TTYPUMP_H

#include <stddef.h>
#include <stdint.h>

#include "itm-shell/recorder/keystrokes.h"
#include "local/recording.h"

struct ttypump_config {
	struct recording *recording;
	struct keystrokes *keystrokes; /* NULL: what is typed is counted */
	int control;             /* socket to the stub */
	int outer;               /* outer terminal, a private non-blocking description */
	int inner;               /* master of the inner terminal, non-blocking */
	const uint8_t *typed_ahead;
	size_t typed_ahead_len;
};

/* Runs the session to its end, whose events are recorded; the last frame is
 * the caller's.  The stub has been told DRAINED.  0 or ITM_ENOMEM. */
int ttypump_run(const struct ttypump_config *config);

#endif
