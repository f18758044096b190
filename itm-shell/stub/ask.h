/* ask: the stub's question to the broker, bounded in time, and what the users
 * file says when there is no answer. */
#ifndef ITM_SHELL_STUB_ASK_H
#define ITM_SHELL_STUB_ASK_H

#include <stdbool.h>
#include <stddef.h>

#include "itm-shell/stub/stub.h"
#include "itm-shell/stub/terminal.h"
#include "local/message.h"

enum {
	ASK_FDS_MAX = 3,
	ASK_TIMEOUT_MS = 1000, /* to be greeted; half of the 2 s a login may wait for nobody, the other is pam_itm's */
};

struct answer {
	int sock;                 /* to the recorder from now on; -1 = none */
	struct message_start start;
	int fds[ASK_FDS_MAX];
	size_t fd_count;
};

/* The broker's answer to TRY.  0, or ITM_E*: there is none. */
int ask_trial(const struct stub_paths *paths, struct message_start *out);
/* Always fills *out: the broker's answer, or what policy says without one. */
void ask_broker(const struct stub_paths *paths, const struct terminal *t, int argc, char **argv,
		struct answer *out);

#endif
