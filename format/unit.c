#include "format/unit.h"

#include <string.h>

#include "base/crc32c.h"
#include "base/reader.h"

static void put_le(uint8_t *p, uint64_t v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		p[i] = (uint8_t)(v >> (8 * i));
}

int unit_put(struct buffer *b, uint8_t type, uint8_t version, const void *payload, size_t len)
{
	uint8_t header[UNIT_HEADER_SIZE] = { type, version };
	if (len > UNIT_PAYLOAD_MAX)
		return ITM_ELIMIT;
	put_le(header + 4, len, 4);
	uint32_t crc = crc32c_update(0, header, 8);
	put_le(header + 8, crc32c_update(crc, payload, len), 4);
	int r = buffer_reserve(b, sizeof header + len);
	if (r != 0)
		return r;
	(void)buffer_put(b, header, sizeof header); /* reserved above */
	(void)buffer_put(b, payload, len);
	return 0;
}

int unit_decode(const void *data, size_t len, struct unit *out, struct fault *fault)
{
	struct reader r;
	reader_init(&r, data, len);
	uint8_t type = reader_u8(&r), version = reader_u8(&r);
	uint16_t zero = reader_u16(&r);
	uint32_t payload_len = reader_u32(&r), crc = reader_u32(&r);
	if (r.error != 0)
		return error_fault(fault, ITM_ETRUNC, 0, "ends inside a unit's header");
	if (zero != 0)
		return error_fault(fault, ITM_EFORMAT, 2, "reserved bytes of a unit's header are not zero");
	if (payload_len > UNIT_PAYLOAD_MAX)
		return error_fault(fault, ITM_ELIMIT, 4, "unit says it is longer than units may be");
	const uint8_t *payload = reader_bytes(&r, payload_len);
	if (payload == NULL)
		return error_fault(fault, ITM_ETRUNC, 0, "ends inside a unit");
	uint32_t sum = crc32c_update(0, data, 8);
	if (crc32c_update(sum, payload, payload_len) != crc)
		return error_fault(fault, ITM_ECRC, 8, "unit's CRC32C does not match");
	*out = (struct unit){ .type = type, .version = version, .payload = payload, .len = payload_len,
			      .size = UNIT_HEADER_SIZE + payload_len };
	return 0;
}

static const char *segment_magic(uint8_t store)
{
	return store == SEGMENT_EXCERPT ? "ITMEXCPT" : store == SEGMENT_STORE ? "ITMSTORE" : "ITMSPOOL";
}

void unit_segment_encode(const struct segment_header *h, uint8_t out[SEGMENT_HEADER_SIZE])
{
	memset(out, 0, SEGMENT_HEADER_SIZE);
	memcpy(out, segment_magic(h->store), 8);
	put_le(out + 8, 1, 2);
	put_le(out + 10, SEGMENT_HEADER_SIZE, 2);
	memcpy(out + 16, h->owner.bytes, ID_SIZE);
	put_le(out + 32, h->number, 8);
	put_le(out + 40, (uint64_t)h->wall_ns, 8);
	put_le(out + 48, h->stands_for, 8);
	put_le(out + 60, crc32c_update(0, out, 60), 4);
}

int unit_segment_decode(const void *data, size_t len, struct segment_header *out, struct fault *fault)
{
	struct segment_header h;
	struct reader r;

	if (len < SEGMENT_HEADER_SIZE)
		return error_fault(fault, ITM_ETRUNC, len, "ends inside the segment header");
	for (h.store = SEGMENT_SPOOL; memcmp(data, segment_magic(h.store), 8) != 0; h.store++)
		if (h.store == SEGMENT_EXCERPT)
			return error_fault(fault, ITM_EFORMAT, 0, "not a segment file of ITM");
	reader_init(&r, data, SEGMENT_HEADER_SIZE);
	r.pos = 8;
	uint16_t version = reader_u16(&r), size = reader_u16(&r);
	r.pos = 16;
	reader_copy(&r, h.owner.bytes, ID_SIZE);
	h.number = reader_u64(&r);
	h.wall_ns = (int64_t)reader_u64(&r);
	h.stands_for = reader_u64(&r);
	r.pos = 60;
	if (reader_u32(&r) != crc32c_update(0, data, 60))
		return error_fault(fault, ITM_ECRC, 60, "segment header's CRC32C does not match");
	if (version != 1 || size != SEGMENT_HEADER_SIZE)
		return error_fault(fault, ITM_EVERSION, 8, "segment of a version this program does not know");
	*out = h;
	return 0;
}
