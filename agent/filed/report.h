/* report: what itm status shows of the watcher of files. */
#ifndef ITM_AGENT_FILED_REPORT_H
#define ITM_AGENT_FILED_REPORT_H

#include <stdint.h>

struct report {
	int fd, statm;           /* owned; -1 = could not be opened (said once) */
	char boot[32];
};

struct report_facts {
	uint64_t watched, polled, folders, left_out; /* files of which so many have no mark; places beyond limits */
	uint64_t received, told, overflows, lost;
	const char *refusal;     /* why the kernel tells nothing; NULL = it does */
};

/* Makes run/filed/status, while we are root. */
void report_open(struct report *r, const char *run);
void report_publish(const struct report *r, const struct report_facts *f);

#endif
