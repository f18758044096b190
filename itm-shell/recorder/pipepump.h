/* pipepump: a command without a terminal: stdin, stdout and stderr pass apart
 * and unchanged; their first bytes are recorded, all are counted and hashed.
 * Where a program transfers files, each file is told and hashed instead
 * (transfer.h). */
#ifndef ITM_SHELL_RECORDER_PIPEPUMP_H
#define ITM_SHELL_RECORDER_PIPEPUMP_H

#include <stdint.h>

#include "local/recording.h"

enum { PIPEPUMP_STREAMS = 3 }; /* stdin, stdout, stderr */

struct pipepump_config {
	struct recording *recording;
	int control;                    /* socket to the stub */
	int outer[PIPEPUMP_STREAMS];    /* takes: each is closed when its stream ends; all -1: metadata only */
	int inner[PIPEPUMP_STREAMS];    /* takes: write end of stdin, read ends of the others */
	int ask;                        /* socket to the broker: which program runs; -1 = none */
	uint64_t limit_bytes;           /* of each of stdout and stderr that is recorded */
};

/* Runs until both outputs end, also after the stub has gone.  0 or ITM_ENOMEM. */
int pipepump_run(const struct pipepump_config *config);

#endif
