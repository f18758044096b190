/* report: what itm status shows of the process monitor.  The file is opened
 * while that is allowed and written in place, since the sandbox opens none. */
#ifndef ITM_AGENT_WATCHD_REPORT_H
#define ITM_AGENT_WATCHD_REPORT_H

#include "agent/watchd/probe.h"

enum { REPORT_SIZE = 1024 }; /* bytes of the file, always: what is left over is line ends */

struct report {
	int fd, statm;           /* owned; -1 = could not be opened (said once) */
	char boot[32];
};

/* Makes run/watchd/status. */
void report_open(struct report *r, const char *run);
/* refused: why nothing better is watched, "" = nothing is better. */
void report_publish(const struct report *r, const struct probe_totals *t, const char *level, const char *refused);
uint64_t report_sum(const uint64_t per_type[PROBE_TYPES]);

#endif
