/* probe: the kernel's word on what runs: each exec, fork, exit, outbound
 * connection and listening socket of the host, with the recorded session it
 * belongs to.  The only door to libbpf.
 *
 * Opening needs root (CAP_BPF, CAP_PERFMON, CAP_SYS_RESOURCE) and may be
 * refused: no BTF, lockdown, an old kernel (before 5.17), a container.  After
 * it nothing here calls bpf(2), so that the caller can drop it. */
#ifndef ITM_AGENT_WATCHD_PROBE_H
#define ITM_AGENT_WATCHD_PROBE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/watchd/probe_event.h"

enum { PROBE_RING_DEFAULT = 8 << 20, PROBE_ERROR_SIZE = 200, PROBE_SNAPSHOT_MAX = 32 << 20 };

struct probe_totals {
	uint64_t made[PROBE_TYPES], dropped[PROBE_TYPES]; /* by the kernel's side */
	uint64_t received[PROBE_TYPES];                   /* by ours */
	uint64_t missed;         /* programs that did not run: recursion (bpf_prog_info) */
	uint64_t missing;        /* made, neither received nor dropped: taken from the ring before us */
	uint64_t strange;        /* what lay in the ring and is no record, or an old one */
	uint64_t begun;          /* processes and threads whose fork was seen */
	bool unhooked;           /* a program of ours is on its hook no more */
	uint64_t sessions_lost;  /* forks whose child lost its session */
};

struct probe;
/* ring_bytes: a power of two, at least a page.  sessions: the map of a probe
 * before this one, so that nobody's session is forgotten, or -1; borrowed.  0, or ITM_ESYS with words why. */
int probe_open(uint32_t ring_bytes, int sessions, struct probe **out, char error[PROBE_ERROR_SIZE]);
void probe_close(struct probe *p);
int probe_fd(const struct probe *p);          /* to poll(2) on; look every 50 ms all the same */
/* The record is good during the call only.  False: read no more now. */
typedef bool probe_event(void *context, const struct probe_head *head);
/* Hand out all that is there.  False: event wanted no more. */
bool probe_read(struct probe *p, probe_event *event, void *context);
/* Hand out a PROBE_SEEN for each process that is there, before rights are
 * dropped, once.  0, ITM_ESYS, ITM_ENOMEM, ITM_ELIMIT (PROBE_SNAPSHOT_MAX). */
int probe_snapshot(struct probe *p, probe_event *event, void *context);
/* What is missing shows in the next call after two whole reads. */
void probe_totals(struct probe *p, struct probe_totals *out);
/* The map that ties a process (by pidfd) to a session; borrowed. */
int probe_session_map(const struct probe *p);

#endif
