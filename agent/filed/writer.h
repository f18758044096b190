/* writer: who it was that the kernel names, from /proc while it is there. */
#ifndef ITM_AGENT_FILED_WRITER_H
#define ITM_AGENT_FILED_WRITER_H

#include <stddef.h>
#include <stdint.h>

#include "format/activity.h"

enum { WRITER_ARGUMENTS = 1024 };

struct writer {
	int pid;                     /* 0 = nobody known */
	uint64_t start_ns;           /* 0 = it was gone, only the pid is known */
	uint32_t parent, uid, euid, loginuid, audit_session;
	char comm[32], arguments[WRITER_ARGUMENTS];
	size_t arguments_len;
};

/* pidfd tells whether what was read is of that process; -1 = it is gone. */
void writer_read(struct writer *w, int pid, int pidfd);
/* *e borrows from *w. */
void writer_put(const struct writer *w, struct activity_event *e);
/* The fields of /proc/PID/stat; false: not such a line. */
int writer_stat(struct writer *w, const char *text, long ticks_per_s);

#endif
