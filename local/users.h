/* users: the one small file that says whose shell is replaced; read by
 * libnss_itm, pam_itm and the stub without allocation.
 *
 * Lines "name:uid:real shell:failure", failure one of strict, best-effort,
 * break-glass; first line "# itm users 1".  /var/lib/itm/nss/users, root 0644;
 * its folder is writable by root only.  Written by the broker: userlist.h. */
#ifndef ITM_LOCAL_USERS_H
#define ITM_LOCAL_USERS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum users_failure { USERS_STRICT, USERS_BEST_EFFORT, USERS_BREAK_GLASS };

enum { USERS_NAME_SIZE = 64, USERS_SHELL_SIZE = 256, USERS_FILE_MAX = 4 << 20 /* bytes */ };

struct users_entry {
	char name[USERS_NAME_SIZE];
	uid_t uid;
	char shell[USERS_SHELL_SIZE];
	enum users_failure failure;
	bool metadata_only;  /* pipe mode; known to the broker alone, not in the file */
};

/* Look a user up.  No allocation, no lock, no stdio: safe inside any process
 * that calls getpwnam.  O_NOFOLLOW, owner root, not group- or world-writable,
 * at most 4 MiB, or it is refused.  0, ITM_ENOENT, ITM_EPERM, ITM_EFORMAT
 * (only when the wanted line itself is broken), ITM_ESYS. */
int users_by_name(const char *path, const char *name, struct users_entry *out);
int users_by_uid(const char *path, uid_t uid, struct users_entry *out);

/* One line without its newline.  0 or ITM_EFORMAT. */
int users_decode(const char *line, size_t len, struct users_entry *out);

/* A shell that lets nobody in (nologin, false, ...) or is itm-shell itself,
 * and so is never replaced. */
bool users_no_login(const char *shell);

const char *users_failure_name(enum users_failure failure);

#endif
