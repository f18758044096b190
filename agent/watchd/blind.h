/* blind: whether the kernel's side of the probe still sees.  The kernel counts
 * each process and thread that is begun (proc(5), /proc/stat, "processes"), and
 * so does the probe: where one goes on and the other stands still, somebody
 * has taken it off its hook. */
#ifndef ITM_AGENT_WATCHD_BLIND_H
#define ITM_AGENT_WATCHD_BLIND_H

#include <stdbool.h>
#include <stdint.h>

enum {
	BLIND_FORKS = 32,        /* begun unseen: kernel threads that the probe need not see are fewer in a look */
};

struct blind {
	int stat;                /* /proc/stat, owned; -1 = none */
	uint64_t kernel, seen;   /* at the last look */
	bool known, told;
};

void blind_open(struct blind *b);
/* The kernel's count, 0 = unknown. */
uint64_t blind_kernel(const struct blind *b);
/* True once each time it turns blind: *unseen have begun since the last look. */
bool blind_look(struct blind *b, uint64_t kernel, uint64_t seen, uint64_t *unseen);

#endif
