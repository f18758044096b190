#include "store/tail.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/atomicfile.h"
#include "base/buffer.h"
#include "format/unit.h"

enum {
	TAIL_PATH_SIZE = 4200,
	TAIL_REWRITE = 1 << 20,     /* bytes of a file that is worth rewriting */
	TAIL_FILE_MAX = 64 << 20,   /* bytes read of one file at most */
};

static void tail_path(const char *dir, const struct id *host, const struct id *stream, char out[TAIL_PATH_SIZE])
{
	char host_text[ID_TEXT_SIZE], stream_text[ID_TEXT_SIZE];
	id_format(host, host_text);
	id_format(stream, stream_text);
	snprintf(out, TAIL_PATH_SIZE, "%s/%s/%s", dir, host_text, stream_text);
}

static void tail_host_path(const char *dir, const struct id *host, char out[TAIL_PATH_SIZE])
{
	char host_text[ID_TEXT_SIZE];
	id_format(host, host_text);
	snprintf(out, TAIL_PATH_SIZE, "%s/%s", dir, host_text);
}

/* Whether a new stream may begin.  Counts files: only asked when one is new. */
static int tail_room(const char *host_path, size_t max_streams)
{
	DIR *d = opendir(host_path);
	if (d == NULL)
		return errno == ENOENT ? 0 : ITM_ESYS;
	size_t count = 0;
	while (count <= max_streams + 2 && readdir(d) != NULL)
		count++;
	closedir(d);
	return count <= max_streams + 1 ? 0 : ITM_ELIMIT; /* "." and ".." are counted */
}

static int tail_create(const char *dir, const struct id *host, const char *path, size_t max_streams)
{
	char host_path[TAIL_PATH_SIZE];
	tail_host_path(dir, host, host_path);
	int rc = atomicfile_mkdir(host_path, 02750);
	if (rc == 0)
		rc = tail_room(host_path, max_streams);
	if (rc != 0)
		return rc;
	int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0640);
	return fd < 0 ? ITM_ESYS : fd;
}

int tail_put(const char *dir, const struct id *host, const struct frame *f, const void *payload, size_t len,
	     uint64_t max_bytes, size_t max_streams)
{
	char path[TAIL_PATH_SIZE];
	tail_path(dir, host, &f->stream, path);
	int fd = open(path, O_WRONLY | O_APPEND | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT)
		fd = tail_create(dir, host, path, max_streams);
	if (fd < 0)
		return fd == -1 ? ITM_ESYS : fd;
	struct buffer b;
	buffer_init(&b, UNIT_HEADER_SIZE + UNIT_PAYLOAD_MAX);
	struct stat st;
	int rc = unit_put(&b, UNIT_FRAME, 1, payload, len);
	if (rc == 0 && fstat(fd, &st) != 0)
		rc = ITM_ESYS;
	if (rc == 0 && (uint64_t)st.st_size + b.len > max_bytes)
		rc = ITM_ELIMIT;
	/* A short write leaves a broken unit: readers stop there, which is all
	 * that a tail promises; take it back if we can. */
	if (rc == 0 && write(fd, b.data, b.len) != (ssize_t)b.len) {
		rc = ITM_ESYS;
		if (ftruncate(fd, st.st_size) != 0)
			unlink(path);
	}
	buffer_free(&b);
	close(fd);
	return rc;
}

/* The next frame of a tail file; 0 when there is none (or what follows is
 * broken: it may be half written at this moment). */
static int tail_next(const struct buffer *b, size_t *pos, struct frame *f)
{
	struct unit u;
	while (*pos < b->len && unit_decode(b->data + *pos, b->len - *pos, &u, NULL) == 0) {
		*pos += u.size;
		if (u.type == UNIT_FRAME && frame_decode(u.payload, u.len, f, NULL) == 0)
			return 1;
	}
	return 0;
}

int tail_trim(const char *dir, const struct id *host, const struct id *stream, uint64_t last_frame)
{
	char path[TAIL_PATH_SIZE];
	tail_path(dir, host, stream, path);
	struct buffer b, kept;
	buffer_init(&b, TAIL_FILE_MAX);
	int rc = atomicfile_read(path, &b);
	if (rc != 0) {
		buffer_free(&b);
		return rc == ITM_ENOENT ? 0 : rc;
	}
	buffer_init(&kept, TAIL_FILE_MAX);
	struct frame f;
	size_t pos = 0;
	for (size_t start = 0; rc == 0 && tail_next(&b, &pos, &f); start = pos)
		if (f.number > last_frame)
			rc = buffer_put(&kept, b.data + start, pos - start);
	if (rc == 0 && kept.len == 0)
		rc = unlink(path) == 0 || errno == ENOENT ? 0 : ITM_ESYS;
	else if (rc == 0 && b.len - kept.len >= TAIL_REWRITE)
		rc = atomicfile_publish(path, kept.data, kept.len, 0640);
	buffer_free(&kept);
	buffer_free(&b);
	return rc;
}

int tail_walk(const char *dir, const struct id *host, const struct id *stream, uint64_t after_frame,
	      int (*each)(void *context, const struct frame *f), void *context)
{
	char path[TAIL_PATH_SIZE];
	tail_path(dir, host, stream, path);
	struct buffer b;
	buffer_init(&b, TAIL_FILE_MAX);
	int rc = atomicfile_read(path, &b);
	struct frame f;
	size_t pos = 0;
	while (rc == 0 && tail_next(&b, &pos, &f)) {
		if (!id_equal(&f.stream, stream) || f.number != after_frame + 1)
			continue;
		rc = each(context, &f);
		after_frame = f.number;
	}
	buffer_free(&b);
	return rc == ITM_ENOENT ? 0 : rc;
}

/* Calls each for every <host>/<stream> whose names are ids. */
static int tail_streams_of(const char *dir, const struct id *host,
			   int (*each)(void *context, const struct id *host, const struct id *stream,
				       int64_t changed_wall_ns), void *context)
{
	char path[TAIL_PATH_SIZE];
	tail_host_path(dir, host, path);
	DIR *d = opendir(path);
	if (d == NULL)
		return errno == ENOENT ? 0 : ITM_ESYS;
	int rc = 0;
	for (struct dirent *entry; rc == 0 && (entry = readdir(d)) != NULL; ) {
		struct id stream;
		struct stat st;
		if (id_parse(entry->d_name, &stream) != 0 ||
		    fstatat(dirfd(d), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0)
			continue;
		rc = each(context, host, &stream, st.st_mtim.tv_sec * INT64_C(1000000000) + st.st_mtim.tv_nsec);
	}
	closedir(d);
	return rc;
}

int tail_streams(const char *dir, int (*each)(void *context, const struct id *host, const struct id *stream,
		 int64_t changed_wall_ns), void *context)
{
	DIR *d = opendir(dir);
	if (d == NULL)
		return errno == ENOENT ? 0 : ITM_ESYS;
	int rc = 0;
	for (struct dirent *entry; rc == 0 && (entry = readdir(d)) != NULL; ) {
		struct id host;
		if (id_parse(entry->d_name, &host) == 0)
			rc = tail_streams_of(dir, &host, each, context);
	}
	closedir(d);
	return rc;
}

int tail_host(const char *dir, const struct id *stream, struct id *host)
{
	DIR *d = opendir(dir);
	if (d == NULL)
		return errno == ENOENT ? ITM_ENOENT : ITM_ESYS;
	int found = 0;
	for (struct dirent *entry; (entry = readdir(d)) != NULL; ) {
		struct id candidate;
		char path[TAIL_PATH_SIZE];
		if (id_parse(entry->d_name, &candidate) != 0)
			continue;
		tail_path(dir, &candidate, stream, path);
		if (access(path, F_OK) == 0) {
			*host = candidate;
			found++;
		}
	}
	closedir(d);
	return found == 1 ? 0 : found == 0 ? ITM_ENOENT : ITM_EBUSY;
}
