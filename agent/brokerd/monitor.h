/* monitor: ties a recorded session's processes to it in the kernel: the process
 * monitor's map, handed to us through the supervisor, takes a pidfd and the
 * session's stream id; children inherit it (agent/watchd/probe.bpf.c).  Sessions
 * that began before there was a map are tied, with their processes, when it
 * comes.  A monitor without a map is told of each session (monitor_line.h). */
#ifndef ITM_AGENT_BROKERD_MONITOR_H
#define ITM_AGENT_BROKERD_MONITOR_H

#include <stdbool.h>
#include <stddef.h>

#include "agent/brokerd/session.h"
#include "base/id.h"
#include "local/control.h"

struct monitor {
	struct loop *loop;
	struct control *control;
	const struct session_table *sessions; /* those that began before there was a map */
	struct loop_watch line;  /* from the process monitor: each of its runs brings a new map */
	int map;                 /* owned; -1 = none */
};

void monitor_init(struct monitor *m, struct loop *loop, struct control *control, const struct session_table *sessions);
void monitor_close(struct monitor *m);
/* What the supervisor kept: the line or the map.  True: descriptors taken. */
bool monitor_kept(struct monitor *m, const char *key, const int *fds, size_t count);
void monitor_store(const struct monitor *m);
/* Before its shell starts.  Without a monitor nothing happens. */
void monitor_tie(const struct monitor *m, const struct session *s);
/* A job of cron or atd: it is no session; its processes carry its login_id. */
void monitor_tie_job(const struct monitor *m, int pidfd, pid_t pid, uint64_t start_ticks, const struct id *login);

#endif
