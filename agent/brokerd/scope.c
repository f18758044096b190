#include "agent/brokerd/scope.h"

#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "base/atomicfile.h"
#include "base/buffer.h"
#include "base/error.h"
#include "base/id.h"
#include "base/log.h"

enum {
	SETTLE_MS = 200,         /* useradd and its like change several files in a row */
	PATH_SIZE = 512,
};

static void account_path(const struct scope *s, const char *file, char path[PATH_SIZE])
{
	snprintf(path, PATH_SIZE, "%s/%s", s->accounts, file);
}

typedef bool (*account_match)(const struct passwd *pw, const void *wanted);

static int find_account(const struct scope *s, account_match match, const void *wanted, struct scope_account *out)
{
	char path[PATH_SIZE];
	account_path(s, "passwd", path);
	FILE *f = fopen(path, "re");
	if (f == NULL)
		return ITM_ESYS;
	int result = ITM_ENOENT;
	for (struct passwd *pw; result == ITM_ENOENT && (pw = fgetpwent(f)) != NULL; ) {
		if (!match(pw, wanted))
			continue;
		struct scope_account a = { .uid = pw->pw_uid, .gid = pw->pw_gid };
		const char *shell = pw->pw_shell[0] != '\0' ? pw->pw_shell : "/bin/sh";
		int n = snprintf(a.name, sizeof a.name, "%s", pw->pw_name);
		int m = snprintf(a.shell, sizeof a.shell, "%s", shell);
		if (n >= (int)sizeof a.name || m >= (int)sizeof a.shell)
			continue;
		*out = a;
		result = 0;
	}
	fclose(f);
	return result;
}

static bool match_name(const struct passwd *pw, const void *wanted)
{
	return strcmp(pw->pw_name, wanted) == 0;
}

static bool match_uid(const struct passwd *pw, const void *wanted)
{
	return pw->pw_uid == *(const uid_t *)wanted;
}

int scope_account_by_name(const struct scope *s, const char *name, struct scope_account *out)
{
	return find_account(s, match_name, name, out);
}

int scope_account(const struct scope *s, uid_t uid, const char *name, struct scope_account *out)
{
	struct scope_account a;
	if (name != NULL && scope_account_by_name(s, name, &a) == 0 && a.uid == uid) {
		*out = a;
		return 0;
	}
	return find_account(s, match_uid, &uid, out);
}

static gid_t find_group(const struct scope *s, const char *name, gid_t fallback)
{
	char path[PATH_SIZE];
	account_path(s, "group", path);
	FILE *f = fopen(path, "re");
	gid_t result = fallback;
	for (struct group *gr; f != NULL && (gr = fgetgrent(f)) != NULL; )
		if (strcmp(gr->gr_name, name) == 0) {
			result = gr->gr_gid;
			break;
		}
	if (f != NULL)
		fclose(f);
	return result;
}

/* The host id file holds the id as text; without one the host is "unknown",
 * and said to be. */
static void read_host(struct scope *s)
{
	struct buffer b;
	struct id id;
	buffer_init(&b, sizeof s->host_id - 1);
	snprintf(s->host_id, sizeof s->host_id, "unknown");
	if (atomicfile_read(s->settings.host_id, &b) == 0) {
		const char *text = buffer_text(&b);
		char word[ID_TEXT_SIZE] = "";
		if (text != NULL && sscanf(text, "%26s", word) == 1 && id_parse(word, &id) == 0)
			id_format(&id, s->host_id);
	}
	buffer_free(&b);
	if (gethostname(s->hostname, sizeof s->hostname - 1) != 0)
		s->hostname[0] = '\0';
	if (strcmp(s->host_id, "unknown") == 0)
		log_error("%s holds no host id; recordings will not name their host", s->settings.host_id);
}

/* The users file has a folder of its own that only root may write. */
static void make_folder(const char *file)
{
	char folder[PATH_SIZE];
	snprintf(folder, sizeof folder, "%s", file);
	char *slash = strrchr(folder, '/');
	if (slash != NULL && slash != folder) {
		*slash = '\0';
		atomicfile_mkdir(folder, 0755);
	}
}

/* Reads accounts for the settings given; takes them over when all is well. */
static int apply(struct scope *s, const struct settings_agent *settings)
{
	char passwd[PATH_SIZE], group[PATH_SIZE];
	struct userlist users;
	account_path(s, "passwd", passwd);
	account_path(s, "group", group);
	int r = userlist_load(settings, passwd, group, &users);
	if (r == 0) {
		make_folder(settings->nss_users);
		r = userlist_write(&users, settings->nss_users);
		if (r != 0)
			userlist_free(&users);
	}
	if (r != 0) {
		log_error("users to record: %s (%s, %s); the old list stays", error_text(r), passwd,
			  settings->nss_users);
		return r;
	}
	userlist_free(&s->users);
	s->users = users;
	s->settings = *settings;
	s->changes++;
	struct scope_account recorder;
	if (scope_account_by_name(s, "itm-rec", &recorder) == 0) {
		s->recorder_uid = recorder.uid;
		s->recorder_gid = recorder.gid;
	} else {
		s->recorder_uid = (uid_t)-1;
		log_error("there is no account itm-rec: nothing can be recorded");
	}
	s->tty_gid = find_group(s, "tty", 5); /* 5: Debian's base-passwd */
	read_host(s);
	sealing_refresh(&s->sealing, &s->settings);
	log_info("%zu accounts are recorded", s->users.count);
	return 0;
}

static int load(struct scope *s)
{
	struct settings_agent settings;
	char error[CONFIG_ERROR_SIZE];
	int r = settings_read_agent(s->config_path, &settings, error);
	if (r != 0) {
		log_error("%s; the old settings stay in force", error);
		return r;
	}
	return apply(s, &settings);
}

static void changed(void *context)
{
	struct scope *s = context;
	union { struct inotify_event event; char bytes[4096]; } buf;
	ssize_t n = read(s->inotify, &buf, sizeof buf);
	for (ssize_t at = 0; at + (ssize_t)sizeof buf.event <= n; ) {
		struct inotify_event e;
		memcpy(&e, buf.bytes + at, sizeof e);
		const char *name = e.len > 0 ? buf.bytes + at + sizeof e : "";
		if ((e.mask & IN_Q_OVERFLOW) != 0 || strcmp(name, "passwd") == 0 || strcmp(name, "group") == 0)
			s->due_ms = loop_now_ms() + SETTLE_MS;
		at += (ssize_t)(sizeof e + e.len);
	}
}

int scope_open(struct scope *s, struct loop *loop, const char *config_path, const char *accounts)
{
	*s = (struct scope){ .config_path = config_path, .accounts = accounts, .inotify = -1,
			     .recorder_uid = (uid_t)-1, .watch = { .fd = -1 } };
	int r = load(s);
	if (r != 0)
		return r;
	s->inotify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (s->inotify < 0 || inotify_add_watch(s->inotify, accounts, IN_MOVED_TO | IN_CLOSE_WRITE) < 0) {
		log_error("%s can't be watched: new accounts are seen after SIGHUP only", accounts);
		return 0;
	}
	s->watch = (struct loop_watch){ .fd = s->inotify, .ready = changed, .context = s };
	return loop_add(loop, &s->watch);
}

void scope_reload(struct scope *s)
{
	load(s);
}

int scope_tick(struct scope *s, int64_t now_ms)
{
	if (s->due_ms == 0)
		return -1;
	if (now_ms < s->due_ms)
		return (int)(s->due_ms - now_ms);
	s->due_ms = 0;
	struct settings_agent same = s->settings;
	apply(s, &same);
	return -1;
}

void scope_close(struct scope *s)
{
	userlist_free(&s->users);
	if (s->inotify >= 0)
		close(s->inotify);
}
