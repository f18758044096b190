/* userlist: works out which accounts are recorded, and how each fails, from
 * agent.conf and the passwd and group files, and writes the users file. */
#ifndef ITM_LOCAL_USERLIST_H
#define ITM_LOCAL_USERLIST_H

#include <stddef.h>

#include "local/settings.h"
#include "local/users.h"

enum { USERLIST_MAX = 8192 }; /* accounts; a line is at most 512 bytes, the file 4 MiB */

struct userlist {
	struct users_entry *entry;
	size_t count;
};

/* The accounts that `record` names (users, @groups by primary or further
 * membership, "*" for all), less those whose shell is no login shell
 * (nologin, false, itm-shell itself).  Reads the files directly, never NSS,
 * since NSS would answer with our own overlay.  Each name is looked for in
 * strict, then break_glass; else it is best-effort.  pipe_metadata must name
 * accounts or groups: with "*" there anybody could start an interactive shell
 * whose bytes nobody sees (`ssh host script`), so "*" is refused (ITM_EINVAL,
 * logged).  Names and shells that
 * don't fit the users file are left out and logged.  0 (out is owned),
 * ITM_ESYS, ITM_ENOMEM, ITM_ELIMIT. */
int userlist_load(const struct settings_agent *settings, const char *passwd_path, const char *group_path,
		  struct userlist *out);
void userlist_free(struct userlist *list);

const struct users_entry *userlist_find(const struct userlist *list, uid_t uid);

/* Write the users file, atomically, 0644.  0, ITM_ENOMEM, ITM_ELIMIT, ITM_ESYS. */
int userlist_write(const struct userlist *list, const char *path);

#endif
