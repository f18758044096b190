/* scope: whom to record, from agent.conf and the account files, kept current
 * and written out as the users file. */
#ifndef ITM_AGENT_BROKERD_SCOPE_H
#define ITM_AGENT_BROKERD_SCOPE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "agent/brokerd/sealing.h"
#include "local/loop.h"
#include "local/settings.h"
#include "local/userlist.h"

struct scope {
	const char *config_path;
	const char *accounts;            /* folder of passwd and group: /etc */
	struct settings_agent settings;  /* the ones in force */
	struct userlist users;
	struct sealing sealing;
	char host_id[64], hostname[256];
	uid_t recorder_uid;
	gid_t recorder_gid, tty_gid;
	uint64_t changes;                /* counts up with each new list */
	int inotify;
	int64_t due_ms;                  /* a change was seen: read again then; 0 = nothing */
	struct loop_watch watch;
};

/* Reads everything and writes the users file.  0 or ITM_E* (logged). */
int scope_open(struct scope *s, struct loop *loop, const char *config_path, const char *accounts);
/* SIGHUP: all again; what is broken is logged with file:line and the old
 * stays in force. */
void scope_reload(struct scope *s);
/* Account files that changed are read again a moment later.  ms until then,
 * -1 = nothing to do. */
int scope_tick(struct scope *s, int64_t now_ms);
void scope_close(struct scope *s);

/* The account of uid from passwd(5), by name when that name has that uid.
 * 0, ITM_ENOENT, ITM_ESYS. */
struct scope_account { char name[USERS_NAME_SIZE]; char shell[USERS_SHELL_SIZE]; uid_t uid; gid_t gid; };
int scope_account(const struct scope *s, uid_t uid, const char *name, struct scope_account *out);
int scope_account_by_name(const struct scope *s, const char *name, struct scope_account *out);

#endif
