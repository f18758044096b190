#include "agent/brokerd/job.h"

#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "format/meta.h"

enum { PATH_SIZE = 512 };

/* Debian's folders, and others'; not where the output goes. */
static const char *const job_folders[] = { "/var/spool/cron/atjobs/", "/var/spool/at/a" };
static const char *const crontab_folders[] = { "/var/spool/cron/crontabs/", "/var/spool/cron/" };

static void put(struct buffer *b, const char *path, const struct stat *st)
{
	char when[CLOCK_TEXT_SIZE];
	clock_format((int64_t)st->st_mtim.tv_sec * 1000000000 + st->st_mtim.tv_nsec, when);
	meta_put(b, "job", path);
	meta_put(b, "job_written", when);
}

static bool in_folder(const char *path)
{
	for (size_t i = 0; i < sizeof job_folders / sizeof job_folders[0]; i++)
		if (strncmp(path, job_folders[i], strlen(job_folders[i])) == 0)
			return true;
	return false;
}

static void put_at(struct buffer *b, pid_t pid)
{
	char folder[64];
	snprintf(folder, sizeof folder, "/proc/%d/fd", (int)pid);
	DIR *dir = opendir(folder);
	if (dir == NULL)
		return;
	for (struct dirent *e; (e = readdir(dir)) != NULL; ) {
		char path[PATH_SIZE];
		struct stat st;
		ssize_t n = readlinkat(dirfd(dir), e->d_name, path, sizeof path - 1);
		path[n > 0 ? n : 0] = '\0';
		if (!in_folder(path) || fstatat(dirfd(dir), e->d_name, &st, 0) != 0 || !S_ISREG(st.st_mode))
			continue;
		put(b, path, &st);
		break;
	}
	closedir(dir);
}

static void put_cron(struct buffer *b, const char *user)
{
	if (user[0] == '\0' || user[0] == '.' || strchr(user, '/') != NULL)
		return;
	for (size_t i = 0; i < sizeof crontab_folders / sizeof crontab_folders[0]; i++) {
		char path[PATH_SIZE];
		struct stat st;
		if ((size_t)snprintf(path, sizeof path, "%s%s", crontab_folders[i], user) >= sizeof path ||
		    lstat(path, &st) != 0 || !S_ISREG(st.st_mode))
			continue;
		put(b, path, &st);
		return;
	}
}

bool job_is(const char *service)
{
	return strcmp(service, "atd") == 0 || strcmp(service, "cron") == 0 || strcmp(service, "crond") == 0;
}

void job_put(struct buffer *b, const struct message_login *m)
{
	if (strcmp(m->service, "atd") == 0)
		put_at(b, m->pid);
	else if (job_is(m->service))
		put_cron(b, m->user);
}
