/* make_spool DIR FROM TO [drawn]: events FROM..TO-1 of the hostile login, or of
 * the session that draws, a frame each, at the end of DIR's only segment (made when FROM is 0); prints the
 * session's id.  For tests of programs that read a spool. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buffer.h"
#include "format/frame.h"
#include "format/unit.h"
#include "tests/unit/fakesource.h"

static const struct id stream = { { 0xde, 0xad, 0xbe, 0xef, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12 } };

static int put_event(struct buffer *out, const struct fakesource_event *events, size_t count, size_t n)
{
	const struct fakesource_event *e = &events[n];
	struct buffer run, payload;
	uint64_t last_ms = 0, len = e->data == NULL ? e->code : e->len != 0 ? e->len : strlen(e->data);
	struct frame f = {
		.stream = stream, .number = n + 1, .boot_ns = 1000000000 + e->time_ms * 1000000,
		.wall_ns = FAKESOURCE_START + (int64_t)e->time_ms * 1000000,
		.flags = n + 1 == count ? FRAME_END : 0,
	};
	int r;

	buffer_init(&run, FRAME_RUN_MAX);
	buffer_init(&payload, UNIT_PAYLOAD_MAX);
	r = record_put(&run, &last_ms, 0, e->kind, len, e->data);
	f.run = run.data;
	f.run_len = run.len;
	if (r == 0)
		r = frame_encode(&payload, &f);
	if (r == 0)
		r = unit_put(out, UNIT_FRAME, 1, payload.data, payload.len);
	buffer_free(&run);
	buffer_free(&payload);
	return r;
}

int main(int argc, char **argv)
{
	struct segment_header header = { .owner = { { 1 } }, .number = 1, .wall_ns = FAKESOURCE_START };
	uint8_t bytes[SEGMENT_HEADER_SIZE];
	char path[4096], text[ID_TEXT_SIZE];
	struct buffer out;
	size_t from, to, n;
	int fd, r = 0;

	bool drawn = argc == 5 && strcmp(argv[4], "drawn") == 0;
	const struct fakesource_event *events = drawn ? fakesource_drawn : fakesource_login;
	size_t count = drawn ? fakesource_drawn_count : fakesource_login_count;

	if (argc != 4 && !drawn)
		return 64;
	from = strtoul(argv[2], NULL, 10);
	to = strtoul(argv[3], NULL, 10);
	if (to == 0 || to > count)
		to = count;
	buffer_init(&out, 16 << 20);
	unit_segment_encode(&header, bytes);
	if (from == 0)
		r = buffer_put(&out, bytes, sizeof(bytes));
	for (n = from; n < to && r == 0; n++)
		r = put_event(&out, events, count, n);
	snprintf(path, sizeof(path), "%s/seg-0000000000000001.itm", argv[1]);
	fd = open(path, O_WRONLY | O_APPEND | O_CREAT, 0600);
	if (r != 0 || fd < 0 || write(fd, out.data, out.len) != (ssize_t)out.len)
		return 1;
	close(fd);
	buffer_free(&out);
	id_format(&stream, text);
	puts(text);
	return 0;
}
