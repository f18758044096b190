#include "local/userlist.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/atomicfile.h"
#include "base/buffer.h"
#include "base/error.h"
#include "base/log.h"

/* Groups that agent.conf names, with what the group file says of them: found
 * once, so that each account is matched without reading the file again. */
enum { GROUPS_MAX = 128 };
struct named_group { const char *name; size_t len; gid_t gid; bool found; char **members; };
struct groups { struct named_group group[GROUPS_MAX]; size_t count; };

/* The next word of a space-separated list, or NULL. */
static const char *next_word(const char **at, size_t *len)
{
	const char *s = *at + strspn(*at, " \t");
	*len = strcspn(s, " \t");
	*at = s + *len;
	return *len > 0 ? s : NULL;
}

static struct named_group *find_group(struct groups *g, const char *name, size_t len)
{
	for (size_t i = 0; i < g->count; i++)
		if (g->group[i].len == len && memcmp(g->group[i].name, name, len) == 0)
			return &g->group[i];
	return NULL;
}

static bool names_everybody(const char *list)
{
	size_t len;
	for (const char *word; (word = next_word(&list, &len)) != NULL; )
		if (len == 1 && word[0] == '*')
			return true;
	return false;
}

static int collect_groups(struct groups *g, const char *list)
{
	size_t len;
	for (const char *word; (word = next_word(&list, &len)) != NULL; ) {
		if (word[0] != '@' || find_group(g, word + 1, len - 1) != NULL)
			continue;
		if (g->count == GROUPS_MAX)
			return ITM_ELIMIT;
		g->group[g->count++] = (struct named_group){ .name = word + 1, .len = len - 1 };
	}
	return 0;
}

static void free_members(char **members)
{
	for (size_t i = 0; members != NULL && members[i] != NULL; i++)
		free(members[i]);
	free(members);
}

static char **copy_members(char *const *from)
{
	size_t n = 0;
	while (from[n] != NULL)
		n++;
	char **copy = calloc(n + 1, sizeof *copy);
	for (size_t i = 0; copy != NULL && i < n; i++)
		if ((copy[i] = strdup(from[i])) == NULL) {
			free_members(copy);
			return NULL;
		}
	return copy;
}

static int read_groups(struct groups *g, const char *path)
{
	FILE *f = fopen(path, "re");
	if (f == NULL)
		return ITM_ESYS;
	int result = 0;
	for (struct group *gr; result == 0 && (gr = fgetgrent(f)) != NULL; ) {
		struct named_group *named = find_group(g, gr->gr_name, strlen(gr->gr_name));
		if (named == NULL || named->found)
			continue;
		named->found = true;
		named->gid = gr->gr_gid;
		named->members = copy_members(gr->gr_mem);
		if (named->members == NULL)
			result = ITM_ENOMEM;
	}
	fclose(f);
	return result;
}

static bool in_group(const struct named_group *g, const struct passwd *pw)
{
	if (g == NULL || !g->found)
		return false;
	if (g->gid == pw->pw_gid)
		return true;
	for (size_t i = 0; g->members[i] != NULL; i++)
		if (strcmp(g->members[i], pw->pw_name) == 0)
			return true;
	return false;
}

static bool listed(const char *list, struct groups *g, const struct passwd *pw)
{
	size_t len;
	for (const char *word; (word = next_word(&list, &len)) != NULL; ) {
		if (len == 1 && word[0] == '*')
			return true;
		if (word[0] == '@' ? in_group(find_group(g, word + 1, len - 1), pw)
				   : strlen(pw->pw_name) == len && memcmp(word, pw->pw_name, len) == 0)
			return true;
	}
	return false;
}

/* An empty shell in passwd(5) means /bin/sh. */
static int make_entry(const struct settings_agent *settings, struct groups *g, const struct passwd *pw,
		      struct users_entry *out)
{
	const char *shell = pw->pw_shell[0] != '\0' ? pw->pw_shell : "/bin/sh";
	const char *failure = listed(settings->strict, g, pw) ? users_failure_name(USERS_STRICT)
		: listed(settings->break_glass, g, pw) ? users_failure_name(USERS_BREAK_GLASS)
		: users_failure_name(USERS_BEST_EFFORT);
	char line[512];
	int n = snprintf(line, sizeof line, "%s:%lu:%s:%s", pw->pw_name, (unsigned long)pw->pw_uid, shell, failure);
	if (n < 0 || (size_t)n >= sizeof line)
		return ITM_EFORMAT;
	return users_decode(line, (size_t)n, out);
}

static int append(struct userlist *list, const struct users_entry *e)
{
	if (list->count == USERLIST_MAX)
		return ITM_ELIMIT;
	if ((list->count & (list->count - 1)) == 0) { /* grows at powers of two */
		size_t size = list->count != 0 ? list->count * 2 : 1;
		struct users_entry *more = reallocarray(list->entry, size, sizeof *more);
		if (more == NULL)
			return ITM_ENOMEM;
		list->entry = more;
	}
	list->entry[list->count++] = *e;
	return 0;
}

static int read_accounts(const struct settings_agent *settings, struct groups *g, const char *path,
			 struct userlist *list)
{
	FILE *f = fopen(path, "re");
	if (f == NULL)
		return ITM_ESYS;
	int result = 0;
	for (struct passwd *pw; result == 0 && (pw = fgetpwent(f)) != NULL; ) {
		struct users_entry e;
		if (!listed(settings->record, g, pw) || users_no_login(pw->pw_shell))
			continue;
		if (make_entry(settings, g, pw, &e) != 0) {
			log_error("account %s can't be recorded: its name, uid or shell is unusual", pw->pw_name);
			continue;
		}
		e.metadata_only = listed(settings->pipe_metadata, g, pw);
		result = append(list, &e);
	}
	fclose(f);
	return result;
}

int userlist_load(const struct settings_agent *settings, const char *passwd_path, const char *group_path,
		  struct userlist *out)
{
	struct groups groups = { 0 };
	struct userlist list = { 0 };
	int result = names_everybody(settings->pipe_metadata) ? ITM_EINVAL : collect_groups(&groups, settings->record);
	if (result == ITM_EINVAL)
		log_error("pipe_metadata: name accounts or groups; \"*\" is not taken");
	if (result == 0)
		result = collect_groups(&groups, settings->strict);
	if (result == 0)
		result = collect_groups(&groups, settings->break_glass);
	if (result == 0)
		result = collect_groups(&groups, settings->pipe_metadata);
	if (result == 0 && groups.count > 0)
		result = read_groups(&groups, group_path);
	if (result == 0)
		result = read_accounts(settings, &groups, passwd_path, &list);
	for (size_t i = 0; i < groups.count; i++)
		free_members(groups.group[i].members);
	if (result == 0)
		*out = list;
	else
		userlist_free(&list);
	return result;
}

void userlist_free(struct userlist *list)
{
	free(list->entry);
	*list = (struct userlist){ 0 };
}

const struct users_entry *userlist_find(const struct userlist *list, uid_t uid)
{
	for (size_t i = 0; i < list->count; i++)
		if (list->entry[i].uid == uid)
			return &list->entry[i];
	return NULL;
}

int userlist_write(const struct userlist *list, const char *path)
{
	struct buffer b;
	buffer_init(&b, USERS_FILE_MAX);
	int result = buffer_put_text(&b, "# itm users 1\n");
	for (size_t i = 0; result == 0 && i < list->count; i++) {
		const struct users_entry *e = &list->entry[i];
		result = buffer_printf(&b, "%s:%lu:%s:%s\n", e->name, (unsigned long)e->uid, e->shell,
				       users_failure_name(e->failure));
	}
	if (result == 0)
		result = atomicfile_write(path, b.data, b.len, 0644);
	buffer_free(&b);
	return result;
}
