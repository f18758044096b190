/* request: the connections of pam_itm and of stubs, all at once, each with
 * its own deadline, none able to hold up another. */
#ifndef ITM_AGENT_BROKERD_REQUEST_H
#define ITM_AGENT_BROKERD_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/brokerd/login.h"
#include "agent/brokerd/monitor.h"
#include "agent/brokerd/scope.h"
#include "agent/brokerd/session.h"
#include "local/control.h"
#include "local/loop.h"
#include "local/message.h"

enum request_kind { REQUEST_PAM, REQUEST_SHELL };

struct request_listener {
	struct request_table *table;
	enum request_kind kind;
	int fd;                  /* owned; -1 = not there yet */
	struct loop_watch watch;
};

struct request_table {
	struct request *first;   /* newest first */
	size_t count;
	struct request_listener listener[2]; /* by kind */
	struct loop *loop;
	struct control *control;
	struct scope *scope;
	struct login_table *logins;
	struct session_table *sessions;
	const struct monitor *monitor; /* NULL = none (tests) */
	struct events *events;       /* NULL = nobody is told */
	const char *stub, *recorder; /* programs */
	uint64_t served, refused, unrecorded;
	int64_t refused_since_ms;
	unsigned refused_lines;  /* since then */
	int64_t deaf_until_ms;   /* out of descriptors or at the limit: not accepting before then; 0 = accepting */
	uint8_t packet[MESSAGE_MAX];
	struct message_shell shell;  /* the one being looked at */
};

void request_init(struct request_table *t);
/* Listen on fd (takes it).  0 or ITM_ESYS. */
int request_listen(struct request_table *t, enum request_kind kind, int fd);
/* The sealer's end for a stream has its other end here; takes fd. */
void request_paired(struct request_table *t, const char *key, int fd);
/* A new supervisor: ask again for what is still wanted. */
void request_renewed(struct request_table *t);
/* Ends what is over its time.  ms until the next is, -1 = none. */
int request_tick(struct request_table *t, int64_t now_ms);
void request_close(struct request_table *t);

#endif
