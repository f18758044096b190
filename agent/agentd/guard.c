#include "agent/agentd/guard.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "format/meta.h"

enum { READ_SIZE = 65536, FACTS_MAX = 900, SHOWN = 8 /* bytes of a digest that are told */ };

static bool digest(const char *path, uint8_t out[HASH_SIZE])
{
	uint8_t data[READ_SIZE];
	ssize_t n = -1;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct hash *h = fd >= 0 ? hash_new() : NULL;
	while (h != NULL && (n = read(fd, data, sizeof data)) > 0)
		hash_update(h, data, (size_t)n);
	if (h != NULL && n == 0)
		hash_final(h, out);
	hash_free(h);
	if (fd >= 0)
		close(fd);
	return h != NULL && n == 0;
}

static bool same_time(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

/* What stat(2) says without reading; a write that hides its time still has
 * another time of the inode. */
static bool same_stat(const struct guard_file *f, const struct stat *st)
{
	return f->dev == st->st_dev && f->ino == st->st_ino && f->size == st->st_size &&
	       same_time(&f->mtime, &st->st_mtim) && same_time(&f->ctime, &st->st_ctim);
}

/* What it is now; a folder or device in its place counts as gone. */
static void take(struct guard_file *f)
{
	struct stat st;
	f->there = stat(f->path, &st) == 0 && S_ISREG(st.st_mode) && digest(f->path, f->hash);
	if (!f->there)
		return;
	f->dev = st.st_dev;
	f->ino = st.st_ino;
	f->size = st.st_size;
	f->mtime = st.st_mtim;
	f->ctime = st.st_ctim;
}

static struct guard_file *add(struct guard *g, const char *path, enum alert alert)
{
	for (size_t i = 0; i < g->count; i++)
		if (strcmp(g->file[i].path, path) == 0)
			return NULL;
	if (g->count == GUARD_FILES_MAX || path[0] != '/' || strlen(path) >= GUARD_PATH_SIZE)
		return NULL;
	struct guard_file *f = &g->file[g->count++];
	*f = (struct guard_file){ .alert = alert };
	snprintf(f->path, sizeof f->path, "%s", path);
	take(f);
	return f;
}

/* Calls for each file of a folder that is not known yet. */
static void list(struct guard *g, const struct guard_folder *folder,
		 void (*found)(void *context, const struct guard_file *f), void *context)
{
	DIR *dir = opendir(folder->path);
	if (dir == NULL)
		return;
	for (struct dirent *e; (e = readdir(dir)) != NULL; ) {
		char path[GUARD_PATH_SIZE];
		if (e->d_name[0] == '.' ||
		    (size_t)snprintf(path, sizeof path, "%s/%s", folder->path, e->d_name) >= sizeof path)
			continue;
		const struct guard_file *f = add(g, path, folder->alert);
		if (f != NULL && found != NULL)
			found(context, f);
	}
	closedir(dir);
}

static void add_folder(struct guard *g, const char *path, enum alert alert)
{
	struct guard_folder *folder = &g->folder[g->folders];
	if (g->folders == GUARD_FOLDERS_MAX || path[0] != '/')
		return;
	g->folders++;
	folder->alert = alert;
	snprintf(folder->path, sizeof folder->path, "%s", path);
	list(g, folder, NULL, NULL);
}

void guard_open(struct guard *g, const struct settings_agent *s, const char *config, const char *programs)
{
	char path[GUARD_PATH_SIZE], own[GUARD_PATH_SIZE];
	static const char *const modules[] = { ITM_PAMDIR "/pam_itm.so", ITM_NSSDIR "/libnss_itm.so.2", ITM_BINDIR "/itm" };
	const char *const settings[] = { config, s->host_id, s->tls_cert, s->tls_ca, s->log_key, s->keylist, s->officer_key,
					 "/etc/nsswitch.conf" };
	const char *const secrets[] = { s->identity_key, s->tls_key };
	*g = (struct guard){ 0 };
	ssize_t n = readlink("/proc/self/exe", own, sizeof own - 1);
	own[n > 0 ? n : 0] = '\0';
	add(g, own, ALERT_PROGRAM_CHANGED);
	for (size_t i = 0; i < sizeof modules / sizeof modules[0]; i++)
		add(g, modules[i], ALERT_PROGRAM_CHANGED);
	for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++)
		add(g, settings[i], ALERT_SETTINGS_CHANGED);
	for (size_t i = 0; i < sizeof secrets / sizeof secrets[0]; i++) {
		struct guard_file *f = add(g, secrets[i], ALERT_SETTINGS_CHANGED);
		if (f != NULL)
			f->secret = true;
	}
	add_folder(g, programs, ALERT_PROGRAM_CHANGED);
	if ((size_t)snprintf(path, sizeof path, "%s.d", config) < sizeof path)
		add_folder(g, path, ALERT_SETTINGS_CHANGED);
}

struct teller { void *handle; void (*alert)(void *handle, enum alert a, const struct buffer *facts); };

static void hex(const uint8_t hash[HASH_SIZE], char out[2 * SHOWN + 1])
{
	for (size_t i = 0; i < SHOWN; i++)
		snprintf(out + 2 * i, 3, "%02x", hash[i]);
}

static void tell(const struct teller *t, const struct guard_file *f, const char *reason)
{
	struct buffer facts;
	buffer_init(&facts, FACTS_MAX);
	log_error("%s: %s", f->path, reason);
	meta_put(&facts, "path", f->path);
	meta_put(&facts, "reason", reason);
	t->alert(t->handle, f->alert, &facts);
	buffer_free(&facts);
}

static void tell_new(void *context, const struct guard_file *f)
{
	tell(context, f, "it is new there");
}

static void check(const struct teller *t, struct guard_file *f)
{
	struct guard_file before = *f;
	struct stat st;
	char words[128], old[2 * SHOWN + 1], now[2 * SHOWN + 1];
	bool there = stat(f->path, &st) == 0;
	if (there == f->there && (!there || same_stat(f, &st)))
		return;
	take(f);
	if (before.there && !f->there) {
		tell(t, f, "it was removed, or cannot be read");
	} else if (!before.there && f->there) {
		tell(t, f, "it came");
	} else if (f->there && memcmp(before.hash, f->hash, HASH_SIZE) != 0) {
		hex(before.hash, old);
		hex(f->hash, now);
		snprintf(words, sizeof words, f->secret ? "its content changed" : "its content changed: SHA-256 %s..., was %s...", now, old);
		tell(t, f, words);
	}
}

void guard_look(struct guard *g, void *handle, void (*alert)(void *handle, enum alert a, const struct buffer *facts))
{
	struct teller t = { handle, alert };
	for (size_t i = 0; i < g->count; i++)
		check(&t, &g->file[i]);
	for (size_t i = 0; i < g->folders; i++)
		list(g, &g->folder[i], tell_new, &t);
}
