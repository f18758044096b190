/* connector: the kernel's proc connector (linux/cn_proc.h): the number of each
 * process that forks, runs something or ends.  Only for processes of the first
 * pid and network namespace. */
#ifndef ITM_AGENT_WATCHD_CONNECTOR_H
#define ITM_AGENT_WATCHD_CONNECTOR_H

#include <stddef.h>
#include <stdint.h>

enum connector_what { CONNECTOR_OTHER, CONNECTOR_FORK, CONNECTOR_EXEC, CONNECTOR_EXIT };
struct connector_word {
	enum connector_what what; /* of processes; threads and the rest are OTHER */
	uint32_t pid, child, status;
	uint32_t cpu, sequence;  /* rises by one on each CPU: a hole is a loss */
	uint64_t mono_ns;        /* CLOCK_MONOTONIC */
};

/* One message as it comes from the socket.  0 or ITM_EFORMAT. */
int connector_decode(const void *data, size_t len, struct connector_word *out);

#endif
