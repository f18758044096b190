/* audit_text: the kernel's audit records of one exec (SYSCALL, EXECVE, CWD, up
 * to EOE), as they come one by one and mixed with those of others, put
 * together.  The records are lines of key=value; what a user can choose stands
 * there in quotes, or in hex. */
#ifndef ITM_AGENT_WATCHD_AUDIT_TEXT_H
#define ITM_AGENT_WATCHD_AUDIT_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/watchd/observer.h"
#include "base/buffer.h"

enum { AUDIT_TEXT_OPEN = 16, AUDIT_TEXT_MAX = 16384 }; /* events at once; bytes of a record */

struct audit_text_event {
	uint64_t serial;         /* 0 = a free place */
	uint64_t order;          /* when it was begun */
	int64_t wall_ms;
	bool exec, success;
	int64_t argument;        /* the one whose bytes came last; -1 = none yet */
	struct observer_told told; /* texts point into the buffers */
	struct buffer exe, cwd, comm, arguments;
};

struct audit_text {
	struct audit_text_event open[AUDIT_TEXT_OPEN];
	uint64_t begun;
	uint64_t lost;           /* execs whose end never came, pushed out by others */
};

void audit_text_init(struct audit_text *a);
void audit_text_free(struct audit_text *a);
/* One record: its type (linux/audit.h) and text.  An exec that is complete by
 * it, borrowed until the next call, or NULL. */
const struct audit_text_event *audit_text_add(struct audit_text *a, unsigned type, const char *text, size_t len);

#endif
