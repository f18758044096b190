/* The writer; spool_reader.c reads. */
#include "store/spool.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "store/reserve.h"
#include "store/spool_name.h"

enum { TORN_NOTES_MAX = 64 };
static const char incoming[] = "incoming";

struct spool {
	int dir, lock, fd;
	struct id host;
	const struct spool_calls *calls;
	uint64_t number;           /* of the current segment; 0 = none yet */
	uint64_t first, last;      /* segments there are */
	uint64_t written;          /* bytes of the current segment handed to the kernel */
	uint64_t durable_segment, durable_offset;
	struct buffer queue;       /* since the last success of sync */
	size_t queue_written;      /* of it, in the current segment */
	struct buffer torn;        /* units for the start of the next segment */
	uint64_t bytes, segment_size;
	bool given_up;             /* the current segment's fdatasync failed */
	uint64_t reserve;          /* bytes wanted aside */
	bool reserved;             /* they are */
};

static ssize_t call_write(int fd, const void *data, size_t len)
{
	return write(fd, data, len);
}

static int call_sync(int fd)
{
	return fdatasync(fd);
}

static const struct spool_calls system_calls = { call_write, call_sync, reserve_room };

/* The files there are, and what is left of a creation that did not finish. */
static int look_around(struct spool *s)
{
	int fd = openat(s->dir, incoming, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	if (d == NULL) {
		if (fd >= 0)
			close(fd);
		return ITM_ESYS;
	}
	uint64_t number;
	for (struct dirent *e; (e = readdir(d)) != NULL; )
		if (spool_name_parse(e->d_name, &number) == 0)
			(void)unlinkat(dirfd(d), e->d_name, 0);
	closedir(d);

	fd = openat(s->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	d = fd < 0 ? NULL : fdopendir(fd);
	if (d == NULL) {
		if (fd >= 0)
			close(fd);
		return ITM_ESYS;
	}
	for (struct dirent *e; (e = readdir(d)) != NULL; ) {
		struct stat st;
		if (spool_name_parse(e->d_name, &number) != 0 ||
		    fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(st.st_mode))
			continue;
		s->bytes += (uint64_t)st.st_size;
		if (s->first == 0 || number < s->first)
			s->first = number;
		if (number > s->last)
			s->last = number;
	}
	closedir(d);
	return 0;
}

static int take_lock(struct spool *s)
{
	s->lock = openat(s->dir, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (s->lock < 0)
		return ITM_ESYS;
	if (flock(s->lock, LOCK_EX | LOCK_NB) != 0)
		return errno == EWOULDBLOCK ? ITM_EBUSY : ITM_ESYS;
	return 0;
}

/* A writer that was killed may have left bytes in the kernel's hands only; what
 * is built on them must not be more durable than they are. */
static int sync_newest(struct spool *s)
{
	char name[SPOOL_NAME_SIZE];
	if (s->last == 0)
		return 0;
	spool_name_format(s->last, name);
	int fd = openat(s->dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return ITM_ESYS;
	int r = fdatasync(fd) == 0 ? 0 : ITM_ESYS;
	close(fd);
	return r;
}

struct spool *spool_open(const char *dir, const struct id *host, int *error)
{
	struct spool *s = calloc(1, sizeof *s);
	int r = ITM_ENOMEM;
	if (s == NULL)
		goto fail;
	*s = (struct spool){ .dir = -1, .lock = -1, .fd = -1, .host = *host, .calls = &system_calls,
			     .segment_size = SPOOL_SEGMENT_SIZE };
	buffer_init(&s->queue, SPOOL_QUEUE_MAX);
	buffer_init(&s->torn, (size_t)TORN_NOTES_MAX * (UNIT_HEADER_SIZE + SPOOL_TORN_SIZE));
	r = ITM_ESYS;
	s->dir = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->dir < 0)
		goto fail;
	r = take_lock(s);
	if (r != 0)
		goto fail;
	r = ITM_ESYS;
	if (mkdirat(s->dir, incoming, 0700) != 0 && errno != EEXIST)
		goto fail;
	r = look_around(s);
	if (r == 0)
		r = sync_newest(s);
	if (r == 0)
		return s;
fail:
	spool_close(s);
	*error = r;
	return NULL;
}

void spool_use_calls(struct spool *s, const struct spool_calls *calls)
{
	s->calls = calls ? calls : &system_calls;
}

void spool_close(struct spool *s)
{
	if (s == NULL)
		return;
	int saved = errno;
	if (s->fd >= 0)
		close(s->fd);
	if (s->lock >= 0)
		close(s->lock);
	if (s->dir >= 0)
		close(s->dir);
	buffer_free(&s->queue);
	buffer_free(&s->torn);
	free(s);
	errno = saved;
}

int spool_torn(struct spool *s, uint64_t segment, uint64_t offset, uint64_t len)
{
	uint8_t payload[SPOOL_TORN_SIZE];
	struct buffer b = { .data = payload, .size = sizeof payload, .max = sizeof payload };
	(void)buffer_put_u64(&b, segment); /* all fit */
	(void)buffer_put_u64(&b, offset);
	(void)buffer_put_u64(&b, len);
	return unit_put(&s->torn, UNIT_TORN, 1, payload, sizeof payload);
}

/* One write for the small start of a segment: short is failed. */
static int write_start(struct spool *s, int fd, uint64_t number)
{
	struct segment_header h = { .owner = s->host, .number = number, .wall_ns = clock_wall_ns() };
	uint8_t header[SEGMENT_HEADER_SIZE];
	unit_segment_encode(&h, header);
	if (s->calls->write(fd, header, sizeof header) != (ssize_t)sizeof header ||
	    (s->torn.len > 0 && s->calls->write(fd, s->torn.data, s->torn.len) != (ssize_t)s->torn.len) ||
	    s->calls->sync(fd) != 0)
		return ITM_ESYS;
	return 0;
}

/* Whether the last failure was for want of room, and there is some now. */
static bool use_reserve(struct spool *s)
{
	int saved = errno;
	bool found = (saved == ENOSPC || saved == EDQUOT) && s->reserved && reserve_release(s->dir) == 0;
	if (found)
		s->reserved = false;
	errno = saved;
	return found;
}

static int begin_segment(struct spool *s)
{
	char name[SPOOL_NAME_SIZE], beside[SPOOL_NAME_SIZE + sizeof incoming];
	uint64_t number = s->last + 1;

	spool_name_format(number, name);
	(void)snprintf(beside, sizeof beside, "%s/%s", incoming, name);
	int fd = openat(s->dir, beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW | O_APPEND, 0640);
	if (fd < 0)
		return ITM_ESYS;
	if (write_start(s, fd, number) != 0 ||
	    renameat2(s->dir, beside, s->dir, name, RENAME_NOREPLACE) != 0 || fsync(s->dir) != 0) {
		int saved = errno;
		close(fd);
		/* Renamed but perhaps not durable: the number is used up. */
		if (unlinkat(s->dir, beside, 0) != 0)
			s->last = number;
		errno = saved;
		return ITM_ESYS;
	}
	if (s->fd >= 0)
		close(s->fd);
	s->fd = fd;
	s->number = s->last = number;
	if (s->first == 0)
		s->first = number;
	s->written = SEGMENT_HEADER_SIZE + s->torn.len;
	s->bytes += s->written;
	s->durable_segment = number;
	s->durable_offset = s->written;
	buffer_clear(&s->torn);
	s->queue_written = 0;
	s->given_up = false;
	return 0;
}

int spool_begin(struct spool *s)
{
	int r = begin_segment(s);
	return r != 0 && use_reserve(s) ? begin_segment(s) : r;
}

void spool_set_reserve(struct spool *s, uint64_t bytes)
{
	s->reserve = bytes;
	s->reserved = reserve_there(s->dir, bytes);
	(void)spool_room(s);
}

uint64_t spool_room(struct spool *s)
{
	uint64_t bytes;
	if ((s->calls->room ? s->calls->room : reserve_room)(s->dir, &bytes) != 0)
		return 0;
	if (s->reserve == 0 || s->reserved)
		return bytes;
	if (bytes / 2 < s->reserve || reserve_make(s->dir, s->reserve) != 0)
		return bytes > s->reserve ? bytes - s->reserve : 0;
	s->reserved = true;
	return bytes - s->reserve;
}

bool spool_reserved(const struct spool *s)
{
	return s->reserved;
}

void spool_set_segment_size(struct spool *s, uint64_t bytes)
{
	s->segment_size = bytes != 0 ? bytes : SPOOL_SEGMENT_SIZE;
}

bool spool_full(const struct spool *s)
{
	return s->written + s->queue.len >= s->segment_size;
}

int spool_append(struct spool *s, uint8_t unit_type, uint8_t version, const void *payload, size_t len)
{
	return unit_put(&s->queue, unit_type, version, payload, len);
}

size_t spool_queued(const struct spool *s)
{
	return s->queue.len;
}

static int give_up_segment(struct spool *s)
{
	int saved = errno;
	/* Already noted when a new segment could not be begun since. */
	if (!s->given_up)
		(void)spool_torn(s, s->number, s->durable_offset, s->written - s->durable_offset);
	s->given_up = true;
	errno = saved;
	return ITM_ESYS;
}

int spool_flush(struct spool *s)
{
	if ((s->given_up || s->number == 0) && spool_begin(s) != 0)
		return ITM_ESYS;
	while (s->queue_written < s->queue.len) {
		ssize_t n = s->calls->write(s->fd, s->queue.data + s->queue_written, s->queue.len - s->queue_written);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			if (n < 0 && use_reserve(s))
				continue;
			/* No room: what is there stands, the rest goes behind it later. */
			if (n == 0 || errno == ENOSPC || errno == EDQUOT)
				return ITM_ESYS;
			return give_up_segment(s);
		}
		s->queue_written += (size_t)n;
		s->written += (uint64_t)n;
		s->bytes += (uint64_t)n;
	}
	return 0;
}

int spool_sync(struct spool *s)
{
	int r = spool_flush(s);
	if (r != 0)
		return r;
	if (s->written == s->durable_offset)
		return 0;
	if (s->calls->sync(s->fd) != 0)
		return give_up_segment(s);
	s->durable_offset = s->written;
	buffer_clear(&s->queue);
	s->queue_written = 0;
	return 0;
}

int spool_trim(struct spool *s, uint64_t before, uint64_t keep)
{
	int removed = 0;
	for (uint64_t n = s->first; n != 0 && n < before && n < s->number; n++) {
		char name[SPOOL_NAME_SIZE];
		struct stat st;
		spool_name_format(n, name);
		if (fstatat(s->dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0) {
			if (s->bytes < keep + (uint64_t)st.st_size || unlinkat(s->dir, name, 0) != 0)
				break;
			s->bytes -= (uint64_t)st.st_size;
			removed++;
		}
		s->first = n + 1;
	}
	return removed;
}

void spool_durable(const struct spool *s, uint64_t *segment, uint64_t *offset)
{
	*segment = s->durable_segment;
	*offset = s->durable_offset;
}

uint64_t spool_bytes(const struct spool *s)
{
	return s->bytes;
}

uint64_t spool_first_segment(const struct spool *s)
{
	return s->first;
}

uint64_t spool_last_segment(const struct spool *s)
{
	return s->last;
}
