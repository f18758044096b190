/* login: the logins that pam_itm announced, each bound to the process that
 * opened it (pid and start time) for as long as that lives. */
#ifndef ITM_AGENT_BROKERD_LOGIN_H
#define ITM_AGENT_BROKERD_LOGIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/id.h"
#include "local/control.h"
#include "local/loop.h"
#include "local/message.h"

enum { LOGIN_MAX = 4096 }; /* at once */

struct monitor;
struct login_table {
	struct login *first;
	size_t count;
	struct loop *loop;
	struct control *control;
	const struct monitor *monitor;   /* ties a job's processes to its login; NULL = none */
	struct events *events;           /* told of each; NULL = nobody */
};

struct login {
	struct login *next;
	struct login_table *table;
	struct id id;
	uint64_t start;                  /* of the opener */
	int pidfd;                       /* of the opener, owned */
	struct loop_watch watch;
	struct message_login says;
	uint64_t opened_ns;              /* boot clock */
	uint32_t shells;                 /* asked for under it */
	bool recalled;                   /* from before our restart: some shells may have gone by unseen */
};

void login_init(struct login_table *t, struct loop *loop, struct control *control);
/* The same opener and service again is the same login.  Takes pidfd.
 * 0, ITM_ELIMIT, ITM_ENOMEM, ITM_ESYS. */
int login_announce(struct login_table *t, const struct message_login *m, uint64_t start, int pidfd);
/* A shell was asked for under this login. */
void login_shell(struct login_table *t, const struct id *id);
void login_end(struct login_table *t, const struct message_login *m, uint64_t start);
const struct login *login_find(const struct login_table *t, pid_t pid, uint64_t start);
/* What the supervisor kept under "login-..."; takes pidfd. */
int login_recall(struct login_table *t, const void *blob, size_t len, int pidfd);
void login_store_all(const struct login_table *t);
void login_close(struct login_table *t);

#endif
