#include "cli/agentask.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/atomicfile.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/fdpass.h"
#include "local/message.h"

static int open_socket(const struct settings_agent *settings, const char *name)
{
	char path[PATH_MAX];
	snprintf(path, sizeof path, "%s/%s", settings->run, name);
	return fdpass_connect(path, AGENTASK_WAIT_MS);
}

int agentask_knock(const struct settings_agent *settings)
{
	int sock = open_socket(settings, "shell.sock");
	if (sock < 0)
		return sock;
	close(sock);
	return 0;
}

static int send_login(int sock, enum message_type type, const char *user, uid_t uid)
{
	struct message_login m = { .pid = getpid(), .uid = uid, .loginuid = UINT32_MAX, .audit_session = UINT32_MAX,
				   .service = "itm-doctor" };
	struct buffer b;
	snprintf(m.user, sizeof m.user, "%s", user);
	buffer_init(&b, MESSAGE_MAX);
	int r = message_encode_login(&b, type, &m);
	if (r == 0)
		r = fdpass_send(sock, b.data, b.len, NULL, 0);
	buffer_free(&b);
	return r;
}

static int read_decision(int sock, char *why, size_t size)
{
	unsigned char answer[MESSAGE_TEXT_MAX + 64];
	struct pollfd p = { .fd = sock, .events = POLLIN };
	size_t no_fds = 0;
	uint32_t allow = 0;
	if (poll(&p, 1, AGENTASK_WAIT_MS) <= 0)
		return ITM_ETIMEOUT;
	ssize_t n = fdpass_recv(sock, answer, sizeof answer, NULL, &no_fds);
	int r = n < 0 ? (int)n : message_decode_words(answer, (size_t)n, MESSAGE_DECISION, &allow, why, size, NULL);
	return r != 0 ? r : allow == 1 && why[0] == '\0' ? 0 : ITM_EPERM;
}

int agentask_decision(const struct settings_agent *settings, const char *user, uid_t uid, struct dryrun *shell,
		      char *why, size_t size)
{
	int sock = open_socket(settings, "pam.sock");
	why[0] = '\0';
	if (sock < 0)
		return sock;
	int r = send_login(sock, MESSAGE_ANNOUNCE, user, uid);
	if (r == 0)
		r = read_decision(sock, why, size);
	close(sock);
	(void)dryrun_shell(user, uid, shell);
	/* One packet a connection, as pam_itm does it. */
	sock = open_socket(settings, "pam.sock");
	if (sock >= 0) {
		(void)send_login(sock, MESSAGE_LOGOUT, user, uid);
		close(sock);
	}
	return r;
}

bool agentask_fact(const struct settings_agent *settings, const char *file, const char *key, char *out, size_t size)
{
	char path[PATH_MAX];
	struct buffer b;
	bool found = false;
	snprintf(path, sizeof path, "%s/%s", settings->run, file);
	buffer_init(&b, 64 * 1024);
	const char *text = atomicfile_read(path, &b) == 0 ? buffer_text(&b) : NULL;
	size_t key_len = strlen(key);
	for (const char *line = text; !found && line != NULL && *line != '\0'; ) {
		size_t len = strcspn(line, "\n");
		if (len > key_len && strncmp(line, key, key_len) == 0 && line[key_len] == '=') {
			snprintf(out, size, "%.*s", (int)(len - key_len - 1), line + key_len + 1);
			found = true;
		}
		line += len + (line[len] == '\n');
	}
	buffer_free(&b);
	return found;
}

int agentask_reload(const struct settings_agent *settings)
{
	char text[32], link[64], program[PATH_MAX];
	if (!agentask_fact(settings, "agentd/status", "pid", text, sizeof text))
		return ITM_ENOENT;
	long pid = strtol(text, NULL, 10);
	snprintf(link, sizeof link, "/proc/%ld/exe", pid);
	ssize_t n = pid > 1 ? readlink(link, program, sizeof program - 1) : -1;
	if (n < 0)
		return ITM_ENOENT;
	program[n] = '\0';
	/* The number in an old file may be somebody else's by now. */
	const char *name = strrchr(program, '/');
	if (name == NULL || strncmp(name, "/itm-agentd", 11) != 0)
		return ITM_ENOENT;
	return kill((pid_t)pid, SIGHUP) == 0 ? 0 : ITM_ESYS;
}

static bool same(const struct userlist *list, const char *path)
{
	struct users_entry e;
	for (size_t i = 0; i < list->count; i++)
		if (users_by_name(path, list->entry[i].name, &e) != 0 || e.uid != list->entry[i].uid ||
		    e.failure != list->entry[i].failure)
			return false;
	return true;
}

int agentask_wait(const struct settings_agent *settings, const struct userlist *list, int timeout_ms)
{
	const struct timespec pause = { .tv_nsec = 50000000 };
	for (int left = timeout_ms; !same(list, settings->nss_users); left -= 50) {
		if (left <= 0)
			return ITM_ETIMEOUT;
		nanosleep(&pause, NULL);
	}
	return 0;
}

void agentask_check(const struct settings_agent *settings, const struct userlist *list, struct checks *c)
{
	enum { ASKED_MAX = 5 };
	char why[MESSAGE_TEXT_MAX];
	int r = agentask_knock(settings);
	if (!checks_add(c, r == 0 ? CHECKS_OK : CHECKS_WRONG, "agent", r == 0 ? "%s/shell.sock answers" :
			"%s/shell.sock does not answer: start itm-agentd", settings->run) || geteuid() != 0)
		return;
	for (size_t i = 0; i < list->count && i < ASKED_MAX; i++) {
		const struct users_entry *e = &list->entry[i];
		struct dryrun shell = { .words = "not tried: nobody answers on pam.sock" };
		r = agentask_decision(settings, e->name, e->uid, &shell, why, sizeof why);
		checks_add(c, shell.recorded && shell.announced ? CHECKS_OK : CHECKS_WRONG, "dry run",
			   "itm-shell, run as %s: %s", e->name, shell.words);
		if (r == 0)
			checks_add(c, CHECKS_OK, "decision", "the broker would let %s in, recorded", e->name);
		else
			checks_add(c, CHECKS_WRONG, "decision", "%s: the broker says: %.200s", e->name, why[0] ? why : error_text(r));
	}
}
