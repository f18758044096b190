#include "agent/agentd/places.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fdpass.h"
#include "base/log.h"

enum { PATH_SIZE = 512, BACKLOG = 1024 /* connections; what one user can start must not fill it */ };

/* NULL = root. */
struct owner { const char *user, *group; };

static int find_owner(const struct owner *o, uid_t *uid, gid_t *gid)
{
	const struct passwd *pw = o->user ? getpwnam(o->user) : NULL;
	if (o->user != NULL && pw == NULL) {
		log_error("there is no user %s: the package makes it; so does packaging/users", o->user);
		return ITM_ENOENT;
	}
	*uid = pw ? pw->pw_uid : 0;
	*gid = pw ? pw->pw_gid : 0;
	const struct group *gr = o->group ? getgrnam(o->group) : NULL;
	if (o->group != NULL && gr == NULL) {
		log_error("there is no group %s: the package makes it; so does packaging/users", o->group);
		return ITM_ENOENT;
	}
	if (gr != NULL)
		*gid = gr->gr_gid;
	return 0;
}

/* What was there is given its owner and mode again, but never through a link. */
static int make_folder(const char *path, mode_t mode, const struct owner *owner)
{
	uid_t uid;
	gid_t gid;
	int r = find_owner(owner, &uid, &gid);
	if (r != 0)
		return r;
	r = ITM_ESYS;
	int fd = -1;
	if (mkdir(path, 0700) == 0 || errno == EEXIST)
		fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd >= 0 && fchown(fd, uid, gid) == 0 && fchmod(fd, mode) == 0)
		r = 0;
	else
		log_error("%s: cannot make the folder: %s", path, error_text(r));
	if (fd >= 0)
		close(fd);
	return r;
}

static int make_parents(const char *path)
{
	char part[PATH_SIZE];
	for (const char *slash = strchr(path + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
		(void)snprintf(part, sizeof part, "%.*s", (int)(slash - path), path);
		if (mkdir(part, 0755) != 0 && errno != EEXIST) {
			log_error("%s: cannot make the folder: %s", part, error_text(ITM_ESYS));
			return ITM_ESYS;
		}
	}
	return 0;
}

int places_make(const struct settings_agent *settings)
{
	static const struct { const char *name; mode_t mode; struct owner owner; } folders[] = {
		{ "", 0755, { NULL, NULL } },
		{ "/agentd", 0755, { NULL, NULL } },
		{ "/broker", 0755, { NULL, NULL } },
		{ "/sealer", 0755, { "itm-seal", NULL } },
		{ "/forwarder", 0755, { "itm-net", NULL } },
	};
	const struct owner spool = { "itm-seal", "itm-spool" }, recorder = { "itm-rec", NULL };
	char path[PATH_SIZE];
	uid_t uid;
	gid_t gid;

	int r = find_owner(&recorder, &uid, &gid); /* nothing is his, but he must be there */
	if (r == 0)
		r = make_parents(settings->run);
	for (size_t i = 0; i < sizeof folders / sizeof folders[0] && r == 0; i++) {
		(void)snprintf(path, sizeof path, "%s%s", settings->run, folders[i].name);
		r = make_folder(path, folders[i].mode, &folders[i].owner);
	}
	if (r == 0)
		r = make_parents(settings->spool);
	/* New segments take the folder's group: the forwarder reads them by it. */
	return r ? r : make_folder(settings->spool, 02750, &spool);
}

int places_lock(const struct settings_agent *settings)
{
	char path[PATH_SIZE];
	(void)snprintf(path, sizeof path, "%s/agentd/lock", settings->run);
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0) {
		log_error("%s: %s", path, error_text(ITM_ESYS));
		return ITM_ESYS;
	}
	if (flock(fd, LOCK_EX | LOCK_NB) == 0)
		return fd;
	int r = errno == EWOULDBLOCK ? ITM_EBUSY : ITM_ESYS;
	log_error("%s: %s", path, r == ITM_EBUSY ? "another itm-agentd is running" : error_text(r));
	close(fd);
	return r;
}

int places_listen(const struct settings_agent *settings, const char *name, unsigned mode)
{
	char path[PATH_SIZE];
	(void)snprintf(path, sizeof path, "%s/%s", settings->run, name);
	int fd = fdpass_listen(path, mode, BACKLOG);
	if (fd < 0)
		log_error("%s: cannot listen: %s", path, error_text(fd));
	return fd;
}
