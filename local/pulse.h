/* pulse: whether a child under supervision still answers.  It is asked again
 * and again over its control socket; silence is counted in questions, not in
 * time, so that a supervisor that did not run itself accuses nobody. */
#ifndef ITM_LOCAL_PULSE_H
#define ITM_LOCAL_PULSE_H

#include <stddef.h>
#include <stdint.h>

#include "local/ward.h"

enum {
	PULSE_SILENT = 4,           /* questions without an answer: it is stopped, frozen or hangs */
	PULSE_HOPELESS = 12,        /* it is killed and started anew */
};

/* Ask when it is time.  Returns when to look again (monotonic ms).  *silent:
 * how many questions have no answer; 0 when none was asked now. */
int64_t pulse_drive(struct ward *w, int64_t now_ms, int64_t every_ms, unsigned *silent);
/* What the kernel says of a process: "stopped", "traced", "frozen", "dead" ...
 * and where it waits, in words. */
void pulse_describe(pid_t pid, char *out, size_t size);

#endif
