#include "agent/filed/look.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "format/activity.h"

enum { PIECE = 65536, TEXT_LIMIT = 1 << 20 };

int look_folder(const char *path, size_t base)
{
	char home[PATH_MAX];
	const char *rest = path + base + (path[base] == '/');

	if (base == 0 || *rest == '\0')
		return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NONBLOCK);
	snprintf(home, sizeof home, "%.*s", (int)base, path);
	int above = open(home, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (above < 0)
		return -1;
	const struct open_how how = { .flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NONBLOCK,
				      .resolve = RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS };
	int fd = (int)syscall(SYS_openat2, above, rest, &how, sizeof how);
	close(above);
	return fd;
}

static uint64_t changed(const struct stat *st)
{
	return (uint64_t)st->st_ctim.tv_sec * 1000000000u + (uint64_t)st->st_ctim.tv_nsec;
}

bool look_same(int folder, const char *name, const struct look *l)
{
	struct stat st;

	if (folder < 0 || fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return !l->there;
	return l->there && l->device == st.st_dev && l->inode == st.st_ino && l->size == (uint64_t)st.st_size &&
	       l->changed_ns == changed(&st) && l->mode == st.st_mode && l->uid == st.st_uid && l->gid == st.st_gid;
}

/* What stands there for an account without a password, or one that is locked. */
static bool is_secret(const char *field, size_t len)
{
	while (len > 0 && (*field == '!' || *field == '*')) {
		field++;
		len--;
	}
	return len > 1 && !(len == 3 && memcmp(field, "LK*", 3) == 0);
}

int look_mask(struct buffer *out, const uint8_t key[LOOK_KEY], const char *text, size_t len)
{
	int r = 0;

	while (len > 0 && r == 0) {
		const char *end = memchr(text, '\n', len);
		size_t line = end != NULL ? (size_t)(end - text) + 1 : len;
		const char *first = memchr(text, ':', line);
		const char *field = first != NULL ? first + 1 : NULL;
		const char *second = field != NULL ? memchr(field, ':', line - (size_t)(field - text)) : NULL;
		size_t n = second != NULL ? (size_t)(second - field) : field != NULL ? line - (size_t)(field - text) : 0;
		if (field == NULL || !is_secret(field, n)) {
			r = buffer_put(out, text, line);
		} else {
			uint8_t d[HASH_SIZE];
			hash_parts(key, LOOK_KEY, field, n, NULL, 0, d);
			r = buffer_put(out, text, (size_t)(field - text));
			if (r == 0)
				r = buffer_printf(out, "%s[hash %02x%02x%02x%02x%02x%02x%02x%02x]", *field == '!' ? "!" : "", d[0], d[1],
						  d[2], d[3], d[4], d[5], d[6], d[7]);
			if (r == 0)
				r = buffer_put(out, field + n, line - (size_t)(field + n - text));
		}
		text += line;
		len -= line;
	}
	return r;
}

/* Text is kept up to text_max, in whole lines where there is one. */
static void keep_text(struct look *l, const struct look_way *way, const struct buffer *read)
{
	struct buffer masked;
	size_t n = read->len;

	if (way->care == SENSITIVE_HIDDEN || way->text_max == 0 || n == 0 || memchr(read->data, '\0', n) != NULL)
		return;
	buffer_init(&masked, 2 * TEXT_LIMIT);
	bool ok = way->care == SENSITIVE_MASKED ? look_mask(&masked, way->key, (const char *)read->data, n) == 0
					       : buffer_put(&masked, read->data, n) == 0;
	if (!ok || masked.len > way->text_max || l->size > n)
		l->flags |= ACTIVITY_FILE_CUT;
	n = ok ? masked.len : 0;
	if (n > way->text_max) {
		n = way->text_max;
		const uint8_t *last = memrchr(masked.data, '\n', n);
		n = last != NULL ? (size_t)(last - masked.data) + 1 : n;
	}
	(void)buffer_put(&l->text, masked.data, n);
	if (masked.data != NULL)
		explicit_bzero(masked.data, masked.len);
	buffer_free(&masked);
}

static void digest(struct look *l, const struct look_way *way, int fd, const char *link)
{
	struct hash *h = hash_new();
	struct buffer text;
	static uint8_t piece[PIECE];
	size_t size = 0;
	ssize_t n = 0;

	if (h == NULL) {
		l->flags |= ACTIVITY_FILE_UNREAD;
		return;
	}
	if (way->care != SENSITIVE_PLAIN)
		hash_update(h, way->key, LOOK_KEY);
	buffer_init(&text, TEXT_LIMIT);
	if (link != NULL) {
		hash_update(h, link, strlen(link));
		(void)buffer_put(&text, link, strlen(link));
	}
	while (fd >= 0 && size < LOOK_HASH_MAX && (n = read(fd, piece, sizeof piece)) > 0) {
		hash_update(h, piece, (size_t)n);
		size += (size_t)n;
		if (way->care != SENSITIVE_HIDDEN)
			(void)buffer_put(&text, piece, (size_t)n); /* past the limit: nothing of that piece */
	}
	explicit_bzero(piece, sizeof piece);
	if (n < 0)
		l->flags |= ACTIVITY_FILE_UNREAD;
	if (size == LOOK_HASH_MAX)
		l->flags |= ACTIVITY_FILE_LARGE;
	hash_final(h, l->digest);
	hash_free(h);
	keep_text(l, way, &text);
	if (text.data != NULL)
		explicit_bzero(text.data, text.len);
	buffer_free(&text);
}

void look_at(int folder, const char *name, const struct look_way *way, struct look *out, int *fd)
{
	char link[PATH_MAX];
	struct stat st;
	ssize_t n = -1;

	buffer_free(&out->text);
	*out = (struct look){ .flags = way->care != SENSITIVE_PLAIN ? ACTIVITY_FILE_SECRET : 0 };
	buffer_init(&out->text, way->text_max + 1);
	*fd = -1;
	if (folder < 0 || fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return;
	if (S_ISREG(st.st_mode)) {
		/* Not blocking: a lease or a pipe put there must not stop us. */
		*fd = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
		if (*fd >= 0 && (fstat(*fd, &st) != 0 || !S_ISREG(st.st_mode))) {
			close(*fd);
			*fd = -1;
		}
	} else if (S_ISLNK(st.st_mode)) {
		n = readlinkat(folder, name, link, sizeof link - 1);
		link[n > 0 ? n : 0] = '\0';
		out->flags |= ACTIVITY_FILE_LINK;
	}
	out->there = true;
	out->device = st.st_dev;
	out->inode = st.st_ino;
	out->size = (uint64_t)st.st_size;
	out->changed_ns = changed(&st);
	out->mode = st.st_mode;
	out->uid = st.st_uid;
	out->gid = st.st_gid;
	if (*fd >= 0 || n > 0)
		digest(out, way, *fd, n > 0 ? link : NULL);
	else
		out->flags |= ACTIVITY_FILE_UNREAD;
}

void look_free(struct look *l)
{
	buffer_free(&l->text);
}
