/* Compiled into libnss_itm.so.2, pam_itm.so and the static stub as well: only
 * system calls and functions of string.h here. */
#include "local/users.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"

enum {
	LINE_MAX_BYTES = 512, /* name + uid + shell + failure and their colons */
	READ_SIZE = 4096,
};

static const char *const failure_names[] = { "strict", "best-effort", "break-glass" };

const char *users_failure_name(enum users_failure failure)
{
	return failure_names[failure];
}

bool users_no_login(const char *shell)
{
	static const char *const names[] = { "nologin", "false", "true", "sync", "halt", "shutdown", "itm-shell" };
	const char *slash = strrchr(shell, '/');
	const char *base = slash != NULL ? slash + 1 : shell;
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		if (strcmp(base, names[i]) == 0)
			return true;
	return false;
}

/* The next field of at most size - 1 bytes, ended by a colon or the end. */
static int take_field(const char **at, const char *end, char *out, size_t size)
{
	const char *colon = memchr(*at, ':', (size_t)(end - *at));
	size_t len = (size_t)((colon != NULL ? colon : end) - *at);
	if (len == 0 || len >= size || memchr(*at, '\0', len) != NULL)
		return ITM_EFORMAT;
	memcpy(out, *at, len);
	out[len] = '\0';
	*at = colon != NULL ? colon + 1 : end;
	return 0;
}

static int parse_uid(const char *digits, uid_t *out)
{
	uint64_t v = 0;
	size_t n = strlen(digits);
	if (n > 10 || (digits[0] == '0' && n > 1))
		return ITM_EFORMAT;
	for (size_t i = 0; i < n; i++) {
		if (digits[i] < '0' || digits[i] > '9')
			return ITM_EFORMAT;
		v = v * 10 + (uint64_t)(digits[i] - '0');
	}
	if (v >= UINT32_MAX) /* (uid_t)-1 is nobody's */
		return ITM_EFORMAT;
	*out = (uid_t)v;
	return 0;
}

int users_decode(const char *line, size_t len, struct users_entry *out)
{
	const char *at = line, *end = line + len;
	struct users_entry e = { 0 };
	char uid[16], failure[16];
	if (len == 0 || end[-1] == ':' ||
	    take_field(&at, end, e.name, sizeof e.name) != 0 ||
	    take_field(&at, end, uid, sizeof uid) != 0 ||
	    take_field(&at, end, e.shell, sizeof e.shell) != 0 ||
	    take_field(&at, end, failure, sizeof failure) != 0 ||
	    at != end || e.name[0] == '#' || e.shell[0] != '/' || parse_uid(uid, &e.uid) != 0)
		return ITM_EFORMAT;
	for (int i = 0; i <= USERS_BREAK_GLASS; i++)
		if (strcmp(failure, failure_names[i]) == 0) {
			e.failure = (enum users_failure)i;
			*out = e;
			return 0;
		}
	return ITM_EFORMAT;
}

struct wanted { const char *name; uid_t uid; };

/* Whether this line is the wanted user's, before it is known to be whole. */
static bool is_wanted(const char *line, size_t len, const struct wanted *w)
{
	const char *colon = memchr(line, ':', len);
	if (colon == NULL || line[0] == '#')
		return false;
	if (w->name != NULL)
		return strlen(w->name) == (size_t)(colon - line) &&
		       memcmp(line, w->name, (size_t)(colon - line)) == 0;
	const char *at = colon + 1, *end = line + len;
	char digits[16];
	uid_t uid;
	return take_field(&at, end, digits, sizeof digits) == 0 && parse_uid(digits, &uid) == 0 && uid == w->uid;
}

/* Reads piece by piece; a line that is longer than a line can be is passed
 * over, unless it is the wanted one. */
static int find(int fd, const struct wanted *w, struct users_entry *out)
{
	char buf[READ_SIZE + LINE_MAX_BYTES];
	size_t have = 0;
	off_t total = 0;
	bool skipping = false;
	for (;;) {
		ssize_t n = read(fd, buf + have, READ_SIZE);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return ITM_ESYS;
		total += n;
		if (total > USERS_FILE_MAX)
			return ITM_EPERM;
		have += (size_t)n;
		char *at = buf, *end = buf + have, *newline;
		while ((newline = memchr(at, '\n', (size_t)(end - at))) != NULL) {
			size_t len = (size_t)(newline - at);
			if (!skipping && is_wanted(at, len, w))
				return users_decode(at, len, out);
			skipping = false;
			at = newline + 1;
		}
		have = (size_t)(end - at);
		if (n == 0) /* a last line without its newline is a torn file's */
			return have > 0 && !skipping && is_wanted(at, have, w) ? ITM_EFORMAT : ITM_ENOENT;
		if (have >= LINE_MAX_BYTES) {
			if (!skipping && is_wanted(at, have, w))
				return ITM_EFORMAT;
			skipping = true;
			have = 0;
		}
		memmove(buf, at, have);
	}
}

static int lookup(const char *path, const struct wanted *w, struct users_entry *out)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return errno == ENOENT || errno == ENOTDIR ? ITM_ENOENT : errno == ELOOP ? ITM_EPERM : ITM_ESYS;
	struct stat st;
	int result;
	if (fstat(fd, &st) != 0)
		result = ITM_ESYS;
	else if (!S_ISREG(st.st_mode) || st.st_uid != 0 || (st.st_mode & (S_IWGRP | S_IWOTH)) != 0 ||
		 st.st_size > USERS_FILE_MAX)
		result = ITM_EPERM;
	else
		result = find(fd, w, out);
	close(fd);
	return result;
}

int users_by_name(const char *path, const char *name, struct users_entry *out)
{
	if (name[0] == '\0')
		return ITM_ENOENT;
	return lookup(path, &(struct wanted){ .name = name }, out);
}

int users_by_uid(const char *path, uid_t uid, struct users_entry *out)
{
	return lookup(path, &(struct wanted){ .uid = uid }, out);
}
