#include "format/chunk.h"

#include <string.h>

#include "base/reader.h"

enum {
	DOMAIN_DIGEST = 0x11,
	FLAGS_KNOWN = CHUNK_FIRST | CHUNK_END | CHUNK_RESET | CHUNK_LOSS,
	CANONICAL_MAX = 61 + CHUNK_SECTIONS_MAX * (1 + 4 + HASH_SIZE),
};

static int encode_section(struct buffer *b, const struct chunk_section *s)
{
	int e = buffer_put_u8(b, (uint8_t)s->kind);
	e |= buffer_put_u8(b, (uint8_t)s->codec);
	e |= buffer_put_varint(b, s->plain_len);
	if (s->codec == CHUNK_DROPPED)
		return e | buffer_put(b, s->hash, HASH_SIZE);
	e |= buffer_put(b, s->salt, CHUNK_SALT_SIZE);
	e |= buffer_put_varint(b, s->stored_len);
	return e | buffer_put(b, s->stored, s->stored_len);
}

int chunk_encode(struct buffer *b, const struct chunk *c)
{
	size_t before = b->len;
	int e = buffer_put_u8(b, 1);
	e |= buffer_put_u8(b, 1); /* SHA-256 */
	e |= buffer_put_u16(b, c->flags);
	e |= buffer_put(b, c->stream.bytes, ID_SIZE);
	e |= buffer_put_varint(b, c->number);
	e |= buffer_put_varint(b, c->last_frame);
	e |= buffer_put_u64(b, c->boot_ns);
	e |= buffer_put_u64(b, (uint64_t)c->wall_ns);
	e |= buffer_put_varint(b, c->duration_ms);
	e |= buffer_put_varint(b, c->dictionary);
	e |= buffer_put_u8(b, (uint8_t)c->section_count);
	for (size_t i = 0; e == 0 && i < c->section_count; i++)
		e |= encode_section(b, &c->section[i]);
	if (e != 0) {
		b->len = before;
		return ITM_ELIMIT;
	}
	return 0;
}

static void decode_section(struct reader *r, struct chunk_section *s, int previous_kind)
{
	uint8_t kind = reader_u8(r), codec = reader_u8(r);
	uint64_t plain_len = reader_varint(r);

	if (r->error == 0 && (kind < CHUNK_CTL || kind > CHUNK_EVT || kind <= previous_kind))
		reader_fail(r, ITM_EVERSION, "chunk section of an unknown kind, or out of order");
	if (r->error == 0 && codec > CHUNK_DROPPED)
		reader_fail(r, ITM_EVERSION, "chunk section of an unknown codec");
	if (r->error == 0 && (plain_len == 0 || plain_len > CHUNK_PLAIN_MAX))
		reader_fail(r, ITM_ELIMIT, "chunk section says it is longer than sections may be, or empty");
	*s = (struct chunk_section){ .kind = kind, .codec = codec, .plain_len = (uint32_t)plain_len };
	if (codec == CHUNK_DROPPED) {
		reader_copy(r, s->hash, HASH_SIZE);
		return;
	}
	reader_copy(r, s->salt, CHUNK_SALT_SIZE);
	s->stored_len = reader_varint(r);
	s->stored = reader_bytes(r, s->stored_len);
	if (r->error == 0 && codec == CHUNK_RAW && s->stored_len != plain_len)
		reader_fail(r, ITM_EFORMAT, "raw chunk section has two lengths");
}

int chunk_decode(const void *data, size_t len, struct chunk *out, struct fault *fault)
{
	struct chunk c = { .flags = 0 };
	struct reader r;
	int kind = 0;

	reader_init(&r, data, len);
	if (reader_u8(&r) != 1 || reader_u8(&r) != 1)
		reader_fail(&r, ITM_EVERSION, "chunk of an unknown version or hash type");
	c.flags = reader_u16(&r);
	reader_copy(&r, c.stream.bytes, ID_SIZE);
	c.number = reader_varint(&r);
	c.last_frame = reader_varint(&r);
	c.boot_ns = reader_u64(&r);
	c.wall_ns = (int64_t)reader_u64(&r);
	uint64_t duration = reader_varint(&r), dictionary = reader_varint(&r);
	c.section_count = reader_u8(&r);
	if (r.error == 0 && (c.flags & ~FLAGS_KNOWN))
		reader_fail(&r, ITM_EVERSION, "unknown chunk flag");
	if (r.error == 0 && (c.number == 0 || !!(c.flags & CHUNK_FIRST) != (c.number == 1)))
		reader_fail(&r, ITM_EFORMAT, "chunk number does not fit its flags");
	if (r.error == 0 && (duration > UINT32_MAX || dictionary != 0))
		reader_fail(&r, ITM_EVERSION, "chunk duration or dictionary this program does not know");
	if (r.error == 0 && c.section_count > CHUNK_SECTIONS_MAX)
		reader_fail(&r, ITM_ELIMIT, "chunk says it has more sections than chunks may");
	for (size_t i = 0; r.error == 0 && i < c.section_count; i++) {
		decode_section(&r, &c.section[i], kind);
		kind = (int)c.section[i].kind;
	}
	reader_end(&r);
	if (r.error != 0)
		return reader_result(&r, fault);
	c.duration_ms = (uint32_t)duration;
	c.dictionary = (uint32_t)dictionary;
	*out = c;
	return 0;
}

static uint8_t *put_le(uint8_t *p, uint64_t v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		p[i] = (uint8_t)(v >> (8 * i));
	return p + n;
}

static uint8_t *put_bytes(uint8_t *p, const uint8_t *data, size_t n)
{
	memcpy(p, data, n);
	return p + n;
}

void chunk_digest(const struct chunk *c, uint8_t out[HASH_SIZE])
{
	static const uint8_t domain = DOMAIN_DIGEST;
	uint8_t header[CANONICAL_MAX], *p = header;

	p = put_le(p, 1, 1);
	p = put_le(p, 1, 1);
	p = put_le(p, c->flags, 2);
	p = put_bytes(p, c->stream.bytes, ID_SIZE);
	p = put_le(p, c->number, 8);
	p = put_le(p, c->last_frame, 8);
	p = put_le(p, c->boot_ns, 8);
	p = put_le(p, (uint64_t)c->wall_ns, 8);
	p = put_le(p, c->duration_ms, 4);
	p = put_le(p, c->dictionary, 4);
	p = put_le(p, c->section_count, 1);
	for (size_t i = 0; i < c->section_count; i++) {
		p = put_le(p, c->section[i].kind, 1);
		p = put_le(p, c->section[i].plain_len, 4);
		p = put_bytes(p, c->section[i].hash, HASH_SIZE);
	}
	hash_parts(&domain, 1, header, (size_t)(p - header), NULL, 0, out);
}
