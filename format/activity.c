#include "format/activity.h"

#include <string.h>

#include "base/reader.h"

static bool is_bytes(unsigned tag)
{
	switch (tag) {
	case ACTIVITY_SESSION: case ACTIVITY_EXE: case ACTIVITY_SCRIPT: case ACTIVITY_CWD: case ACTIVITY_ARGUMENTS:
	case ACTIVITY_COMM: case ACTIVITY_PARENT_COMM: case ACTIVITY_FD0: case ACTIVITY_FD1: case ACTIVITY_FD2:
	case ACTIVITY_PARENT_FD0: case ACTIVITY_PARENT_FD1: case ACTIVITY_PARENT_FD2: case ACTIVITY_ADDRESS:
	case ACTIVITY_LEVEL_NAME: case ACTIVITY_REASON: case ACTIVITY_PATH: case ACTIVITY_BEFORE_SHA256:
	case ACTIVITY_AFTER_SHA256: case ACTIVITY_BEFORE_TEXT: case ACTIVITY_AFTER_TEXT:
		return true;
	default:
		return false;
	}
}

void activity_set_bytes(struct activity_event *e, enum activity_tag tag, const void *data, size_t len)
{
	e->bytes[tag] = len > 0 ? data : NULL;
	e->number[tag] = len;
}

static int put_field(struct buffer *b, const struct activity_event *e, unsigned tag)
{
	int r = buffer_put_varint(b, tag << 1 | is_bytes(tag));
	if (r == 0)
		r = buffer_put_varint(b, e->number[tag]);
	if (r == 0 && is_bytes(tag))
		r = buffer_put(b, e->bytes[tag], e->number[tag]);
	return r;
}

int activity_put(struct buffer *b, const struct activity_event *e)
{
	size_t before = b->len;
	int r = buffer_put_varint(b, e->kind);
	for (unsigned tag = 1; r == 0 && tag < ACTIVITY_TAGS; tag++)
		if (e->number[tag] != 0)
			r = put_field(b, e, tag);
	if (r == 0 && b->len - before > ACTIVITY_EVENT_MAX)
		r = ITM_ELIMIT;
	if (r != 0)
		b->len = before;
	return r;
}

int activity_decode(const void *data, size_t len, struct activity_event *out, struct fault *fault)
{
	struct reader r;
	uint64_t last = 0;
	*out = (struct activity_event){ 0 };
	reader_init(&r, data, len);
	uint64_t kind = reader_varint(&r);
	out->kind = (enum activity_kind)kind;
	if (r.error == 0 && (kind == 0 || kind > ACTIVITY_KIND_MAX))
		reader_fail(&r, ITM_EFORMAT, "bad kind of activity");
	while (r.error == 0 && reader_left(&r) > 0) {
		uint64_t key = reader_varint(&r), tag = key >> 1, value = reader_varint(&r);
		const uint8_t *bytes = (key & 1) != 0 ? reader_bytes(&r, value) : NULL;
		if (r.error == 0 && (tag <= last || value == 0 || (tag < ACTIVITY_TAGS && is_bytes((unsigned)tag) != (key & 1))))
			reader_fail(&r, ITM_EFORMAT, "bad field of an activity");
		last = tag;
		if (r.error != 0 || tag >= ACTIVITY_TAGS)
			continue;
		out->number[tag] = value;
		out->bytes[tag] = bytes;
	}
	return reader_result(&r, fault);
}

const char *activity_name(enum activity_kind kind)
{
	static const char *const names[] = { NULL, "exec", "argv", "fork", "exit", "connect", "listen", "seen",
					     "counts", "level", "file-created", "file-changed", "file-removed",
					     "file-place", "file-counts" };
	return (size_t)kind < sizeof names / sizeof *names ? names[kind] : NULL;
}

/* mode u32, device u32, inode u64, family, state, port, local port u16 each,
 * address 16; little-endian. */
void activity_fd_put(const struct activity_fd *fd, uint8_t out[ACTIVITY_FD_SIZE])
{
	const uint16_t words[] = { fd->family, fd->state, fd->port, fd->local_port };
	for (int i = 0; i < 4; i++) {
		out[i] = (uint8_t)(fd->mode >> 8 * i);
		out[4 + i] = (uint8_t)(fd->device >> 8 * i);
		out[16 + 2 * i] = (uint8_t)words[i];
		out[17 + 2 * i] = (uint8_t)(words[i] >> 8);
	}
	for (int i = 0; i < 8; i++)
		out[8 + i] = (uint8_t)(fd->inode >> 8 * i);
	memcpy(out + 24, fd->address, ACTIVITY_ADDRESS_MAX);
}

bool activity_fd_get(const struct activity_event *e, enum activity_tag tag, struct activity_fd *out)
{
	struct reader r;
	*out = (struct activity_fd){ 0 };
	reader_init(&r, e->bytes[tag], e->number[tag]);
	out->mode = reader_u32(&r);
	out->device = reader_u32(&r);
	out->inode = reader_u64(&r);
	out->family = reader_u16(&r);
	out->state = reader_u16(&r);
	out->port = reader_u16(&r);
	out->local_port = reader_u16(&r);
	reader_copy(&r, out->address, ACTIVITY_ADDRESS_MAX);
	return r.error == 0;
}
