/* probe: the kernel's word on what runs: each exec, fork, exit, outbound
 * connection and listening socket of the host, with the recorded session it
 * belongs to.  The only door to libbpf.
 *
 * Opening needs root (CAP_BPF, CAP_PERFMON, CAP_SYS_RESOURCE) and may be
 * refused: no BTF, lockdown, an old kernel (before 5.17), a container.  After
 * it nothing here calls bpf(2), so that the caller can drop it. */
#ifndef ITM_AGENT_WATCHD_PROBE_H
#define ITM_AGENT_WATCHD_PROBE_H

#include <stddef.h>
#include <stdint.h>

#include "agent/watchd/probe_event.h"

enum { PROBE_RING_DEFAULT = 8 << 20, PROBE_ERROR_SIZE = 200 };

struct probe_totals {
	uint64_t made[PROBE_TYPES], dropped[PROBE_TYPES]; /* by the kernel's side */
	uint64_t received[PROBE_TYPES];                   /* by ours */
	uint64_t missed;         /* programs that did not run: recursion (bpf_prog_info) */
	uint64_t holes;          /* numbers that never came, beyond what was dropped */
	uint64_t sessions_lost;  /* forks whose child lost its session */
};

struct probe;
/* ring_bytes: a power of two, at least a page.  sessions: the map of a probe
 * before this one, so that nobody's session is forgotten, or -1; borrowed.  0, or ITM_ESYS with words why. */
int probe_open(uint32_t ring_bytes, int sessions, struct probe **out, char error[PROBE_ERROR_SIZE]);
void probe_close(struct probe *p);
int probe_fd(const struct probe *p);          /* to poll(2) on; look every 50 ms all the same */
/* Hand out all that is there.  The record is good during the call only. */
void probe_read(struct probe *p, void (*event)(void *context, const struct probe_head *head), void *context);
void probe_totals(const struct probe *p, struct probe_totals *out);
/* The map that ties a process (by pidfd) to a session; borrowed. */
int probe_session_map(const struct probe *p);

#endif
