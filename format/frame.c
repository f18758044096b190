#include "format/frame.h"

#include "base/reader.h"

int frame_encode(struct buffer *b, const struct frame *f)
{
	if (f->run_len > FRAME_RUN_MAX)
		return ITM_ELIMIT;
	int r = buffer_reserve(b, FRAME_HEADER_SIZE + f->run_len);
	if (r != 0)
		return r;
	(void)buffer_put(b, f->stream.bytes, ID_SIZE); /* all reserved above */
	(void)buffer_put_u64(b, f->number);
	(void)buffer_put_u64(b, f->boot_ns);
	(void)buffer_put_u64(b, (uint64_t)f->wall_ns);
	(void)buffer_put_u8(b, f->flags);
	(void)buffer_put(b, f->run, f->run_len);
	return 0;
}

int frame_decode(const void *data, size_t len, struct frame *out, struct fault *fault)
{
	struct frame f;
	struct reader r;

	reader_init(&r, data, len);
	reader_copy(&r, f.stream.bytes, ID_SIZE);
	f.number = reader_u64(&r);
	f.boot_ns = reader_u64(&r);
	f.wall_ns = (int64_t)reader_u64(&r);
	f.flags = reader_u8(&r);
	if (r.error == 0 && f.number == 0)
		reader_fail(&r, ITM_EFORMAT, "frame number is 0");
	if (r.error == 0 && (f.flags & ~FRAME_END))
		reader_fail(&r, ITM_EVERSION, "unknown frame flag");
	if (r.error == 0 && reader_left(&r) > FRAME_RUN_MAX)
		reader_fail(&r, ITM_ELIMIT, "frame is longer than frames may be");
	f.run_len = reader_left(&r);
	f.run = reader_bytes(&r, f.run_len);
	if (r.error != 0)
		return reader_result(&r, fault);
	*out = f;
	return 0;
}
