#include "store/segment.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/atomicfile.h"

enum { SEGMENT_MODE = 0640, SEGMENT_SEALED_MODE = 0440, SEGMENT_DIGITS = 16 };

void segment_name(uint64_t number, char out[SEGMENT_NAME_SIZE])
{
	snprintf(out, SEGMENT_NAME_SIZE, "%016" PRIx64 ".itm", number);
}

int segment_parse_name(const char *name, uint64_t *number)
{
	if (strspn(name, "0123456789abcdef") != SEGMENT_DIGITS || strcmp(name + SEGMENT_DIGITS, ".itm") != 0)
		return ITM_EFORMAT;
	*number = strtoull(name, NULL, 16);
	return 0;
}

/* Writing */

struct segment {
	int fd;
	uint64_t number, end;
};

static int segment_write_all(int fd, const uint8_t *data, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, data, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return ITM_ESYS;
		data += n;
		len -= (size_t)n;
	}
	return 0;
}

struct segment *segment_create(const char *dir, const struct segment_header *header, int *error)
{
	char name[SEGMENT_NAME_SIZE], path[4096];
	segment_name(header->number, name);
	snprintf(path, sizeof path, "%s/%s", dir, name);
	struct segment *s = segment_create_as(path, header, error);
	if (s != NULL && (fsync(s->fd) != 0 || atomicfile_sync_dir(dir) != 0)) {
		*error = ITM_ESYS;
		segment_close(s);
		return NULL;
	}
	return s;
}

struct segment *segment_create_as(const char *path, const struct segment_header *header, int *error)
{
	struct segment *s = calloc(1, sizeof *s);
	if (s == NULL) {
		*error = ITM_ENOMEM;
		return NULL;
	}
	s->number = header->number;
	s->end = SEGMENT_HEADER_SIZE;
	s->fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_NOFOLLOW | O_CLOEXEC, SEGMENT_MODE);
	if (s->fd < 0) {
		*error = errno == EEXIST ? ITM_EBUSY : ITM_ESYS;
		free(s);
		return NULL;
	}
	uint8_t bytes[SEGMENT_HEADER_SIZE];
	unit_segment_encode(header, bytes);
	if (fchmod(s->fd, SEGMENT_MODE) != 0 || segment_write_all(s->fd, bytes, sizeof bytes) != 0) {
		*error = ITM_ESYS;
		segment_close(s);
		return NULL;
	}
	return s;
}

void segment_close(struct segment *s)
{
	if (s == NULL)
		return;
	close(s->fd);
	free(s);
}

uint64_t segment_number(const struct segment *s)
{
	return s->number;
}

uint64_t segment_end(const struct segment *s)
{
	return s->end;
}

int segment_append(struct segment *s, const void *data, size_t len)
{
	int rc = segment_write_all(s->fd, data, len);
	if (rc == 0)
		s->end += len;
	return rc;
}

int segment_sync(struct segment *s)
{
	return fdatasync(s->fd) == 0 ? 0 : ITM_ESYS;
}

int segment_seal(const char *path)
{
	return chmod(path, SEGMENT_SEALED_MODE) == 0 ? 0 : ITM_ESYS;
}

/* Reading */

enum { SEGMENT_WINDOW = 256 * 1024 }; /* bytes read at a time */

struct segment_reader {
	int fd;
	struct segment_header header;
	uint64_t base;           /* file offset of window.data[0] */
	size_t used;             /* bytes of the window already given out */
	uint64_t limit;          /* 0 = none */
	struct buffer window;
};

struct segment_reader *segment_reader_open(const char *path, int *error, struct fault *fault)
{
	struct segment_reader *r = calloc(1, sizeof *r);
	if (r == NULL) {
		*error = ITM_ENOMEM;
		return NULL;
	}
	buffer_init(&r->window, SEGMENT_WINDOW + UNIT_HEADER_SIZE + UNIT_PAYLOAD_MAX);
	r->fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (r->fd < 0) {
		*error = errno == ENOENT ? ITM_ENOENT : ITM_ESYS;
		error_fault(fault, *error, 0, "cannot be opened");
		segment_reader_close(r);
		return NULL;
	}
	uint8_t bytes[SEGMENT_HEADER_SIZE];
	ssize_t n = pread(r->fd, bytes, sizeof bytes, 0);
	*error = n < 0 ? ITM_ESYS : unit_segment_decode(bytes, (size_t)n, &r->header, fault);
	if (*error != 0) {
		segment_reader_close(r);
		return NULL;
	}
	r->base = SEGMENT_HEADER_SIZE;
	return r;
}

void segment_reader_close(struct segment_reader *r)
{
	if (r == NULL)
		return;
	if (r->fd >= 0)
		close(r->fd);
	buffer_free(&r->window);
	free(r);
}

const struct segment_header *segment_reader_header(const struct segment_reader *r)
{
	return &r->header;
}

void segment_reader_limit(struct segment_reader *r, uint64_t end)
{
	r->limit = end;
}

/* Bring more of the file into the window.  Bytes read, 0 at the end. */
static ssize_t segment_fill(struct segment_reader *r)
{
	buffer_consume(&r->window, r->used);
	r->base += r->used;
	r->used = 0;
	uint64_t from = r->base + r->window.len;
	size_t want = SEGMENT_WINDOW;
	if (r->limit != 0) {
		if (from >= r->limit)
			return 0;
		if (want > r->limit - from)
			want = (size_t)(r->limit - from);
	}
	int rc = buffer_reserve(&r->window, want);
	if (rc != 0)
		return rc;
	ssize_t n;
	do
		n = pread(r->fd, r->window.data + r->window.len, want, (off_t)from);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return ITM_ESYS;
	r->window.len += (size_t)n;
	return n;
}

int segment_reader_next(struct segment_reader *r, struct unit *out, uint64_t *offset, struct fault *fault)
{
	for (;;) {
		struct fault local = { 0 };
		size_t left = r->window.len - r->used;
		int rc = ITM_ETRUNC;
		if (left > 0)
			rc = unit_decode(r->window.data + r->used, left, out, &local);
		*offset = r->base + r->used;
		if (rc == 0) {
			r->used += out->size;
			return 1;
		}
		if (rc != ITM_ETRUNC)
			return error_fault(fault, rc, *offset + local.offset, local.reason);
		ssize_t n = segment_fill(r);
		if (n < 0)
			return error_fault(fault, (int)n, *offset, "cannot be read");
		if (n == 0)
			return left == 0 ? 0 : error_fault(fault, ITM_ETRUNC, *offset, "the file ends inside a unit");
	}
}

int segment_read(const char *path, uint64_t offset, size_t len, struct buffer *out)
{
	int rc = buffer_reserve(out, len);
	if (rc != 0)
		return rc;
	int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? ITM_ENOENT : ITM_ESYS;
	size_t done = 0;
	rc = 0;
	while (done < len) {
		ssize_t n = pread(fd, out->data + out->len + done, len - done, (off_t)(offset + done));
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			rc = n < 0 ? ITM_ESYS : ITM_ETRUNC;
			break;
		}
		done += (size_t)n;
	}
	close(fd);
	if (rc == 0)
		out->len += len;
	return rc;
}
