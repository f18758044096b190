#include "local/monitor_line.h"

#include <string.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/reader.h"

size_t monitor_line_encode(const struct monitor_line *m, uint8_t out[MONITOR_LINE_MAX])
{
	struct buffer b = { .data = out, .size = MONITOR_LINE_MAX, .max = MONITOR_LINE_MAX };

	(void)buffer_put_u8(&b, m->kind);
	if (m->kind == MONITOR_LINE_SESSION) {
		(void)buffer_put_u32(&b, m->pid);
		(void)buffer_put_u64(&b, m->start_ticks);
		(void)buffer_put(&b, m->session.bytes, ID_SIZE);
	}
	return b.len;
}

int monitor_line_decode(const void *data, size_t len, struct monitor_line *out)
{
	struct monitor_line m = { 0 };
	struct reader r;

	reader_init(&r, data, len);
	m.kind = reader_u8(&r);
	if (m.kind == MONITOR_LINE_SESSION) {
		m.pid = reader_u32(&r);
		m.start_ticks = reader_u64(&r);
		reader_copy(&r, m.session.bytes, ID_SIZE);
	} else if (m.kind != MONITOR_LINE_MAP && m.kind != MONITOR_LINE_PLEASE && m.kind != MONITOR_LINE_ALL) {
		return ITM_EFORMAT;
	}
	reader_end(&r);
	int result = reader_result(&r, NULL);
	if (result == 0)
		*out = m;
	return result;
}
