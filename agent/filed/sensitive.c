#include "agent/filed/sensitive.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#define FILE_(path) { path, SENSITIVE_FILE, SENSITIVE_PLAIN, false }
#define FOLDER_(path) { path, SENSITIVE_FOLDER, SENSITIVE_PLAIN, false }
#define TREE_(path) { path, SENSITIVE_TREE, SENSITIVE_PLAIN, false }

const struct sensitive_place sensitive_system[] = {
	{ "/etc/passwd", SENSITIVE_FILE, SENSITIVE_MASKED, false },
	{ "/etc/shadow", SENSITIVE_FILE, SENSITIVE_MASKED, false },
	{ "/etc/group", SENSITIVE_FILE, SENSITIVE_MASKED, false },
	{ "/etc/gshadow", SENSITIVE_FILE, SENSITIVE_MASKED, false },
	{ "/etc/security/opasswd", SENSITIVE_FILE, SENSITIVE_HIDDEN, false },
	FILE_("/etc/sudoers"), FOLDER_("/etc/sudoers.d"), FILE_("/etc/doas.conf"),
	FILE_("/etc/ssh/sshd_config"), FOLDER_("/etc/ssh/sshd_config.d"), FILE_("/etc/ssh/sshrc"),
	FOLDER_("/etc/pam.d"), FILE_("/etc/pam.conf"), FOLDER_("/etc/security"),
	FILE_("/etc/nsswitch.conf"), FILE_("/etc/login.defs"), FILE_("/etc/shells"), FILE_("/etc/securetty"),
	FILE_("/etc/ld.so.preload"), FILE_("/etc/ld.so.conf"), FOLDER_("/etc/ld.so.conf.d"),
	FILE_("/etc/crontab"), FILE_("/etc/anacrontab"), FILE_("/etc/cron.allow"), FILE_("/etc/cron.deny"),
	FOLDER_("/etc/cron.d"), FOLDER_("/etc/cron.hourly"), FOLDER_("/etc/cron.daily"), FOLDER_("/etc/cron.weekly"),
	FOLDER_("/etc/cron.monthly"), FOLDER_("/var/spool/cron"), FOLDER_("/var/spool/cron/crontabs"),
	/* An at job begins with its maker's whole environment. */
	{ "/var/spool/cron/atjobs", SENSITIVE_FOLDER, SENSITIVE_HIDDEN, false },
	{ "/var/spool/at", SENSITIVE_FOLDER, SENSITIVE_HIDDEN, false },
	FILE_("/etc/at.allow"), FILE_("/etc/at.deny"),
	TREE_("/etc/systemd/system"), TREE_("/etc/systemd/user"), FOLDER_("/usr/lib/systemd/system"),
	TREE_("/usr/local/lib/systemd/system"), TREE_("/run/systemd/system"),
	FILE_("/etc/inittab"), FILE_("/etc/rc.local"), FOLDER_("/etc/init.d"),
	FILE_("/etc/profile"), FOLDER_("/etc/profile.d"), FILE_("/etc/bash.bashrc"), FILE_("/etc/bashrc"),
	FILE_("/etc/environment"), FOLDER_("/etc/zsh"), FOLDER_("/etc/update-motd.d"),
	FOLDER_("/etc/udev/rules.d"), FOLDER_("/etc/modules-load.d"), FILE_("/etc/modules"),
	FILE_("/etc/hosts.allow"), FILE_("/etc/hosts.deny"),
	FILE_("/etc/rsyslog.conf"), FOLDER_("/etc/rsyslog.d"), FOLDER_("/etc/audit/rules.d"),
	{ ITM_SYSCONFDIR "/itm", SENSITIVE_FOLDER, SENSITIVE_PLAIN, true },
	{ ITM_SYSCONFDIR "/itm/agent.conf.d", SENSITIVE_FOLDER, SENSITIVE_PLAIN, true },
	{ ITM_SYSCONFDIR "/itm/keys", SENSITIVE_FOLDER, SENSITIVE_HIDDEN, true },
	{ ITM_LIBEXECDIR, SENSITIVE_FOLDER, SENSITIVE_PLAIN, true },
	{ ITM_BINDIR "/itm", SENSITIVE_FILE, SENSITIVE_PLAIN, true },
	{ ITM_SBINDIR "/itm-agentd", SENSITIVE_FILE, SENSITIVE_PLAIN, true },
	{ ITM_PAMDIR "/pam_itm.so", SENSITIVE_FILE, SENSITIVE_PLAIN, true },
	{ ITM_NSSDIR "/libnss_itm.so.2", SENSITIVE_FILE, SENSITIVE_PLAIN, true },
	{ 0 },
};

const struct sensitive_place sensitive_home[] = {
	FILE_(".ssh/authorized_keys"), FILE_(".ssh/authorized_keys2"), FILE_(".ssh/rc"), FILE_(".ssh/environment"),
	FILE_(".profile"), FILE_(".bashrc"), FILE_(".bash_profile"), FILE_(".bash_login"), FILE_(".bash_logout"),
	FILE_(".zshenv"), FILE_(".zprofile"), FILE_(".zshrc"), FILE_(".zlogin"), FILE_(".pam_environment"),
	{ 0 },
};

/* Homes of system accounts that hold what the kernel makes. */
static bool is_home(const char *path)
{
	static const char *const not[] = { "/dev", "/proc", "/sys", "/nonexistent" };
	size_t len = strlen(path);

	for (size_t i = 0; i < sizeof not / sizeof not[0]; i++)
		if (strncmp(path, not[i], strlen(not[i])) == 0 && strchr("/", path[strlen(not[i])]) != NULL)
			return false;
	return path[0] == '/' && len < PATH_MAX / 2 && strstr(path, "/../") == NULL;
}

void sensitive_homes(const char *passwd, size_t len, void (*each)(void *context, const char *home), void *context)
{
	char home[PATH_MAX];

	while (len > 0) {
		const char *end = memchr(passwd, '\n', len), *at = passwd;
		size_t line = end != NULL ? (size_t)(end - passwd) : len;
		int field = 1;
		for (; field < 6 && at != NULL; field++) {
			at = memchr(at, ':', line - (size_t)(at - passwd));
			at = at != NULL ? at + 1 : NULL;
		}
		size_t left = at != NULL ? line - (size_t)(at - passwd) : 0;
		const char *colon = left > 0 ? memchr(at, ':', left) : NULL;
		size_t n = colon != NULL ? (size_t)(colon - at) : 0;
		while (n > 1 && at[n - 1] == '/')
			n--;
		if (n > 0 && n < sizeof home && memchr(at, '\0', n) == NULL) {
			memcpy(home, at, n);
			home[n] = '\0';
			if (is_home(home))
				each(context, home);
		}
		passwd += end != NULL ? line + 1 : line;
		len -= end != NULL ? line + 1 : line;
	}
}

void sensitive_words(const char *list, enum sensitive_care care,
		     void (*each)(void *context, const struct sensitive_place *p), void *context)
{
	char path[PATH_MAX];

	for (list += strspn(list, " \t"); *list != '\0'; list += strspn(list, " \t")) {
		size_t len = strcspn(list, " \t"), n = len;
		bool folder = len > 1 && list[len - 1] == '/';
		while (n > 1 && list[n - 1] == '/')
			n--;
		if (list[0] == '/' && n < sizeof path) {
			memcpy(path, list, n);
			path[n] = '\0';
			each(context, &(struct sensitive_place){ path, folder ? SENSITIVE_FOLDER : SENSITIVE_FILE, care, false });
		}
		list += len;
	}
}
