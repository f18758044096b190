#include "agent/filed/watched.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "base/atomicfile.h"
#include "base/error.h"
#include "base/log.h"

enum { PASSWD_MAX = 8 << 20 };

void watched_init(struct watched *w, const struct settings_agent *settings, int notices)
{
	*w = (struct watched){ .settings = settings, .notices = notices };
}

void watched_free(struct watched *w)
{
	for (size_t i = 0; i < w->folder_count; i++)
		free(w->folders[i].path);
	for (size_t i = 0; i < w->file_count; i++) {
		free(w->files[i].path);
		look_free(&w->files[i].look);
	}
	free(w->folders);
	free(w->files);
	w->folders = NULL;
	w->files = NULL;
	w->folder_count = w->file_count = 0;
}

/* ---- the set ---- */

static size_t find_folder(const struct watched *w, const char *path)
{
	size_t i = 0;

	while (i < w->folder_count && strcmp(w->folders[i].path, path) != 0)
		i++;
	return i;
}

/* Its index, SIZE_MAX when there is no room. */
static size_t want_folder(struct watched *w, const char *path, size_t base)
{
	size_t i = find_folder(w, path);

	if (i < w->folder_count)
		return i;
	if (i == w->folder_size) {
		size_t size = i != 0 ? 2 * i : 64;
		void *more = size <= WATCHED_FOLDERS ? realloc(w->folders, size * sizeof *w->folders) : NULL;
		if (more == NULL) {
			w->left_out++;
			return SIZE_MAX;
		}
		w->folders = more;
		w->folder_size = size;
	}
	char *copy = strdup(path);
	if (copy == NULL)
		return SIZE_MAX;
	w->folders[w->folder_count++] = (struct watched_folder){ .path = copy, .base = base };
	return i;
}

static size_t find_file(const struct watched *w, size_t folder, const char *name)
{
	size_t i = 0;

	while (i < w->file_count && (w->files[i].folder != folder || strcmp(w->files[i].name, name) != 0))
		i++;
	return i;
}

static void want_file(struct watched *w, size_t folder, const char *name, enum sensitive_care care, bool own)
{
	char path[PATH_MAX];
	size_t i = find_file(w, folder, name);
	const char *above = w->folders[folder].path;

	if (i < w->file_count)
		return;
	if (snprintf(path, sizeof path, "%s/%s", above[1] != '\0' ? above : "", name) >= PATH_MAX)
		return;
	if (i == w->file_size) {
		size_t size = i != 0 ? 2 * i : 256;
		void *more = size <= 2 * WATCHED_FILES ? realloc(w->files, size * sizeof *w->files) : NULL;
		if (more == NULL) {
			w->left_out++;
			return;
		}
		w->files = more;
		w->file_size = size;
	}
	char *copy = i < WATCHED_FILES ? strdup(path) : NULL;
	if (copy == NULL) {
		w->left_out++;
		return;
	}
	w->files[w->file_count++] = (struct watched_file){ .path = copy, .name = strrchr(copy, '/') + 1, .folder = folder,
							   .care = care, .own = own };
	buffer_init(&w->files[i].look.text, 1);
}

/* Each folder above is marked too: it tells when this one comes or is replaced. */
static size_t want_folders(struct watched *w, const char *path, size_t base)
{
	char above[PATH_MAX];

	want_folder(w, "/", 0);
	for (const char *slash = strchr(path + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
		size_t n = (size_t)(slash - path);
		snprintf(above, sizeof above, "%.*s", (int)n, path);
		want_folder(w, above, n > base ? base : 0);
	}
	return want_folder(w, path, strlen(path) > base ? base : 0);
}

static void want(struct watched *w, const struct sensitive_place *p, const char *path, size_t base)
{
	char above[PATH_MAX];
	const char *slash = strrchr(path, '/');

	if (p->kind != SENSITIVE_FILE) {
		size_t i = want_folders(w, path, base);
		if (i != SIZE_MAX && !w->folders[i].whole) {
			struct watched_folder *f = &w->folders[i];
			f->whole = true;
			f->tree = p->kind == SENSITIVE_TREE;
			f->care = p->care;
			f->own = p->own;
		}
		return;
	}
	snprintf(above, sizeof above, "%.*s", (int)(slash > path ? slash - path : 1), path);
	size_t i = want_folders(w, above, base);
	if (i != SIZE_MAX)
		want_file(w, i, slash + 1, p->care, p->own);
}

static void want_home(void *context, const char *home)
{
	char path[PATH_MAX];
	struct stat st;

	/* One that is not there yet is told by the folder above it. */
	if (stat(home, &st) != 0 || !S_ISDIR(st.st_mode)) {
		const char *slash = strrchr(home, '/');
		snprintf(path, sizeof path, "%.*s", (int)(slash - home), home);
		if (path[0] != '\0' && stat(path, &st) == 0)
			want_folders(context, path, 0);
		return;
	}
	for (const struct sensitive_place *p = sensitive_home; p->path != NULL; p++)
		if (snprintf(path, sizeof path, "%s/%s", home[1] != '\0' ? home : "", p->path) < PATH_MAX)
			want(context, p, path, strlen(home));
}

static void want_word(void *context, const struct sensitive_place *p)
{
	want(context, p, p->path, 0);
}

static void want_all(struct watched *w)
{
	struct buffer passwd;
	DIR *homes = opendir("/home");

	/* Before the rest: in a folder of the set the first word on care holds. */
	sensitive_words(w->settings->watch_secret, SENSITIVE_HIDDEN, want_word, w);
	for (const struct sensitive_place *p = sensitive_system; p->path != NULL; p++)
		want(w, p, p->path, 0);
	sensitive_words(w->settings->watch_files, SENSITIVE_PLAIN, want_word, w);
	buffer_init(&passwd, PASSWD_MAX);
	if (atomicfile_read("/etc/passwd", &passwd) == 0)
		sensitive_homes((const char *)passwd.data, passwd.len, want_home, w);
	buffer_free(&passwd);
	/* Accounts that come from elsewhere have theirs here too. */
	for (struct dirent *e; homes != NULL && (e = readdir(homes)) != NULL; ) {
		char path[PATH_MAX];
		if (e->d_name[0] != '.' && snprintf(path, sizeof path, "/home/%s", e->d_name) < PATH_MAX)
			want_home(w, path);
	}
	if (homes != NULL)
		closedir(homes);
}

/* ---- marking ---- */

/* Of a file system that somebody's process or another machine answers for, a
 * look could wait for ever. */
static bool is_remote(int fd)
{
	static const uint32_t magics[] = { 0x65735546 /* FUSE */, 0x6969 /* NFS */, 0xff534d42 /* CIFS */,
					   0xfe534d42 /* SMB2 */, 0x01021997 /* 9P */, 0x00c36400 /* CEPH */, 0x9fa0 /* proc */ };
	struct statfs fs;

	if (fstatfs(fd, &fs) != 0)
		return true;
	for (size_t i = 0; i < sizeof magics / sizeof magics[0]; i++)
		if ((uint32_t)fs.f_type == magics[i])
			return true;
	return false;
}

/* Names in a whole folder become files, folders in a tree become folders. */
static void want_entries(struct watched *w, size_t at, int fd)
{
	int copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = copy >= 0 ? fdopendir(copy) : NULL;
	char path[PATH_MAX];

	for (struct dirent *e; d != NULL && (e = readdir(d)) != NULL; ) {
		const struct watched_folder *f = &w->folders[at];
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		if (e->d_type != DT_DIR) {
			want_file(w, at, e->d_name, f->care, f->own);
		} else if (f->tree && snprintf(path, sizeof path, "%s/%s", f->path, e->d_name) < PATH_MAX) {
			enum sensitive_care care = f->care;
			bool own = f->own;
			size_t i = want_folder(w, path, f->base);
			if (i != SIZE_MAX) {
				w->folders[i].whole = true;
				w->folders[i].care = care;
				w->folders[i].own = own;
			}
		}
	}
	if (d != NULL)
		closedir(d);
	else if (copy >= 0)
		close(copy);
}

static void visit(struct watched *w, size_t at, void (*moved)(void *context, const struct watched_folder *f), void *context)
{
	struct watched_folder *f = &w->folders[at];
	int fd = look_folder(f->path, f->base);
	struct stat st = { .st_dev = 0 };

	if (fd >= 0 && (fstat(fd, &st) != 0 || is_remote(fd))) {
		close(fd);
		fd = -1;
	}
	bool was = f->there, same = fd >= 0 && f->there && f->device == st.st_dev && f->inode == st.st_ino;
	f->there = fd >= 0;
	f->moved = was != f->there || (f->there && !same);
	if (fd >= 0 && (!same || !f->marked)) {
		f->device = st.st_dev;
		f->inode = st.st_ino;
		f->key = notices_key_of(fd);
		f->marked = w->notices >= 0 && f->key != 0 && notices_mark(w->notices, fd, true) == 0;
	}
	/* After the mark: what comes meanwhile is told. */
	if (f->moved && moved != NULL)
		moved(context, f);
	if (fd >= 0 && f->whole)
		want_entries(w, at, fd);
	if (fd >= 0)
		close(fd);
}

void watched_scan(struct watched *w, void (*moved)(void *context, const struct watched_folder *f), void *context)
{
	w->scan_due = false;
	want_all(w);
	for (size_t i = 0; i < w->folder_count; i++)
		visit(w, i, moved, context);
	w->polled = 0;
	for (size_t i = 0; i < w->file_count; i++)
		w->polled += w->files[i].look.there && !w->files[i].marked && (w->files[i].look.flags & ACTIVITY_FILE_LINK) == 0;
}

bool watched_differs(const struct watched *w, size_t file)
{
	const struct watched_file *f = &w->files[file];
	const struct watched_folder *in = &w->folders[f->folder];
	int fd = in->there ? look_folder(in->path, in->base) : -1;
	bool same = look_same(fd, f->name, &f->look);

	if (fd >= 0)
		close(fd);
	return !same;
}

void watched_look(struct watched *w, size_t file, struct look *before)
{
	struct watched_file *f = &w->files[file];
	const struct watched_folder *in = &w->folders[f->folder];
	const struct look_way way = { w->key, f->care, w->settings->watch_content };
	int folder = in->there ? look_folder(in->path, in->base) : -1, fd;

	*before = f->look;
	f->look = (struct look){ .there = false };
	buffer_init(&f->look.text, 1);
	/* Marked first, then read: a write in between is told. */
	int first = folder >= 0 ? openat(folder, f->name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC) : -1;
	struct stat st;
	if (first >= 0 && fstat(first, &st) == 0 && S_ISREG(st.st_mode) &&
	    (!f->marked || before->inode != st.st_ino || before->device != st.st_dev)) {
		f->key = notices_key_of(first);
		f->marked = w->notices >= 0 && f->key != 0 && notices_mark(w->notices, first, false) == 0;
	}
	look_at(folder, f->name, &way, &f->look, &fd);
	if (!f->look.there || fd < 0) {
		f->marked = false;
		f->key = 0;
	}
	const int all[] = { first, fd, folder };
	for (size_t i = 0; i < 3; i++)
		if (all[i] >= 0)
			close(all[i]);
}

/* ---- notices ---- */

static void queue(struct watched_file *f, const struct notice *n)
{
	f->queued = true;
	f->wrote |= n->wrote;
	f->times++;
	if (n->pid == 0)
		return;
	f->several |= f->writer.pid != 0 && f->writer.pid != n->pid;
	/* Who is known with his start stays known when he has gone meanwhile. */
	if (f->writer.pid != n->pid || f->writer.start_ns == 0)
		writer_read(&f->writer, n->pid, n->pidfd);
}

bool watched_notice(struct watched *w, const struct notice *n)
{
	bool mine = false;

	for (size_t i = 0; n->folder != 0 && i < w->folder_count; i++) {
		struct watched_folder *f = &w->folders[i];
		if (f->key != n->folder)
			continue;
		size_t file = n->name[0] != '\0' ? find_file(w, i, n->name) : SIZE_MAX;
		if (file == w->file_count && f->whole && !n->on_folder)
			want_file(w, i, n->name, f->care, f->own);
		if (file < w->file_count) {
			queue(&w->files[file], n);
			mine = true;
		}
		if (n->on_folder || n->self) {
			char path[PATH_MAX];
			snprintf(path, sizeof path, "%s/%s", f->path[1] != '\0' ? f->path : "", n->name);
			/* Any other folder that somebody makes in his home is his own affair. */
			w->scan_due |= n->self || f->tree || strcmp(f->path, "/home") == 0 || find_folder(w, path) < w->folder_count;
		}
	}
	for (size_t i = 0; n->file != 0 && i < w->file_count; i++) {
		struct watched_file *f = &w->files[i];
		if (f->key != n->file || (n->folder != 0 && f->queued && strcmp(f->name, n->name) == 0))
			continue;
		queue(f, n);
		mine = true;
	}
	for (size_t i = 0; n->self && i < w->folder_count; i++)
		w->scan_due |= n->file != 0 && w->folders[i].key == n->file;
	return mine;
}

/* ---- what was known ---- */

void watched_know(struct watched *w, struct known *k)
{
	char above[PATH_MAX];

	for (size_t i = 0; i < k->count; i++) {
		struct known_file *old = &k->list[i];
		const char *slash = strrchr(old->path, '/');
		if (slash == NULL || slash[1] == '\0')
			continue;
		snprintf(above, sizeof above, "%.*s", (int)(slash > old->path ? slash - old->path : 1), old->path);
		size_t folder = find_folder(w, above);
		if (folder == w->folder_count)
			continue;
		if (w->folders[folder].whole) /* it may have gone meanwhile */
			want_file(w, folder, slash + 1, w->folders[folder].care, w->folders[folder].own);
		size_t file = find_file(w, folder, slash + 1);
		if (file == w->file_count)
			continue;
		look_free(&w->files[file].look);
		w->files[file].look = old->look;
		old->look = (struct look){ .there = false };
	}
}
