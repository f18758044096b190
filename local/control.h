/* control: a child's line to its supervisor, which keeps descriptors for it,
 * pairs its streams with the sealer, and may die and come back. */
#ifndef ITM_LOCAL_CONTROL_H
#define ITM_LOCAL_CONTROL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "local/loop.h"
#include "local/supervisor.h"

struct control_calls {
	/* Something kept from before our restart; takes the descriptors. */
	void (*kept)(void *context, const struct supervisor_message *m, int *fds, size_t count);
	/* The answer to control_pair; takes fd. */
	void (*paired)(void *context, const char *key, int fd);
	/* A new supervisor: store everything, ask for pairs again. */
	void (*renewed)(void *context);
	void (*stop)(void *context);
};

struct control {
	struct loop *loop;
	struct loop_watch watch;
	int sock;                /* owned; -1 = no supervisor now */
	bool alone;              /* run without one, for tests */
	const char *name;        /* what the supervisor calls us; borrowed */
	char path[256];          /* where a new one listens */
	int64_t retry_ms;        /* when to offer ourselves again */
	const struct control_calls *calls;
	void *context;
};

/* Takes what is kept for us (until BEGIN, at most 5 s) from descriptor 3.
 * name: what the supervisor calls us.  alone: no supervisor; nothing is kept.  0, ITM_ESYS, ITM_ETIMEOUT. */
int control_open(struct control *c, struct loop *loop, const char *name, bool alone, const char *path,
		 const struct control_calls *calls, void *context);
void control_ready(struct control *c);
/* Silent while there is no supervisor: renewed() does it all again. */
void control_store(struct control *c, const char *key, const void *blob, size_t len, const int *fds, size_t count);
void control_remove(struct control *c, const char *key);
/* target: the name of the other child, as "sealer". */
void control_pair(struct control *c, const char *target, const char *key, const void *blob, size_t len);
/* Offer ourselves when it is time.  Returns ms until then, -1 = nothing to do. */
int control_tick(struct control *c, int64_t now_ms);

#endif
