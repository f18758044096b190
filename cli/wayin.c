#include "cli/wayin.h"

#include <grp.h>
#include <pwd.h>
#include <shadow.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"

static FILE *open_file(const struct machine *m, const char *path)
{
	char full[PATH_MAX];
	return machine_path(m, path, full) == 0 ? fopen(full, "re") : NULL;
}

int wayin_accounts(const struct machine *m, const struct settings_agent *settings, struct userlist *out)
{
	char passwd[PATH_MAX], group[PATH_MAX];
	int r = machine_path(m, "/etc/passwd", passwd);
	if (r == 0)
		r = machine_path(m, "/etc/group", group);
	return r == 0 ? userlist_load(settings, passwd, group, out) : r;
}

bool wayin_known(const struct machine *m, const char *word)
{
	bool is_group = word[0] == '@', known = strcmp(word, "*") == 0;
	FILE *f = known ? NULL : open_file(m, is_group ? "/etc/group" : "/etc/passwd");
	struct passwd *pw;
	struct group *gr;
	while (f != NULL && !known && !is_group && (pw = fgetpwent(f)) != NULL)
		known = strcmp(pw->pw_name, word) == 0;
	while (f != NULL && !known && is_group && (gr = fgetgrent(f)) != NULL)
		known = strcmp(gr->gr_name, word + 1) == 0;
	if (f != NULL)
		fclose(f);
	return known;
}

static const struct users_entry *find(const struct userlist *list, const char *name)
{
	for (size_t i = 0; i < list->count; i++)
		if (strcmp(list->entry[i].name, name) == 0)
			return &list->entry[i];
	return NULL;
}

/* With a password that can be typed, or a key. */
static bool root_may_log_in(const struct machine *m)
{
	struct stat st;
	bool may = machine_stat(m, "/root/.ssh/authorized_keys", &st) == 0 && st.st_size > 0;
	FILE *f = may ? NULL : open_file(m, "/etc/shadow");
	for (struct spwd *sp; f != NULL && !may && (sp = fgetspent(f)) != NULL; )
		may = strcmp(sp->sp_namp, "root") == 0 && sp->sp_pwdp[0] != '!' && sp->sp_pwdp[0] != '*';
	if (f != NULL)
		fclose(f);
	return may;
}

/* A member of sudo, wheel or admin whom a broken agent would let in. */
static bool an_administrator_gets_in(const struct machine *m, const struct userlist *list)
{
	FILE *f = open_file(m, "/etc/group");
	bool found = false;
	for (struct group *gr; f != NULL && !found && (gr = fgetgrent(f)) != NULL; ) {
		if (strcmp(gr->gr_name, "sudo") != 0 && strcmp(gr->gr_name, "wheel") != 0 && strcmp(gr->gr_name, "admin") != 0)
			continue;
		for (char **member = gr->gr_mem; *member != NULL && !found; member++) {
			const struct users_entry *e = find(list, *member);
			found = wayin_known(m, *member) && (e == NULL || e->failure != USERS_STRICT);
		}
	}
	if (f != NULL)
		fclose(f);
	return found;
}

void wayin_check(const struct machine *m, const struct settings_agent *settings, struct checks *c)
{
	struct userlist list;
	size_t strict = 0;
	int r = wayin_accounts(m, settings, &list);
	if (r != 0) {
		checks_add(c, CHECKS_WRONG, "way in", "passwd and group can't be read: %s", error_text(r));
		return;
	}
	for (size_t i = 0; i < list.count; i++) {
		const struct users_entry *e = &list.entry[i];
		strict += e->failure == USERS_STRICT;
		if (e->uid == 0 && e->failure != USERS_BREAK_GLASS)
			checks_add(c, CHECKS_WRONG, "way in", "%s has uid 0 and would be recorded as %s: leave it out, or name it in break_glass",
				   e->name, users_failure_name(e->failure));
	}
	if (list.count == 0)
		checks_add(c, CHECKS_WRONG, "who", "nobody would be recorded: record = %.200s", settings->record);
	else
		checks_add(c, CHECKS_OK, "who", "%zu account%s recorded, %zu strict", list.count, list.count == 1 ? "" : "s", strict);
	if (root_may_log_in(m))
		checks_add(c, CHECKS_OK, "way in", "root can log in by itself");
	else if (an_administrator_gets_in(m, &list))
		checks_add(c, CHECKS_OK, "way in", "an administrator who is not strict can become root");
	else if (strict > 0)
		checks_add(c, CHECKS_WRONG, "way in", "root has no password and no key, and no administrator gets in when recording breaks: name one in break_glass");
	else
		checks_add(c, CHECKS_NOTE, "way in", "root has no password and no key; best-effort accounts get in when recording breaks");
	if (strict > 0 && settings->break_glass[0] == '\0')
		checks_add(c, CHECKS_NOTE, "way in", "no break-glass account is named");
	userlist_free(&list);
}
