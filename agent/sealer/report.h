/* report: the sealer's status file, key=value lines, at most once a second. */
#ifndef ITM_SEALER_REPORT_H
#define ITM_SEALER_REPORT_H

#include <stdint.h>

#include "agent/sealer/sealer.h"

struct report {
	struct sealer_status last;
	int64_t written_ms;        /* 0 = never */
};
/* Write it when something changed and the last time is a second ago.  Returns
 * ms until it should be called again (large when nothing changed). */
int64_t report_publish(struct report *r, const struct sealer *s, const char *path, int64_t now_ms);

#endif
