#include "cli/health.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/timex.h>

#include "base/error.h"
#include "cli/agentask.h"
#include "cli/inspect.h"
#include "local/space.h"

enum { SPOOL_ENOUGH_MB = 256 };

/* What the sealer says of its space; nothing when it says nothing. */
static void health_space(const struct settings_agent *settings, struct checks *c)
{
	static const char *const acts[SPACE_POLICIES] = {
		[SPACE_DEGRADE] = "floods of output are counted, not stored; strict accounts are refused once nothing fits",
		[SPACE_BLOCK] = "new sessions are refused but those of break-glass accounts, and the output of running ones waits",
		[SPACE_OPEN] = "strict accounts are refused once nothing fits, what others do is then counted, not stored",
	};
	char level[16], percent[8], capacity[24];
	if (!agentask_fact(settings, "sealer/status", "spool_level", level, sizeof level) ||
	    !agentask_fact(settings, "sealer/status", "spool_percent", percent, sizeof percent) ||
	    !agentask_fact(settings, "sealer/status", "spool_capacity", capacity, sizeof capacity))
		return;
	uint64_t mb = strtoull(capacity, NULL, 10) >> 20;
	if (strcmp(level, space_level_name(SPACE_ROOM)) == 0)
		checks_add(c, CHECKS_OK, "space", "%s %% of %" PRIu64 " MB are taken", percent, mb);
	else if (strcmp(level, space_level_name(SPACE_LOW)) == 0)
		checks_add(c, CHECKS_NOTE, "space", "%s %% of %" PRIu64 " MB are taken; from 95 %% on %s", percent, mb, acts[settings->spool_full]);
	else
		checks_add(c, CHECKS_WRONG, "space", "%s %% of %" PRIu64 " MB are taken: %s", percent, mb, acts[settings->spool_full]);
}

void health_spool(const struct machine *m, const struct settings_agent *settings, struct checks *c)
{
	char path[PATH_MAX];
	struct statvfs fs;
	struct stat st;
	if (machine_stat(m, settings->spool, &st) != 0 || machine_path(m, settings->spool, path) != 0 || statvfs(path, &fs) != 0) {
		checks_add(c, CHECKS_WRONG, "spool", "%s can't be seen: %s", settings->spool, error_text(ITM_ESYS));
		return;
	}
	uint64_t free_mb = (uint64_t)fs.f_bavail * fs.f_frsize >> 20;
	if ((fs.f_flag & ST_RDONLY) != 0)
		checks_add(c, CHECKS_WRONG, "spool", "%s is mounted read-only", settings->spool);
	else
		checks_add(c, free_mb < SPOOL_ENOUGH_MB ? CHECKS_WRONG : CHECKS_OK, "spool", "%s: %" PRIu64 " MB free%s", settings->spool,
			   free_mb, free_mb < SPOOL_ENOUGH_MB ? ", too few" : "");
	health_space(settings, c);
}

void health_clock(struct checks *c)
{
	struct timex t = { 0 };
	int state = adjtimex(&t);
	if (state < 0 || state == TIME_ERROR || (t.status & STA_UNSYNC) != 0)
		checks_add(c, CHECKS_NOTE, "clock", "the kernel does not call it synchronised: times of recordings may be off");
	else
		checks_add(c, CHECKS_OK, "clock", "synchronised, at most %ld ms off", t.maxerror / 1000);
}

void health_server(const struct settings_agent *settings, struct checks *c)
{
	char connected[16], last[160];
	if (settings->server[0] == '\0') {
		checks_add(c, CHECKS_NOTE, "server", "none is named: recordings stay in the spool, where root could remove them");
	} else if (!agentask_fact(settings, "forwarder/status", "connected", connected, sizeof connected)) {
		checks_add(c, CHECKS_WRONG, "server", "%s: the forwarder says nothing", settings->server);
	} else if (strcmp(connected, "yes") == 0) {
		checks_add(c, CHECKS_OK, "server", "%s is connected", settings->server);
	} else {
		if (!agentask_fact(settings, "forwarder/status", "last_error", last, sizeof last))
			last[0] = '\0';
		checks_add(c, CHECKS_NOTE, "server", "%s is not connected, the spool keeps the record%s%s", settings->server, last[0] ? ": " : "", last);
	}
}

void health_processes(const struct settings_agent *settings, struct checks *c)
{
	char words[200], level[16], missing[24], refused[400];
	if (!agentask_fact(settings, "watchd/status", "processes", words, sizeof words) ||
	    !agentask_fact(settings, "watchd/status", "level", level, sizeof level)) {
		checks_add(c, CHECKS_NOTE, "processes", "no process monitor runs: what a script runs is not in the record");
		return;
	}
	if (!agentask_fact(settings, "watchd/status", "refused", refused, sizeof refused))
		refused[0] = '\0';
	bool stolen = agentask_fact(settings, "watchd/status", "missing", missing, sizeof missing) && strcmp(missing, "0") != 0;
	if (stolen)
		checks_add(c, CHECKS_WRONG, "processes", "%s, but %s events were taken from the kernel's ring by somebody", words, missing);
	else
		checks_add(c, strcmp(level, "bpf") == 0 ? CHECKS_OK : CHECKS_NOTE, "processes", "%s%s%s", words, refused[0] ? ": " : "", refused);
}

void health_caches(const struct machine *m, struct checks *c)
{
	struct stat st;
	if (machine_stat(m, "/run/nscd/socket", &st) == 0)
		checks_add(c, CHECKS_NOTE, "caches", "nscd remembers shells for a while: nscd -i passwd");
	if (machine_stat(m, "/var/lib/sss/pipes/nss", &st) == 0)
		checks_add(c, CHECKS_NOTE, "caches", "sssd answers for accounts that are not in passwd(5): those are not recorded");
	if (machine_stat(m, "/lib/ld-musl-x86_64.so.1", &st) == 0 || machine_stat(m, "/lib/ld-musl-aarch64.so.1", &st) == 0)
		checks_add(c, CHECKS_NOTE, "musl", "programs linked with musl know no NSS modules and see the shell of passwd(5)");
}

/* Whether a line of the file begins with word. */
static bool has_line(const struct machine *m, const char *path, const char *word)
{
	struct buffer b;
	bool found = false;
	size_t len = strlen(word);
	buffer_init(&b, MACHINE_FILE_MAX);
	const char *line = machine_read(m, path, &b) == 0 ? buffer_text(&b) : NULL;
	for (; line != NULL && *line != '\0' && !found; line += strcspn(line, "\n"), line += *line == '\n')
		found = strncmp(line, word, len) == 0 && strchr(" \t\r\n", line[len]) != NULL;
	buffer_free(&b);
	return found;
}

/* Calls back for each file of a folder on the machine. */
static void each_file(const struct machine *m, const char *folder, void (*look)(const struct machine *, const char *, struct checks *),
		      struct checks *c)
{
	char full[PATH_MAX], path[PATH_MAX];
	DIR *d = machine_path(m, folder, full) == 0 ? opendir(full) : NULL;
	for (struct dirent *e; d != NULL && (e = readdir(d)) != NULL; ) {
		/* As sudo does: names with a dot are not read. */
		if (strchr(e->d_name, '.') != NULL || strchr(e->d_name, '~') != NULL)
			continue;
		if (snprintf(path, sizeof path, "%s/%s", folder, e->d_name) < PATH_MAX)
			look(m, path, c);
	}
	if (d != NULL)
		closedir(d);
}

static void look_for_pam_shells(const struct machine *m, const char *path, struct checks *c)
{
	struct buffer b;
	buffer_init(&b, MACHINE_FILE_MAX);
	const char *line = machine_read(m, path, &b) == 0 ? buffer_text(&b) : NULL;
	for (; line != NULL && *line != '\0'; line += strcspn(line, "\n"), line += *line == '\n') {
		size_t len = strcspn(line, "\n");
		if (line[strspn(line, " \t")] != '#' && memmem(line, len, "pam_shells", 10) != NULL) {
			checks_add(c, CHECKS_NOTE, "pam_shells", "%.100s asks for a shell of /etc/shells: it will refuse recorded accounts", path);
			break;
		}
	}
	buffer_free(&b);
}

void health_shells(const struct machine *m, const char *shell, struct checks *c)
{
	if (has_line(m, "/etc/shells", INSPECT_STUB))
		checks_add(c, CHECKS_NOTE, "/etc/shells", "names itm-shell: a user could choose it with chsh; take it out");
	if (shell[0] != '\0' && !has_line(m, "/etc/shells", shell))
		checks_add(c, CHECKS_NOTE, "/etc/shells", "does not name the account's shell %.100s", shell);
	each_file(m, "/etc/pam.d", look_for_pam_shells, c);
}

static void look_for_shells(const struct machine *m, const char *path, struct checks *c)
{
	static const char *const shells[] = { "/bash", "/sh", "/zsh", "/dash", "/ksh", "/fish" };
	struct buffer b;
	unsigned number = 0;
	buffer_init(&b, MACHINE_FILE_MAX);
	const char *line = machine_read(m, path, &b) == 0 ? buffer_text(&b) : NULL;
	for (; line != NULL && *line != '\0'; line += strcspn(line, "\n"), line += *line == '\n') {
		size_t len = strcspn(line, "\n");
		number++;
		if (line[strspn(line, " \t")] == '#' || memchr(line, '=', len) == NULL)
			continue;
		for (size_t i = 0; i < sizeof shells / sizeof shells[0]; i++) {
			const char *found = memmem(line, len, shells[i], strlen(shells[i]));
			if (found == NULL || strchr(" \t,\n", found[strlen(shells[i])]) == NULL)
				continue;
			checks_add(c, CHECKS_NOTE, "sudoers", "%.100s:%u names a shell: sudo -i to a recorded account now asks for %s", path,
				   number, INSPECT_STUB);
			break;
		}
	}
	buffer_free(&b);
}

void health_sudoers(const struct machine *m, struct checks *c)
{
	look_for_shells(m, "/etc/sudoers", c);
	each_file(m, "/etc/sudoers.d", look_for_shells, c);
}
