/* The reading side of the spool. */
#include "store/spool.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/reader.h"
#include "store/spool_name.h"

enum {
	WINDOW = 2 * (UNIT_HEADER_SIZE + UNIT_PAYLOAD_MAX), /* bytes read at a time */
	TORN_LOOK_AHEAD = 64,   /* segments a note may come later: failed starts in a row */
};

struct spool_reader {
	int dir, fd;
	uint64_t segment;       /* open one; 0 = before the first */
	uint64_t offset;        /* of the next unit */
	uint64_t wanted_offset; /* from seek, for the segment when it opens */
	uint64_t limit_segment, limit_offset;
	bool limited, cut_known;
	uint64_t cut;           /* end of this segment by a note about torn bytes */
	uint64_t rest;
	uint8_t *window;
	uint64_t window_start;
	size_t window_len;
};

struct spool_reader *spool_reader_new(const char *dir)
{
	struct spool_reader *r = calloc(1, sizeof *r);
	uint8_t *window = malloc(WINDOW);
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (r == NULL || window == NULL || fd < 0) {
		free(r);
		free(window);
		if (fd >= 0)
			close(fd);
		return NULL;
	}
	*r = (struct spool_reader){ .dir = fd, .fd = -1, .window = window };
	return r;
}

void spool_reader_free(struct spool_reader *r)
{
	if (r == NULL)
		return;
	if (r->fd >= 0)
		close(r->fd);
	close(r->dir);
	free(r->window);
	free(r);
}

static void close_segment(struct spool_reader *r)
{
	if (r->fd >= 0)
		close(r->fd);
	r->fd = -1;
	r->cut_known = false;
	r->cut = UINT64_MAX;
	r->window_len = 0;
	r->rest = 0;
}

void spool_reader_limit(struct spool_reader *r, uint64_t segment, uint64_t offset)
{
	r->limited = true;
	r->limit_segment = segment;
	r->limit_offset = offset;
}

/* The smallest number there is above after; 0 = none. */
static uint64_t find_after(const struct spool_reader *r, uint64_t after)
{
	char name[SPOOL_NAME_SIZE];
	struct stat st;
	uint64_t best = 0, number;

	if (after > 0) {
		spool_name_format(after + 1, name);
		if (fstatat(r->dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0)
			return after + 1;
	}
	int fd = openat(r->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	if (d == NULL) {
		if (fd >= 0)
			close(fd);
		return 0;
	}
	for (struct dirent *e; (e = readdir(d)) != NULL; )
		if (spool_name_parse(e->d_name, &number) == 0 && number > after && (best == 0 || number < best))
			best = number;
	closedir(d);
	return best;
}

/* Opens a segment and checks its header.  Owned descriptor or ITM_E*. */
static int open_segment(const struct spool_reader *r, uint64_t number, struct fault *fault)
{
	char name[SPOOL_NAME_SIZE];
	uint8_t header[SEGMENT_HEADER_SIZE];
	struct segment_header h;

	spool_name_format(number, name);
	int fd = openat(r->dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return errno == ENOENT ? ITM_ENOENT : error_fault(fault, ITM_ESYS, 0, "cannot open the segment");
	ssize_t n = pread(fd, header, sizeof header, 0);
	int e = n < 0 ? error_fault(fault, ITM_ESYS, 0, "cannot read the segment")
		      : unit_segment_decode(header, (size_t)n, &h, fault);
	if (e == 0 && (h.store || h.number != number))
		e = error_fault(fault, ITM_EFORMAT, 32, "segment's name and its number differ");
	if (e != 0) {
		close(fd);
		return e;
	}
	return fd;
}

int spool_reader_seek(struct spool_reader *r, uint64_t segment, uint64_t offset)
{
	if (segment == 0)
		segment = find_after(r, 0);
	if (segment == r->segment && r->fd >= 0) {
		r->offset = offset < SEGMENT_HEADER_SIZE ? SEGMENT_HEADER_SIZE : offset;
		return 0;
	}
	close_segment(r);
	r->segment = segment;
	r->wanted_offset = offset;
	return 0;
}

/* Bring at least one whole unit at r->offset into the window, or all there is.
 * Returns the bytes there, or ITM_ESYS. */
static ssize_t fill(struct spool_reader *r, uint64_t end)
{
	size_t want = UNIT_HEADER_SIZE + UNIT_PAYLOAD_MAX;
	if (end - r->offset < want)
		want = (size_t)(end - r->offset);
	if (r->offset >= r->window_start && r->offset + want <= r->window_start + r->window_len)
		return (ssize_t)(r->window_start + r->window_len - r->offset);
	r->window_start = r->offset;
	r->window_len = 0;
	size_t room = end - r->offset < WINDOW ? (size_t)(end - r->offset) : WINDOW;
	while (r->window_len < room) {
		ssize_t n = pread(r->fd, r->window + r->window_len, room - r->window_len,
				  (off_t)(r->offset + r->window_len));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return ITM_ESYS;
		if (n == 0)
			break;
		r->window_len += (size_t)n;
	}
	return (ssize_t)r->window_len;
}

/* Looks through the notes at the start of one segment for ours.  1 = there
 * were only notes (a start that got no further): look at the next one too. */
static int look_for_note(const struct spool_reader *r, int fd, uint64_t *cut)
{
	uint8_t unit[UNIT_HEADER_SIZE + SPOOL_TORN_SIZE];
	for (off_t at = SEGMENT_HEADER_SIZE; ; at += (off_t)sizeof unit) {
		struct unit u;
		ssize_t n = pread(fd, unit, sizeof unit, at);
		if (n <= 0)
			return 1;
		if (unit_decode(unit, (size_t)n, &u, NULL) != 0 || u.type != UNIT_TORN || u.len != SPOOL_TORN_SIZE)
			return 0;
		struct reader p;
		reader_init(&p, u.payload, u.len);
		uint64_t segment = reader_u64(&p), offset = reader_u64(&p);
		if (segment == r->segment && offset < *cut)
			*cut = offset;
	}
}

static void find_cut(struct spool_reader *r)
{
	uint64_t number = r->segment;
	int more = 1;
	for (int i = 0; more && i < TORN_LOOK_AHEAD; i++) {
		number = find_after(r, number);
		if (number == 0)
			return;
		int fd = open_segment(r, number, NULL);
		if (fd < 0)
			return;
		more = look_for_note(r, fd, &r->cut);
		close(fd);
		r->cut_known = true;
	}
}

/* Opens r->segment when it is not open.  1 open, 0 not there, ITM_E*. */
static int ensure_open(struct spool_reader *r, struct fault *fault)
{
	if (r->fd >= 0)
		return 1;
	if (r->segment == 0)
		r->segment = find_after(r, 0);
	if (r->segment == 0 || (r->limited && r->segment > r->limit_segment))
		return 0;
	int fd = open_segment(r, r->segment, fault);
	if (fd == ITM_ENOENT)
		return 0;
	if (fd < 0)
		return fd;
	close_segment(r);
	r->fd = fd;
	r->offset = r->wanted_offset < SEGMENT_HEADER_SIZE ? SEGMENT_HEADER_SIZE : r->wanted_offset;
	r->wanted_offset = 0;
	return 1;
}

int spool_reader_next_segment(struct spool_reader *r)
{
	uint64_t next = find_after(r, r->segment);
	if (next == 0 || (r->limited && next > r->limit_segment))
		return 0;
	close_segment(r);
	r->segment = next;
	r->wanted_offset = 0;
	return 1;
}

/* The end of the open segment as it is now, and whether it is final. */
static int find_end(struct spool_reader *r, uint64_t *end, bool *last)
{
	uint64_t next = find_after(r, r->segment); /* before the size is read: then it is final */
	struct stat st;
	*last = r->limited ? r->segment >= r->limit_segment : next == 0;
	if (fstat(r->fd, &st) != 0)
		return ITM_ESYS;
	if (!r->cut_known && next != 0)
		find_cut(r);
	*end = (uint64_t)st.st_size;
	if (*end > r->cut)
		*end = r->cut;
	if (r->limited && r->segment == r->limit_segment && *end > r->limit_offset)
		*end = r->limit_offset;
	return 0;
}

/* 1 unit, 0 this segment has no more now, ITM_E*. */
static int next_here(struct spool_reader *r, struct unit *out, bool *last, struct fault *fault)
{
	uint64_t end;
	/* The window never reaches past the end that held when it was read. */
	if (r->offset >= r->window_start && r->offset < r->window_start + r->window_len &&
	    unit_decode(r->window + (r->offset - r->window_start),
			(size_t)(r->window_start + r->window_len - r->offset), out, NULL) == 0)
		return 1;
	if (find_end(r, &end, last) != 0)
		return error_fault(fault, ITM_ESYS, r->offset, "cannot read the segment");
	r->rest = 0;
	if (r->offset >= end)
		return 0;
	ssize_t there = fill(r, end);
	if (there < 0)
		return error_fault(fault, ITM_ESYS, r->offset, "cannot read the segment");
	struct fault inside = { 0 };
	int e = unit_decode(r->window + (r->offset - r->window_start), (size_t)there, out, &inside);
	if (e != 0)
		r->rest = end - r->offset;
	if (e == ITM_ETRUNC && *last)
		return 0;
	if (e != 0)
		return error_fault(fault, e, r->offset + inside.offset, inside.reason);
	return 1;
}

int spool_reader_next(struct spool_reader *r, struct unit *out, struct spool_place *place, struct fault *fault)
{
	for (;;) {
		bool last = true;
		int e = ensure_open(r, fault);
		*place = (struct spool_place){ .segment = r->segment, .offset = r->fd >= 0 ? r->offset : 0 };
		if (e == 1)
			e = next_here(r, out, &last, fault);
		else if (e == 0 && r->segment != 0)
			last = false; /* it was trimmed: go on behind it */
		if (e < 0)
			return e;
		if (e == 1) {
			r->offset += out->size;
			return 1;
		}
		if (last || !spool_reader_next_segment(r))
			return 0;
	}
}

uint64_t spool_reader_rest(const struct spool_reader *r, struct spool_place *place)
{
	*place = (struct spool_place){ .segment = r->segment, .offset = r->offset };
	return r->rest;
}
