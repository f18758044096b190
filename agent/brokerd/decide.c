#include "agent/brokerd/decide.h"

#include <string.h>

#include "base/error.h"
#include "format/meta.h"

enum { ARGV_ROOM = META_MAX - 11 * 1024 }; /* mode, tty, size and up to 32 keys with their boxes come after */

/* Inside a recorded session when the terminal is one of ours, or when going
 * up the parents a session is met before any login: a login in between (su in
 * a screen, sshd started by hand) is a session of its own.  So is a terminal
 * of its own below a command without one: what it shows need not pass through
 * the pipes that are recorded (mosh-server sends it by UDP). */
static bool is_nested(const struct login_table *logins, const struct session_table *sessions,
		      const struct peer *row, size_t count, const struct login **login)
{
	*login = NULL;
	for (size_t i = 0; i < count && *login == NULL; i++) {
		const struct session *s = session_of_process(sessions, &row[i]);
		if (s != NULL && (s->pty || row[0].tty == 0))
			return true;
		*login = login_find(logins, row[i].pid, row[i].start);
	}
	return session_of_tty(sessions, row[0].tty) != NULL;
}

static const struct users_entry *find_entry(const struct userlist *users, const struct scope_account *a)
{
	for (size_t i = 0; i < users->count; i++)
		if (users->entry[i].uid == a->uid && strcmp(users->entry[i].name, a->name) == 0)
			return &users->entry[i];
	return userlist_find(users, a->uid);
}

static void deny(struct decide *d, const char *why)
{
	d->verdict = DECIDE_DENY;
	d->why = why;
}

void decide_shell(const struct scope *scope, const struct login_table *logins,
		  const struct session_table *sessions, pid_t pid, uid_t uid, struct decide *out)
{
	struct peer row[PEER_ANCESTRY_MAX];
	struct scope_account caller;
	*out = (struct decide){ .verdict = DECIDE_DIRECT, .caller = (uid_t)-1 };
	size_t count = peer_ancestry(pid, row);
	if (count == 0) {
		deny(out, "the process is gone");
		return;
	}
	out->peer = row[0];
	bool nested = is_nested(logins, sessions, row, count, &out->login);
	const char *name = out->login != NULL ? out->login->says.user : NULL;
	if (scope_account(scope, uid, name, &out->account) != 0) {
		deny(out, "there is no such account on this host");
		return;
	}
	if (out->login != NULL && scope_account_by_name(scope, out->login->says.ruser, &caller) == 0)
		out->caller = caller.uid;
	if (strcmp(out->account.shell, ITM_LIBEXECDIR "/itm-shell") == 0) {
		deny(out, "the account's own shell is not known");
		return;
	}
	const struct users_entry *e = find_entry(&scope->users, &out->account);
	if (nested || e == NULL)
		return;
	out->verdict = DECIDE_RECORD;
	out->failure = e->failure;
	out->metadata_only = e->metadata_only;
}

bool decide_is_login(const struct login_table *logins, const struct session_table *sessions, pid_t pid)
{
	struct peer row[PEER_ANCESTRY_MAX];
	const struct login *login;
	size_t count = peer_ancestry(pid, row);
	return count > 0 && !is_nested(logins, sessions, row, count, &login) && login != NULL && login->shells == 0;
}

bool decide_may_go_unrecorded(enum users_failure failure)
{
	return failure != USERS_STRICT;
}

bool decide_may_pass_shortage(enum users_failure failure)
{
	return failure == USERS_BREAK_GLASS;
}

static int put_login(struct buffer *b, const struct login *l)
{
	char id[ID_TEXT_SIZE];
	const struct { const char *key, *value; } texts[] = {
		{ "service", l->says.service }, { "rhost", l->says.rhost }, { "ruser", l->says.ruser },
		{ "ssh_connection", l->says.ssh_connection }, { "ssh_auth", l->says.ssh_auth },
	};
	id_format(&l->id, id);
	int r = meta_put(b, "login_id", id);
	for (size_t i = 0; r == 0 && i < sizeof texts / sizeof texts[0]; i++)
		if (texts[i].value[0] != '\0')
			r = meta_put(b, texts[i].key, texts[i].value);
	return r;
}

/* As many words as there is room for; a cut list says so. */
static int put_argv(struct buffer *b, const struct message_shell *shell)
{
	for (size_t at = 0; at < shell->argv_len; at += strlen(shell->argv + at) + 1) {
		size_t before = b->len;
		if (meta_put(b, "argv", shell->argv + at) != 0 || b->len > ARGV_ROOM) {
			b->len = before;
			return meta_put(b, "argv_cut", "yes");
		}
	}
	return 0;
}

int decide_describe(const struct decide *d, const struct scope *scope, const struct message_shell *shell,
		    struct buffer *meta)
{
	const struct { const char *key, *value; } texts[] = {
		{ "host", scope->host_id }, { "hostname", scope->hostname }, { "user", d->account.name },
		{ "shell", d->account.shell }, { "term", shell->term },
		{ "pam", d->login != NULL ? "yes" : "no" },
	};
	int r = meta_put_number(meta, "v", 1);
	for (size_t i = 0; r == 0 && i < sizeof texts / sizeof texts[0]; i++)
		r = meta_put(meta, texts[i].key, texts[i].value);
	if (r == 0)
		r = meta_put_number(meta, "uid", d->account.uid);
	if (r == 0)
		r = meta_put_number(meta, "loginuid", peer_number(d->peer.pid, "loginuid"));
	if (r == 0)
		r = meta_put_number(meta, "audit_session", peer_number(d->peer.pid, "sessionid"));
	if (r == 0 && d->login != NULL)
		r = put_login(meta, d->login);
	return r == 0 ? put_argv(meta, shell) : r;
}
