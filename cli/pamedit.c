#include "cli/pamedit.h"

#include <dirent.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "cli/nsswitch.h"
#include "cli/pamstack.h"

#ifndef ITM_DATADIR
#define ITM_DATADIR "/usr/share"
#endif

#define MODULE "pam_itm.so"
#define RULE "[success=ok ignore=ignore module_unknown=ignore default=bad] " MODULE
#define MARK "# Added by itm enable, taken out by itm disable: announces logins to the ITM agent.\n"

static const char profile_source[] = ITM_DATADIR "/itm/pam-configs/itm";
static const char profile[] = "/usr/share/pam-configs/itm";
static const char custom[] = "/etc/authselect/custom/itm";
static const char authselect_folder[] = "/etc/authselect", authselect_copies[] = "/var/lib/authselect";
static const char *const update_programs[] = { "/usr/sbin/pam-auth-update", NULL };
static const char *const authselect_programs[] = { "/usr/bin/authselect", "/bin/authselect", NULL };
/* Session stacks that a login goes through. */
static const char *const services[] = { "sshd", "login", "su", "su-l", NULL };
static const char *const shared_files[] = { "/etc/pam.d/common-session", "/etc/pam.d/system-auth",
					     "/etc/pam.d/password-auth", NULL };
static const char *const update_files[] = {
	"/etc/pam.d/common-account", "/etc/pam.d/common-auth", "/etc/pam.d/common-password",
	"/etc/pam.d/common-session", "/etc/pam.d/common-session-noninteractive", NULL
};
static const char *const update_state[] = {
	"/var/lib/pam/account", "/var/lib/pam/auth", "/var/lib/pam/password", "/var/lib/pam/session",
	"/var/lib/pam/session-noninteractive", "/var/lib/pam/seen", NULL
};

__attribute__((format(printf, 3, 4)))
static int fail(char *error, int code, const char *format, ...)
{
	va_list ap;
	va_start(ap, format);
	vsnprintf(error, PAMEDIT_ERROR_SIZE, format, ap);
	va_end(ap);
	return code;
}

static bool is_file(const struct machine *m, const char *path)
{
	struct stat st;
	return machine_stat(m, path, &st) == 0 && S_ISREG(st.st_mode);
}

enum pamedit_how pamedit_how(const struct machine *m)
{
	if (machine_first(m, authselect_programs) != NULL && is_file(m, "/etc/authselect/authselect.conf"))
		return PAMEDIT_AUTHSELECT;
	if (machine_first(m, update_programs) != NULL && is_file(m, "/etc/pam.d/common-session"))
		return PAMEDIT_UPDATE;
	return PAMEDIT_DIRECT;
}

const char *pamedit_how_name(enum pamedit_how how)
{
	static const char *const names[] = { "pam-auth-update", "authselect", "direct" };
	return names[how];
}

/* Runs a tool; what it said goes into error when it fails. */
static int run_tool(const struct machine *m, const char *const *argv, struct buffer *out, char *error)
{
	struct buffer said;
	buffer_init(&said, 64 * 1024);
	int status = machine_run(m, argv, &said);
	const char *text = buffer_text(&said);
	if (text == NULL)
		text = "";
	if (status == 0 && out != NULL)
		status = buffer_put_text(out, text);
	else if (status != 0)
		fail(error, 0, "%s failed: %.*s", argv[0], (int)strcspn(text, "\n"),
		     *text != '\0' ? text : status < 0 ? error_text(status) : "no word why");
	buffer_free(&said);
	return status > 0 ? ITM_EPERM : status;
}

/* "authselect PROFILE FEATURE..." as argv; words is cut into them. */
static size_t split(char *words, const char **argv, size_t room)
{
	size_t n = 0;
	for (char *at = words; n < room; n++) {
		at += strspn(at, " \t\n");
		if (*at == '\0')
			break;
		argv[n] = at;
		at += strcspn(at, " \t\n");
		if (*at != '\0')
			*at++ = '\0';
	}
	return n;
}

static int keep(struct changes *c, enum changes_kind kind, const char *path, char *error)
{
	int r = changes_keep(c, kind, path);
	return r == 0 ? 0 : fail(error, r, "%s: %s", path,
				 r == ITM_EPERM ? "is a link, so something else keeps it" : error_text(r));
}

/* Keeps what is in a folder; under another name when `as` is given. */
static int keep_folder(struct changes *c, enum changes_kind kind, const char *folder, const char *as, char *error)
{
	char full[PATH_MAX], path[PATH_MAX];
	machine_path(c->machine, folder, full);
	DIR *d = opendir(full);
	int r = 0;
	if (d == NULL)
		return fail(error, ITM_ESYS, "%s can't be read: %s", folder, error_text(ITM_ESYS));
	for (struct dirent *e; r == 0 && (e = readdir(d)) != NULL; ) {
		snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
		if (e->d_name[0] == '.' || !is_file(c->machine, path))
			continue;
		snprintf(path, sizeof path, "%s/%s", as != NULL ? as : folder, e->d_name);
		r = keep(c, kind, path, error);
	}
	closedir(d);
	return r;
}

static int keep_authselect(struct changes *c, char *error)
{
	const char *const argv[] = { machine_first(c->machine, authselect_programs), "current", "--raw", NULL };
	static const char *const homes[] = { "/usr/share/authselect/default", "/usr/share/authselect/vendor",
					     "/etc/authselect", NULL };
	char folder[PATH_MAX];
	struct buffer out;
	struct stat st;
	size_t i = 0;
	buffer_init(&out, 4096);
	int r = run_tool(c->machine, argv, &out, error);
	const char *current = r == 0 ? buffer_text(&out) : NULL;
	if (current != NULL)
		snprintf(c->how, sizeof c->how, "authselect %.*s", (int)strcspn(current, "\n"), current);
	buffer_free(&out);
	if (r == 0 && strstr(c->how, " with-custom-passwd") != NULL)
		r = fail(error, ITM_EPERM, "the feature with-custom-passwd takes the passwd line from %s/user-nsswitch.conf, "
			 "not from a profile: put itm first there by hand, or give the feature up", authselect_folder);
	const char *base = c->how + strcspn(c->how, " ");
	base += strspn(base, " ");
	int len = (int)strcspn(base, " ");
	if (r != 0 || len == 0)
		return r != 0 ? r : fail(error, ITM_EFORMAT, "authselect names no profile");
	do
		snprintf(folder, sizeof folder, "%s/%.*s", homes[i], len, base);
	while (machine_stat(c->machine, folder, &st) != 0 && homes[++i] != NULL);
	if (homes[i] == NULL)
		return fail(error, ITM_ENOENT, "the authselect profile %.*s has no folder", len, base);
	if (machine_stat(c->machine, custom, &st) == 0)
		return fail(error, ITM_EBUSY, "%s is there already: remove it", custom);
	r = changes_keep_folder(c, custom);
	if (r == 0)
		r = keep_folder(c, CHANGES_STATE, authselect_folder, NULL, error);
	/* With what it wrote last, to know whether somebody changed it since. */
	if (r == 0 && machine_stat(c->machine, authselect_copies, &st) == 0)
		r = keep_folder(c, CHANGES_STATE, authselect_copies, NULL, error);
	return r == 0 ? keep_folder(c, CHANGES_OWN, folder, custom, error) : r;
}

int pamedit_keep(struct changes *c, char error[PAMEDIT_ERROR_SIZE])
{
	enum pamedit_how how = pamedit_how(c->machine);
	char path[PATH_MAX];
	int r = 0;
	snprintf(c->how, sizeof c->how, "%s", pamedit_how_name(how));
	if (how == PAMEDIT_AUTHSELECT)
		r = keep_authselect(c, error);
	for (size_t i = 0; r == 0 && how == PAMEDIT_UPDATE && update_files[i] != NULL; i++)
		r = keep(c, CHANGES_PAM, update_files[i], error);
	for (size_t i = 0; r == 0 && how == PAMEDIT_UPDATE && update_state[i] != NULL; i++)
		r = keep(c, CHANGES_STATE, update_state[i], error);
	if (r == 0 && how == PAMEDIT_UPDATE)
		r = keep(c, CHANGES_OWN, profile, error);
	for (size_t i = 0; r == 0 && how == PAMEDIT_DIRECT && shared_files[i] != NULL; i++)
		if (is_file(c->machine, shared_files[i]))
			r = keep(c, CHANGES_PAM, shared_files[i], error);
	for (size_t i = 0; r == 0 && services[i] != NULL; i++) {
		snprintf(path, sizeof path, "/etc/pam.d/%s", services[i]);
		if (is_file(c->machine, path) && !machine_is_link(c->machine, path))
			r = keep(c, CHANGES_PAM, path, error);
	}
	return r;
}

int pamedit_append(const char *text, struct buffer *out)
{
	size_t len = strlen(text);
	int r = buffer_put(out, text, len);
	if (r == 0 && len > 0 && text[len - 1] != '\n')
		r = buffer_put_u8(out, '\n');
	return r == 0 ? buffer_put_text(out, MARK "session\t" RULE "\n") : r;
}

/* Whether a rule of a line is one of type session, and its jump reaches over
 * `distance` rules: 1 = the next one. */
static bool jumps_over(const char *line, size_t len, unsigned distance)
{
	const char *open = memchr(line, '[', len), *close = open != NULL ? memchr(open, ']', len - (size_t)(open - line)) : NULL;
	for (const char *at = open; close != NULL && (at = memchr(at, '=', (size_t)(close - at))) != NULL; at++)
		if (strtoul(at + 1, NULL, 10) >= distance)
			return true;
	return false;
}

static bool is_session_rule(const char *line, size_t len)
{
	size_t blank = strspn(line, " \t-");
	return len > blank + 7 && strncmp(line + blank, "session", 7) == 0 && strchr(" \t", line[blank + 7]) != NULL;
}

/* Does a rule before `line` of this file jump over it? */
static bool is_jumped_over(const char *text, const char *line)
{
	unsigned distance = 1;
	for (const char *at = line; at > text; ) {
		const char *end = at - 1, *start = end;
		while (start > text && start[-1] != '\n')
			start--;
		size_t len = (size_t)(end - start);
		if (is_session_rule(start, len)) {
			if (jumps_over(start, len, distance))
				return true;
			distance++;
		}
		at = start;
	}
	return false;
}

int pamedit_strip(const char *text, struct buffer *out)
{
	int r = 0;
	for (const char *line = text; r == 0 && *line != '\0'; ) {
		size_t len = strcspn(line, "\n"), whole = len + (line[len] == '\n');
		const char *found = memmem(line, len, MODULE, sizeof MODULE - 1);
		bool ours = found != NULL && line[strspn(line, " \t")] != '#';
		if (whole == sizeof MARK - 1 && memcmp(line, MARK, whole) == 0)
			ours = true;
		else if (ours && is_jumped_over(text, line))
			r = buffer_put_text(out, "session\toptional\tpam_permit.so\n");
		if (!ours && r == 0)
			r = buffer_put(out, line, whole);
		line += whole;
	}
	return r;
}

static bool has_module(const struct machine *m, const char *service)
{
	char error[PAMSTACK_ERROR_SIZE];
	struct pamstack s;
	if (pamstack_load(m, service, "session", &s, error) != 0)
		return false;
	bool found = pamstack_find(&s, MODULE).place != PAMSTACK_ABSENT;
	pamstack_free(&s);
	return found;
}

/* Rewrites a kept file by one of the two functions above. */
static int rewrite(const struct changes *c, const char *path, int (*edit)(const char *, struct buffer *), char *error)
{
	struct buffer in, out;
	buffer_init(&in, MACHINE_FILE_MAX);
	buffer_init(&out, MACHINE_FILE_MAX);
	int r = machine_read(c->machine, path, &in);
	if (r == 0)
		r = buffer_text(&in) != NULL ? edit((const char *)in.data, &out) : ITM_ENOMEM;
	if (r == 0)
		r = changes_write(c, path, out.data, out.len);
	buffer_free(&in);
	buffer_free(&out);
	return r == 0 ? 0 : fail(error, r, "%s can't be changed: %s", path, error_text(r));
}

static int add_by_update(const struct changes *c, char *error)
{
	const struct machine *m = c->machine;
	const char *const argv[] = { machine_first(m, update_programs), "--enable", "itm", NULL };
	struct buffer b;
	buffer_init(&b, MACHINE_FILE_MAX);
	int r = machine_read(m, profile_source, &b);
	if (r != 0)
		fail(error, r, "%s can't be read: %s", profile_source, error_text(r));
	if (r == 0 && (r = changes_write(c, profile, b.data, b.len)) != 0)
		fail(error, r, "%s can't be written: %s", profile, error_text(r));
	if (r == 0)
		r = run_tool(m, argv, NULL, error);
	buffer_free(&b);
	/* It leaves files alone that were edited by hand, and is content. */
	return r == 0 && !has_module(m, "common-session") ? rewrite(c, update_files[3], pamedit_append, error) : r;
}

static int add_by_authselect(const struct changes *c, char *error)
{
	static const char *const stacks[] = { "/etc/authselect/custom/itm/system-auth",
					      "/etc/authselect/custom/itm/password-auth", NULL };
	static const char nss[] = "/etc/authselect/custom/itm/nsswitch.conf";
	const char *words[24], *tool = machine_first(c->machine, authselect_programs);
	char how[sizeof c->how], base[sizeof c->how + 16];
	memcpy(how, c->how, sizeof how);
	size_t n = split(how, words, 20);
	if (n < 2)
		return fail(error, ITM_EFORMAT, "authselect names no profile");
	snprintf(base, sizeof base, "--base-on=%s", words[1]);
	const char *const make[] = { tool, "create-profile", "itm", base, NULL };
	int r = run_tool(c->machine, make, NULL, error);
	if (r == 0)
		r = rewrite(c, nss, nsswitch_add, error);
	for (size_t i = 0; r == 0 && stacks[i] != NULL; i++)
		r = rewrite(c, stacks[i], pamedit_append, error);
	/* tool select custom/itm FEATURE... */
	const char *select[24] = { tool, "select", "custom/itm" };
	for (size_t i = 2; i < n; i++)
		select[i + 1] = words[i];
	return r == 0 ? run_tool(c->machine, select, NULL, error) : r;
}

static int add_directly(const struct changes *c, char *error)
{
	int r = 0;
	for (size_t i = 0; r == 0 && shared_files[i] != NULL; i++)
		if (is_file(c->machine, shared_files[i]) && !has_module(c->machine, strrchr(shared_files[i], '/') + 1))
			r = rewrite(c, shared_files[i], pamedit_append, error);
	return r;
}

int pamedit_add(const struct changes *c, char error[PAMEDIT_ERROR_SIZE])
{
	enum pamedit_how how = pamedit_how(c->machine);
	char path[PATH_MAX];
	int r = how == PAMEDIT_AUTHSELECT ? add_by_authselect(c, error)
		: has_module(c->machine, "sshd") ? 0
		: how == PAMEDIT_UPDATE ? add_by_update(c, error) : add_directly(c, error);
	for (size_t i = 0; r == 0 && services[i] != NULL; i++) {
		snprintf(path, sizeof path, "/etc/pam.d/%s", services[i]);
		if (is_file(c->machine, path) && !has_module(c->machine, services[i]))
			r = rewrite(c, path, pamedit_append, error);
	}
	return r;
}

int pamedit_take_out(const struct changes *c, char error[PAMEDIT_ERROR_SIZE])
{
	const char *words[24];
	char how[sizeof c->how];
	memcpy(how, c->how, sizeof how);
	size_t n = split(how, words, 22);
	if (n >= 2 && strcmp(words[0], "authselect") == 0) {
		const char *argv[24] = { machine_first(c->machine, authselect_programs), "select" };
		for (size_t i = 1; i < n; i++)
			argv[i + 1] = words[i];
		return argv[0] != NULL ? run_tool(c->machine, argv, NULL, error) : 0;
	}
	if (n >= 1 && strcmp(words[0], "pam-auth-update") == 0) {
		const char *const argv[] = { machine_first(c->machine, update_programs), "--remove", "itm", NULL };
		return argv[0] != NULL ? run_tool(c->machine, argv, NULL, error) : 0;
	}
	return 0;
}
