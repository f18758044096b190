#include "local/missed.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/reader.h"

enum { VERSION = 1 };
static const char magic[4] = { 'I', 'T', 'M', 'M' };
static const char new_prefix[] = "new-"; /* not whole yet */

int missed_encode(struct buffer *b, const struct missed *m)
{
	size_t len = strnlen(m->reason, sizeof m->reason);
	size_t before = b->len;
	int r = buffer_put(b, magic, sizeof magic);
	if (r == 0)
		r = buffer_put_u8(b, VERSION);
	if (r == 0)
		r = buffer_put_u8(b, (uint8_t)m->what);
	if (r == 0)
		r = buffer_put_u16(b, 0);
	if (r == 0)
		r = buffer_put_u64(b, (uint64_t)m->wall_ns);
	if (r == 0)
		r = buffer_put_u16(b, (uint16_t)len);
	if (r == 0)
		r = buffer_put(b, m->reason, len);
	if (r == 0)
		r = message_encode_login(b, MESSAGE_ANNOUNCE, &m->login);
	if (r != 0)
		b->len = before;
	return r;
}

int missed_decode(const void *data, size_t len, struct missed *out, struct fault *fault)
{
	struct missed m = { 0 };
	struct reader r;
	char head[sizeof magic];
	reader_init(&r, data, len);
	reader_copy(&r, head, sizeof head);
	if (r.error == 0 && memcmp(head, magic, sizeof magic) != 0)
		reader_fail(&r, ITM_EFORMAT, "not a note of a missed login");
	if (reader_u8(&r) != VERSION)
		reader_fail(&r, ITM_EVERSION, "unknown version");
	uint8_t what = reader_u8(&r);
	if (what != MISSED_UNRECORDED && what != MISSED_REFUSED)
		reader_fail(&r, ITM_EFORMAT, "neither unrecorded nor refused");
	m.what = (enum missed_what)what;
	if (reader_u16(&r) != 0)
		reader_fail(&r, ITM_EFORMAT, "reserved bytes are not zero");
	m.wall_ns = (int64_t)reader_u64(&r);
	uint16_t reason = reader_u16(&r);
	if (reason >= sizeof m.reason)
		reader_fail(&r, ITM_ELIMIT, "reason too long");
	reader_copy(&r, m.reason, reason < sizeof m.reason ? reason : 0);
	size_t left = reader_left(&r);
	const uint8_t *rest = reader_bytes(&r, left);
	int result = reader_result(&r, fault);
	if (result == 0)
		result = message_decode_login(rest, left, &m.login, fault);
	if (result == 0)
		*out = m;
	return result;
}

int missed_open(const char *dir)
{
	struct stat st;
	if (mkdir(dir, 0700) != 0 && errno != EEXIST)
		return ITM_ESYS;
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return ITM_ESYS;
	if (fstat(fd, &st) == 0 && st.st_uid == geteuid() && (st.st_mode & 077) == 0)
		return fd;
	close(fd);
	return ITM_EPERM;
}

int missed_list(int dir, char (*names)[MISSED_NAME_SIZE], int max)
{
	int count = 0;
	int own = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC); /* with a position of its own */
	DIR *d = own >= 0 ? fdopendir(own) : NULL;
	if (d == NULL) {
		if (own >= 0)
			close(own);
		return ITM_ESYS;
	}
	for (const struct dirent *e; count < max && (e = readdir(d)) != NULL; ) {
		size_t len = strlen(e->d_name);
		if (e->d_name[0] == '.' || len >= MISSED_NAME_SIZE ||
		    strncmp(e->d_name, new_prefix, sizeof new_prefix - 1) == 0)
			continue;
		if (names != NULL)
			memcpy(names[count], e->d_name, len + 1);
		count++;
	}
	closedir(d);
	return count;
}

static int write_file(int dir, const char *name, const struct buffer *b)
{
	char unfinished[MISSED_NAME_SIZE];
	int n = snprintf(unfinished, sizeof unfinished, "%s%s", new_prefix, name);
	if (n < 0 || (size_t)n >= sizeof unfinished)
		return ITM_EINVAL;
	int fd = openat(dir, unfinished, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return ITM_ESYS;
	bool whole = write(fd, b->data, b->len) == (ssize_t)b->len;
	close(fd);
	if (whole && renameat(dir, unfinished, dir, name) == 0)
		return 0;
	unlinkat(dir, unfinished, 0);
	return ITM_ESYS;
}

static int leave(int dir, const struct missed *m)
{
	char name[MISSED_NAME_SIZE];
	struct buffer b;
	int count = missed_list(dir, NULL, MISSED_MAX);
	if (count < 0)
		return count;
	if (count >= MISSED_MAX) {
		int fd = openat(dir, MISSED_MORE, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
		if (fd >= 0)
			close(fd);
		return ITM_ELIMIT;
	}
	buffer_init(&b, MISSED_SIZE_MAX);
	int r = missed_encode(&b, m);
	snprintf(name, sizeof name, "%016llx-%d", (unsigned long long)m->wall_ns, (int)m->login.pid);
	if (r == 0)
		r = write_file(dir, name, &b);
	buffer_free(&b);
	return r;
}

int missed_leave(const char *dir, const struct missed *m)
{
	int fd = missed_open(dir);
	if (fd < 0)
		return fd;
	int r = leave(fd, m);
	close(fd);
	return r;
}

int missed_read(int dir, const char *name, struct missed *out)
{
	uint8_t data[MISSED_SIZE_MAX + 1];
	struct stat st;
	/* O_NONBLOCK: a pipe put there must not hold us up. */
	int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? ITM_ENOENT : ITM_EPERM;
	int r = fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_uid != geteuid() ? ITM_EPERM : 0;
	ssize_t n = r == 0 ? read(fd, data, sizeof data) : 0;
	close(fd);
	if (r != 0)
		return r;
	if (n < 0)
		return ITM_ESYS;
	return n > MISSED_SIZE_MAX ? ITM_ELIMIT : missed_decode(data, (size_t)n, out, NULL);
}
