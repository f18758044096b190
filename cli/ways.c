#include "cli/ways.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cli/pamstack.h"

enum kind {
	SSH_TERMINAL, SSH_COMMAND, SSH_SFTP, SSH_FORWARD, /* asked of sshd's configuration */
	LOGIN_SHELL,       /* starts the account's shell through PAM */
	COMMAND,           /* the same with -c */
	INSIDE,            /* runs in a shell that is recorded */
	OTHER_SHELL,       /* starts /bin/sh, not the account's shell */
	WITHOUT_PAM,       /* starts the account's shell and asks nobody */
};

struct candidate {
	const char *name, *service;
	enum kind kind;
	const char *programs[4];         /* one of these has to be there; none named = always */
};

static const struct candidate candidates[] = {
	{ "ssh, terminal", "sshd", SSH_TERMINAL, { "/usr/sbin/sshd" } },
	{ "ssh HOST COMMAND, scp -O, rsync", "sshd", SSH_COMMAND, { "/usr/sbin/sshd" } },
	{ "sftp, scp", "sshd", SSH_SFTP, { "/usr/sbin/sshd" } },
	{ "ssh -N -L -R -D -W", "sshd", SSH_FORWARD, { "/usr/sbin/sshd" } },
	{ "mosh", "sshd", SSH_TERMINAL, { "/usr/bin/mosh-server" } },
	{ "console login", "login", LOGIN_SHELL, { "/bin/login", "/usr/bin/login" } },
	{ "su USER", "su", LOGIN_SHELL, { "/bin/su", "/usr/bin/su" } },
	{ "su - USER", "su-l", LOGIN_SHELL, { "/bin/su", "/usr/bin/su" } },
	{ "su -c COMMAND", "su", COMMAND, { "/bin/su", "/usr/bin/su" } },
	{ "sudo -i -u USER", "sudo-i", LOGIN_SHELL, { "/usr/bin/sudo" } },
	{ "sudo -s, sudo COMMAND", "sudo", INSIDE, { "/usr/bin/sudo" } },
	{ "runuser -l USER", "runuser-l", LOGIN_SHELL, { "/usr/sbin/runuser", "/sbin/runuser" } },
	{ "runuser -u USER COMMAND", "runuser", OTHER_SHELL, { "/usr/sbin/runuser", "/sbin/runuser" } },
	{ "pkexec --user USER", "polkit-1", LOGIN_SHELL, { "/usr/bin/pkexec" } },
	{ "dropbear", "dropbear", WITHOUT_PAM, { "/usr/sbin/dropbear" } },
	{ "newgrp, sg", "newgrp", INSIDE, { "/usr/bin/newgrp" } },
	{ "screen", "screen", INSIDE, { "/usr/bin/screen" } },
	{ "tmux", "tmux", INSIDE, { "/usr/bin/tmux" } },
	{ "cron", "cron", OTHER_SHELL, { "/usr/sbin/cron", "/usr/sbin/crond" } },
	{ "at, batch", "atd", OTHER_SHELL, { "/usr/sbin/atd" } },
	{ "user units of systemd", "systemd-user", OTHER_SHELL, { "/lib/systemd/systemd", "/usr/lib/systemd/systemd" } },
};

const char *ways_recorded_name(enum ways_recorded recorded)
{
	static const char *const names[] = { "as terminal", "as pipe", "inside outer", "metadata only", "NOT", "refused" };
	return names[recorded];
}

__attribute__((format(printf, 4, 5)))
static void judge(struct ways_way *w, enum ways_recorded recorded, bool as_policy, const char *format, ...)
{
	va_list ap;
	w->recorded = recorded;
	w->as_policy = as_policy;
	va_start(ap, format);
	vsnprintf(w->why, sizeof w->why, format, ap);
	va_end(ap);
}

/* What PAM adds to a recording: who came, from where, and a refusal in time. */
static bool is_announced(const struct ways_facts *f, const char *service, char *why, size_t size)
{
	char error[PAMSTACK_ERROR_SIZE];
	struct pamstack s;
	if (pamstack_load(f->machine, service, "session", &s, error) != 0) {
		snprintf(why, size, "%.180s", error);
		return false;
	}
	struct pamstack_found found = pamstack_find(&s, "pam_itm.so");
	bool reached = found.place != PAMSTACK_ABSENT && found.place != PAMSTACK_SKIPPED;
	if (reached)
		snprintf(why, size, "pam_itm.so at %.100s:%u%s", found.rule->file, found.rule->line,
			 found.place == PAMSTACK_LAST ? "" : ", not last or not always");
	else
		snprintf(why, size, "no pam_itm.so in the session stack of %s", service);
	pamstack_free(&s);
	return reached;
}

/* A way that starts the account's shell. */
static void judge_shell(const struct ways_facts *f, struct ways_way *w, enum ways_recorded recorded)
{
	char pam[200];
	if (f->obstacle != NULL) {
		judge(w, WAYS_NOT, false, "%s", f->obstacle);
		return;
	}
	bool announced = is_announced(f, w->service, pam, sizeof pam);
	/* runuser is root's own, and Debian gives it a stack without sessions. */
	bool expected = strncmp(w->service, "runuser", 7) != 0;
	judge(w, recorded, announced || !expected, announced ? "shell is itm-shell; %s" : "shell is itm-shell, login not announced: %s", pam);
}

static bool said(const struct ways_facts *f, const char *key, char value[SSHDCONF_VALUE_SIZE])
{
	sshdconf_value(f->sshd, key, NULL, value);
	return value[0] != '\0' && strcmp(value, "none") != 0;
}

static void judge_forward(const struct ways_facts *f, struct ways_way *w)
{
	char value[SSHDCONF_VALUE_SIZE], pam[200];
	if (said(f, "allowtcpforwarding", value) && strcmp(value, "no") == 0)
		judge(w, WAYS_REFUSED, true, "AllowTcpForwarding no");
	else if (is_announced(f, "sshd", pam, sizeof pam))
		judge(w, WAYS_METADATA, true, "the login is announced; AllowTcpForwarding %.40s, no shell starts", value[0] ? value : "unknown");
	else
		judge(w, WAYS_NOT, false, "%s", pam);
}

static void judge_ssh(const struct ways_facts *f, enum kind kind, struct ways_way *w)
{
	char value[SSHDCONF_VALUE_SIZE];
	if (f->sshd->text == NULL)
		judge(w, WAYS_NOT, false, "unknown: %.200s", f->sshd->why);
	else if (said(f, "usepam", value) && strcmp(value, "no") == 0 && kind == SSH_FORWARD)
		judge(w, WAYS_NOT, false, "UsePAM no: nobody announces the login");
	else if (kind == SSH_FORWARD)
		judge_forward(f, w);
	else if (said(f, "chrootdirectory", value))
		judge(w, WAYS_NOT, false, "ChrootDirectory %.100s: itm-shell and the agent's socket are not in there", value);
	else if (said(f, "forcecommand", value) && strncmp(value, "internal-sftp", 13) == 0)
		judge(w, WAYS_NOT, false, "ForceCommand internal-sftp starts no shell");
	else if (kind == SSH_SFTP && (sshdconf_value(f->sshd, "subsystem", "sftp", value), value[0] == '\0'))
		judge(w, WAYS_REFUSED, true, "sshd has no Subsystem sftp");
	else if (kind == SSH_SFTP && strncmp(value, "internal-sftp", 13) == 0)
		judge(w, WAYS_NOT, false, "Subsystem sftp internal-sftp starts no shell: name sftp-server instead");
	else if (kind == SSH_TERMINAL && said(f, "permittty", value) && strcmp(value, "no") == 0)
		judge(w, WAYS_REFUSED, true, "PermitTTY no");
	else if (said(f, "usepam", value) && strcmp(value, "no") == 0)
		judge(w, f->obstacle != NULL ? WAYS_NOT : kind == SSH_TERMINAL ? WAYS_PTY : WAYS_PIPE, false,
		      "UsePAM no: the login is not announced%s%.100s", f->obstacle != NULL ? "; " : "", f->obstacle != NULL ? f->obstacle : "");
	else
		judge_shell(f, w, kind == SSH_TERMINAL ? WAYS_PTY : WAYS_PIPE);
}

/* No shell of the account's: what there is to know is that it ran. */
static void judge_job(const struct ways_facts *f, struct ways_way *w)
{
	char pam[200];
	const char *what = strncmp(w->service, "runuser", 7) == 0 ? "the program it is given"
		: strcmp(w->service, "systemd-user") == 0 ? "programs" : "/bin/sh";
	if (f->obstacle == NULL && is_announced(f, w->service, pam, sizeof pam))
		judge(w, WAYS_METADATA, true, "starts %s, not the account's shell; each is an event: %s", what, pam);
	else
		judge(w, WAYS_NOT, true, "starts %s, not the account's shell; with pam_itm.so in /etc/pam.d/%s each would be an event",
		      what, w->service);
}

static void judge_one(const struct ways_facts *f, const struct candidate *c, struct ways_way *w)
{
	*w = (struct ways_way){ .name = c->name, .service = c->service };
	if (!f->in_scope) {
		judge(w, WAYS_NOT, true, "agent.conf does not name this account");
		return;
	}
	switch (c->kind) {
	case SSH_TERMINAL:
	case SSH_COMMAND:
	case SSH_SFTP:
	case SSH_FORWARD:
		judge_ssh(f, c->kind, w);
		return;
	case LOGIN_SHELL:
		judge_shell(f, w, WAYS_PTY);
		return;
	case COMMAND:
		judge_shell(f, w, WAYS_PIPE);
		return;
	case INSIDE:
		judge(w, f->obstacle == NULL ? WAYS_INSIDE : WAYS_NOT, f->obstacle == NULL, f->obstacle == NULL ?
		      "%sruns on the terminal of the shell it is started in" : "%s", f->obstacle == NULL ? "" : f->obstacle);
		return;
	case OTHER_SHELL:
		judge_job(f, w);
		return;
	case WITHOUT_PAM:
		judge(w, f->obstacle == NULL ? WAYS_PTY : WAYS_NOT, false, "%s", f->obstacle != NULL ? f->obstacle :
		      "shell is itm-shell; it does not ask PAM, so the login is not announced");
		return;
	}
}

void ways_judge(const struct ways_facts *f, const char *service, struct ways *out)
{
	out->count = 0;
	for (size_t i = 0; i < sizeof candidates / sizeof candidates[0] && out->count < WAYS_MAX; i++) {
		const struct candidate *c = &candidates[i];
		if (service != NULL && strcmp(service, c->service) != 0)
			continue;
		/* Asked for by name it is judged even where it is not installed. */
		if (service == NULL && machine_first(f->machine, c->programs) == NULL)
			continue;
		judge_one(f, c, &out->way[out->count++]);
	}
}
