#include "cli/enabling.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "cli/agentask.h"
#include "cli/inspect.h"
#include "cli/nsswitch.h"
#include "cli/pamedit.h"
#include "cli/sshdrop.h"
#include "cli/wayin.h"

static_assert(sizeof ((struct settings_agent *)0)->record == ENABLING_WHO_SIZE, "lists are merged in place");

static const char nsswitch[] = "/etc/nsswitch.conf";

__attribute__((format(printf, 3, 4)))
static int fail(struct enabling *e, int code, const char *format, ...)
{
	va_list ap;
	va_start(ap, format);
	vsnprintf(e->error, sizeof e->error, format, ap);
	va_end(ap);
	return code;
}

static bool has_word(const char *list, const char *word)
{
	size_t len = strlen(word);
	for (const char *at = list; (at = strstr(at, word)) != NULL; at += len)
		if ((at == list || at[-1] == ' ') && (at[len] == ' ' || at[len] == '\0'))
			return true;
	return false;
}

static int add_word(char list[ENABLING_WHO_SIZE], const char *word)
{
	size_t len = strlen(list);
	if (has_word(list, word))
		return 0;
	int n = snprintf(list + len, ENABLING_WHO_SIZE - len, "%s%s", len > 0 ? " " : "", word);
	if (n > 0 && (size_t)n < ENABLING_WHO_SIZE - len)
		return 0;
	list[len] = '\0';
	return ITM_ELIMIT;
}

/* Adds the words of text, split at blanks and commas. */
static int add_words(struct enabling *e, char list[ENABLING_WHO_SIZE], const char *text)
{
	char word[128];
	for (size_t len; *(text += strspn(text, " ,\t")) != '\0'; text += len) {
		len = strcspn(text, " ,\t\n#");
		if (len == 0) /* a comment of logins.conf, or an operand with a newline */
			return *text == '#' ? 0 : fail(e, ITM_EINVAL, "a name with a newline");
		if (len >= sizeof word)
			return fail(e, ITM_EINVAL, "%.40s...: too long for a name", text);
		snprintf(word, sizeof word, "%.*s", (int)len, text);
		if (strpbrk(word, "=\n#") != NULL || !wayin_known(e->machine, word))
			return fail(e, ITM_EINVAL, "there is no %s %s in this machine's own files", word[0] == '@' ? "group" : "user", word);
		if (add_word(list, word) != 0)
			return fail(e, ITM_ELIMIT, "too many names");
	}
	return 0;
}

/* "key = words" lines of logins.conf as it is. */
static int add_lines(struct enabling *e, const char *text)
{
	char line[ENABLING_WHO_SIZE];
	int r = 0;
	while (r == 0 && *text != '\0') {
		size_t len = strcspn(text, "\n");
		snprintf(line, sizeof line, "%.*s", (int)len, text);
		const char *key = line + strspn(line, " \t"), *words = strchr(key, '=');
		if (words != NULL && strncmp(key, "record", 6) == 0)
			r = add_words(e, e->record, words + 1);
		else if (words != NULL && strncmp(key, "strict", 6) == 0)
			r = add_words(e, e->strict, words + 1);
		else if (words != NULL && strncmp(key, "break_glass", 11) == 0)
			r = add_words(e, e->break_glass, words + 1);
		text += len + (text[len] == '\n');
	}
	return r;
}

static int describe_settings(const struct enabling *e, struct buffer *b)
{
	int r = buffer_put_text(b, "# Written by itm enable; itm disable takes it away.\n");
	if (r == 0 && e->record[0] != '\0')
		r = buffer_printf(b, "record = %s\n", e->record);
	if (r == 0 && e->strict[0] != '\0')
		r = buffer_printf(b, "strict = %s\n", e->strict);
	if (r == 0 && e->break_glass[0] != '\0')
		r = buffer_printf(b, "break_glass = %s\n", e->break_glass);
	return r;
}

/* The lists of agent.conf with ours added; a name twice is a name once, since
 * logins.conf may be in them already. */
static int merge(char list[ENABLING_WHO_SIZE], const char *words)
{
	char word[128];
	int r = 0;
	for (size_t len; r == 0 && *(words += strspn(words, " ")) != '\0'; words += len) {
		len = strcspn(words, " ");
		r = (size_t)snprintf(word, sizeof word, "%.*s", (int)len, words) < sizeof word ? add_word(list, word) : ITM_ELIMIT;
	}
	return r;
}

int enabling_plan(struct enabling *e, char *const *who, size_t count)
{
	char path[PATH_MAX], old[PATH_MAX], error[CONFIG_ERROR_SIZE];
	char given[3][ENABLING_WHO_SIZE];
	struct buffer b;
	int r = changes_load(&e->changes, e->machine);
	e->again = r == 0 && e->changes.done;
	if (r != 0 && r != ITM_ENOENT)
		return fail(e, r, CHANGES_FOLDER "/manifest: %s", error_text(r));
	snprintf(given[0], sizeof given[0], "%s", e->strict);
	snprintf(given[1], sizeof given[1], "%s", e->break_glass);
	e->strict[0] = e->break_glass[0] = e->record[0] = '\0';
	machine_path(e->machine, e->agent_conf, path);
	snprintf(old, sizeof old, "%s", ENABLING_SETTINGS);
	buffer_init(&b, MACHINE_FILE_MAX);
	r = machine_read(e->machine, old, &b);
	if (r == 0)
		r = buffer_text(&b) != NULL ? add_lines(e, (const char *)b.data) : ITM_ENOMEM;
	buffer_free(&b);
	if (r != 0 && r != ITM_ENOENT)
		return e->error[0] != '\0' ? r : fail(e, r, "%s: %s", old, error_text(r));
	for (size_t i = 0; i < count; i++)
		if ((r = add_words(e, e->record, who[i])) != 0)
			return r;
	if ((r = add_words(e, e->strict, given[0])) != 0 || (r = add_words(e, e->break_glass, given[1])) != 0)
		return r;
	r = settings_read_agent(path, &e->settings, error);
	if (r != 0)
		return fail(e, r, "%s", error);
	if (merge(e->settings.record, e->record) != 0 || merge(e->settings.strict, e->strict) != 0 ||
	    merge(e->settings.break_glass, e->break_glass) != 0)
		return fail(e, ITM_ELIMIT, "too many names");
	return 0;
}

void enabling_check(struct enabling *e, struct checks *c)
{
	const struct machine *m = e->machine;
	struct userlist list = { 0 };
	char shell[INSPECT_SHELL_SIZE];
	wayin_check(m, &e->settings, c);
	inspect_programs(m, c);
	inspect_modules(m, c);
	inspect_stacks(m, e->again, c);
	inspect_nsswitch(m, e->again, c);
	if (pamedit_how(m) != PAMEDIT_AUTHSELECT && machine_is_link(m, nsswitch))
		checks_add(c, CHECKS_WRONG, "nsswitch.conf", "is a link: something else keeps it, and would undo the change");
	if (inspect_account(m, "root", shell) != 0)
		checks_add(c, CHECKS_WRONG, "look-up", "root can't be looked up even now");
	if (e->sshd)
		sshdrop_check(m, c);
	if (machine_is_here(m) && wayin_accounts(m, &e->settings, &list) == 0)
		agentask_check(&e->settings, &(struct userlist){ 0 }, c);
	userlist_free(&list);
}

static int keep(struct enabling *e, enum changes_kind kind, const char *path)
{
	int r = changes_keep(&e->changes, kind, path);
	return r == 0 ? 0 : fail(e, r, "%s: %s", path, r == ITM_EPERM ? "is a link, so something else keeps it" : error_text(r));
}

static int step_keep(struct enabling *e)
{
	size_t known = e->changes.count;
	int r = 0;
	if (!e->again) {
		changes_init(&e->changes, e->machine);
		r = pamedit_keep(&e->changes, e->error);
		if (r == 0 && pamedit_how(e->machine) != PAMEDIT_AUTHSELECT)
			r = keep(e, CHANGES_NSSWITCH, nsswitch);
	}
	if (r == 0)
		r = changes_keep_folder(&e->changes, "/etc/itm/agent.conf.d");
	if (r == 0)
		r = keep(e, CHANGES_OWN, ENABLING_SETTINGS);
	if (r == 0 && e->sshd)
		r = keep(e, CHANGES_OWN, ENABLING_SSHD);
	/* When it was on before, a crash from here on must not switch it off. */
	if (r == 0)
		r = !e->again ? changes_begin(&e->changes) : e->changes.count > known ? changes_finish(&e->changes) : 0;
	if (r != 0 && e->error[0] == '\0')
		fail(e, r, CHANGES_FOLDER " can't be written: %s", error_text(r));
	return r;
}

static int step_settings(struct enabling *e)
{
	struct buffer b;
	buffer_init(&b, MACHINE_FILE_MAX);
	int r = describe_settings(e, &b);
	if (r == 0)
		r = changes_mkdir(&e->changes, "/etc/itm/agent.conf.d", 0755);
	if (r == 0)
		r = changes_write(&e->changes, ENABLING_SETTINGS, b.data, b.len);
	buffer_free(&b);
	return r == 0 ? 0 : fail(e, r, "%s can't be written: %s", ENABLING_SETTINGS, error_text(r));
}

/* The users file names everybody before anything reads it. */
static int step_agent(struct enabling *e)
{
	enum { RELOAD_MS = 5000 };
	struct userlist list = { 0 };
	if (!machine_is_here(e->machine))
		return 0;
	int r = wayin_accounts(e->machine, &e->settings, &list);
	if (r == 0)
		r = agentask_reload(&e->settings);
	if (r == 0)
		r = agentask_wait(&e->settings, &list, RELOAD_MS);
	userlist_free(&list);
	return r == 0 ? 0 : fail(e, r, r == ITM_ENOENT ? "itm-agentd does not run" :
				 "the agent did not take the new settings over: see its log");
}

static int step_pam(struct enabling *e)
{
	return e->again ? 0 : pamedit_add(&e->changes, e->error);
}

static int step_nsswitch(struct enabling *e)
{
	struct buffer in, out;
	if (e->again || pamedit_how(e->machine) == PAMEDIT_AUTHSELECT)
		return 0;
	buffer_init(&in, MACHINE_FILE_MAX);
	buffer_init(&out, MACHINE_FILE_MAX);
	int r = machine_read(e->machine, nsswitch, &in);
	const char *text = r == 0 ? buffer_text(&in) : NULL;
	if (text != NULL && nsswitch_position(text) > 0) {
		/* Asked too late: taken from where it is. */
		struct buffer without;
		buffer_init(&without, MACHINE_FILE_MAX);
		r = nsswitch_remove(text, &without);
		if (r == 0)
			r = nsswitch_add(buffer_text(&without), &out);
		buffer_free(&without);
	} else if (text != NULL && nsswitch_position(text) == 0) {
		r = buffer_put_text(&out, text);
	} else if (r == 0) {
		r = text != NULL ? nsswitch_add(text, &out) : ITM_ENOMEM;
	}
	if (r == 0)
		r = changes_write(&e->changes, nsswitch, out.data, out.len);
	buffer_free(&in);
	buffer_free(&out);
	return r == 0 ? 0 : fail(e, r, "%s can't be changed: %s", nsswitch, error_text(r));
}

static int step_sshd(struct enabling *e)
{
	return e->sshd ? sshdrop_put(&e->changes, &e->settings, e->refuse_forwarding, e->error) : 0;
}

/* Caches answer with the shell of before until they are told. */
static void empty_caches(const struct machine *m)
{
	static const char *const nscd[] = { "/usr/sbin/nscd", NULL }, *const sssd[] = { "/usr/sbin/sss_cache", NULL };
	struct stat st;
	const char *const forget[] = { machine_first(m, nscd), "-i", "passwd", NULL };
	const char *const expire[] = { machine_first(m, sssd), "-U", NULL };
	if (forget[0] != NULL && machine_stat(m, "/run/nscd/socket", &st) == 0)
		(void)m->run(m, forget, NULL);
	if (expire[0] != NULL)
		(void)m->run(m, expire, NULL);
}

/* Looks users up as a login would, in a fresh process. */
static int step_verify(struct enabling *e)
{
	struct userlist list = { 0 };
	char shell[INSPECT_SHELL_SIZE];
	empty_caches(e->machine);
	int r = inspect_account(e->machine, "root", shell);
	if (r != 0)
		return fail(e, r, "root can't be looked up any more (%s)", error_text(r));
	if (!machine_is_here(e->machine))
		return 0;
	r = wayin_accounts(e->machine, &e->settings, &list);
	for (size_t i = 0; r == 0 && i < list.count; i++) {
		r = inspect_account(e->machine, list.entry[i].name, shell);
		if (r == 0 && strcmp(shell, INSPECT_STUB) != 0)
			r = ITM_EFORMAT;
		if (r != 0)
			fail(e, r, "%s is not given itm-shell (%.200s)", list.entry[i].name, r == ITM_EFORMAT ? shell : error_text(r));
	}
	userlist_free(&list);
	return r;
}

static int step_finish(struct enabling *e)
{
	int r = changes_finish(&e->changes);
	return r == 0 ? 0 : fail(e, r, CHANGES_FOLDER " can't be written: %s", error_text(r));
}

/* A second enabling goes back to what the first one left. */
struct earlier { struct buffer settings, sshd; bool had_sshd; };

static int remember(struct enabling *e, struct earlier *was)
{
	buffer_init(&was->settings, MACHINE_FILE_MAX);
	buffer_init(&was->sshd, MACHINE_FILE_MAX);
	int r = e->again ? machine_read(e->machine, ENABLING_SETTINGS, &was->settings) : 0;
	int s = e->again ? machine_read(e->machine, ENABLING_SSHD, &was->sshd) : 0;
	was->had_sshd = s == 0;
	return r == ITM_ENOENT ? 0 : r;
}

static int go_back(struct enabling *e, const struct earlier *was)
{
	int r = 0;
	if (!e->again) {
		r = changes_undo(&e->changes);
	} else {
		r = changes_write(&e->changes, ENABLING_SETTINGS, was->settings.data, was->settings.len);
		if (r == 0 && e->sshd)
			r = was->had_sshd ? changes_write(&e->changes, ENABLING_SSHD, was->sshd.data, was->sshd.len)
				: machine_remove(e->machine, ENABLING_SSHD);
		if (r == 0)
			r = changes_finish(&e->changes);
	}
	empty_caches(e->machine);
	if (machine_is_here(e->machine))
		(void)agentask_reload(&e->settings);
	return r;
}

int enabling_apply(struct enabling *e)
{
	static int (*const steps[])(struct enabling *) = {
		step_keep, step_settings, step_agent, step_pam, step_nsswitch, step_sshd, step_verify, step_finish,
	};
	struct earlier was;
	size_t len;
	int r = remember(e, &was);
	for (size_t i = 0; r == 0 && i < sizeof steps / sizeof steps[0]; i++)
		r = steps[i](e);
	if (r != 0) {
		if (e->error[0] == '\0')
			fail(e, r, "%s", error_text(r));
		int back = go_back(e, &was);
		len = strlen(e->error);
		if (back != 0)
			snprintf(e->error + len, sizeof e->error - len, "; and not everything could be put back (%s): run 'itm disable'",
				 error_text(back));
	}
	buffer_free(&was.settings);
	buffer_free(&was.sshd);
	return r;
}

int enabling_recover(const struct machine *m, char error[ENABLING_WORDS_SIZE])
{
	struct changes c;
	int r = changes_load(&c, m);
	if (r == ITM_ENOENT || (r == 0 && c.done))
		return 0;
	if (r == 0)
		r = changes_undo(&c);
	if (r != 0)
		snprintf(error, ENABLING_WORDS_SIZE, CHANGES_FOLDER ": %s", error_text(r));
	return r == 0 ? 1 : r;
}
