#include "format/chunk.h"

#include <string.h>

#include "base/reader.h"

enum {
	DOMAIN_DIGEST = 0x11, DOMAIN_SALT = 0x1f,
	FORM_ONE_SALT = 1, FORM_OWN_SALTS = 2,
	COUNT_SHIFT = 4,                 /* of sections, above the flags */
	KIND_MASK = 15, CODEC_SHIFT = 4, /* of a section's first byte */
	NS_PER_MS = 1000000,
	FLAGS_KNOWN = CHUNK_FIRST | CHUNK_END | CHUNK_RESET | CHUNK_LOSS,
	CANONICAL_MAX = 61 + CHUNK_SECTIONS_MAX * (1 + 4 + HASH_SIZE),
};

void chunk_salt(const struct chunk *c, enum chunk_section_kind kind, uint8_t out[CHUNK_SALT_SIZE])
{
	uint8_t bytes[1 + CHUNK_SALT_SIZE + 1] = { DOMAIN_SALT }, hash[HASH_SIZE];
	memcpy(bytes + 1, c->salt, CHUNK_SALT_SIZE);
	bytes[1 + CHUNK_SALT_SIZE] = (uint8_t)kind;
	hash_bytes(bytes, sizeof bytes, hash);
	memcpy(out, hash, CHUNK_SALT_SIZE);
}

void chunk_drop(struct chunk *c, size_t i)
{
	struct chunk_section *s = &c->section[i];
	s->codec = CHUNK_DROPPED;
	s->stored = NULL;
	s->stored_len = 0;
	memset(s->salt, 0, sizeof s->salt);
	memset(c->salt, 0, sizeof c->salt);
	c->own_salts = true;
}

static int encode_section(struct buffer *b, const struct chunk *c, const struct chunk_section *s)
{
	int e = buffer_put_u8(b, (uint8_t)(s->kind | s->codec << CODEC_SHIFT));
	e |= buffer_put_varint(b, s->plain_len);
	if (s->codec == CHUNK_DROPPED)
		return e | buffer_put(b, s->hash, HASH_SIZE);
	if (c->own_salts)
		e |= buffer_put(b, s->salt, CHUNK_SALT_SIZE);
	if (s->codec != CHUNK_RAW)
		e |= buffer_put_varint(b, s->stored_len);
	return e | buffer_put(b, s->stored, s->stored_len);
}

int chunk_encode(struct buffer *b, const struct chunk *c)
{
	size_t before = b->len;
	if (c->boot_ns % NS_PER_MS != 0 || c->wall_ns % NS_PER_MS != 0)
		return ITM_EINVAL;
	int e = buffer_put_u8(b, c->own_salts ? FORM_OWN_SALTS : FORM_ONE_SALT);
	e |= buffer_put_u8(b, (uint8_t)(c->flags | c->section_count << COUNT_SHIFT));
	e |= buffer_put(b, c->stream.bytes, ID_SIZE);
	e |= buffer_put_varint(b, c->number);
	e |= buffer_put_varint(b, c->last_frame);
	e |= buffer_put_varint(b, c->boot_ns / NS_PER_MS);
	e |= buffer_put_zigzag(b, c->wall_ns / NS_PER_MS);
	e |= buffer_put_varint(b, c->duration_ms);
	e |= buffer_put_varint(b, c->dictionary);
	if (!c->own_salts)
		e |= buffer_put(b, c->salt, CHUNK_SALT_SIZE);
	for (size_t i = 0; e == 0 && i < c->section_count; i++)
		e |= encode_section(b, c, &c->section[i]);
	if (e != 0) {
		b->len = before;
		return ITM_ELIMIT;
	}
	return 0;
}

static void decode_section(struct reader *r, const struct chunk *c, struct chunk_section *s, int previous_kind)
{
	uint8_t byte = reader_u8(r), kind = byte & KIND_MASK, codec = byte >> CODEC_SHIFT;
	uint64_t plain_len = reader_varint(r);

	if (r->error == 0 && (kind < CHUNK_CTL || kind > CHUNK_EVT || kind <= previous_kind))
		reader_fail(r, ITM_EVERSION, "chunk section of an unknown kind, or out of order");
	if (r->error == 0 && codec > CHUNK_DROPPED)
		reader_fail(r, ITM_EVERSION, "chunk section of an unknown codec");
	if (r->error == 0 && (plain_len == 0 || plain_len > CHUNK_PLAIN_MAX))
		reader_fail(r, ITM_ELIMIT, "chunk section says it is longer than sections may be, or empty");
	*s = (struct chunk_section){ .kind = kind, .codec = codec, .plain_len = (uint32_t)plain_len };
	if (codec == CHUNK_DROPPED && !c->own_salts)
		reader_fail(r, ITM_EFORMAT, "chunk with a dropped section still has its salt");
	if (codec == CHUNK_DROPPED) {
		reader_copy(r, s->hash, HASH_SIZE);
		return;
	}
	if (c->own_salts)
		reader_copy(r, s->salt, CHUNK_SALT_SIZE);
	else
		chunk_salt(c, kind, s->salt);
	s->stored_len = codec == CHUNK_RAW ? plain_len : reader_varint(r);
	s->stored = reader_bytes(r, s->stored_len);
}

static void decode_header(struct reader *r, struct chunk *c)
{
	uint8_t form = reader_u8(r);
	if (form != FORM_ONE_SALT && form != FORM_OWN_SALTS)
		reader_fail(r, ITM_EVERSION, "chunk of an unknown form");
	c->own_salts = form == FORM_OWN_SALTS;
	uint8_t byte = reader_u8(r);
	c->flags = byte & FLAGS_KNOWN;
	c->section_count = byte >> COUNT_SHIFT;
	reader_copy(r, c->stream.bytes, ID_SIZE);
	c->number = reader_varint(r);
	c->last_frame = reader_varint(r);
	uint64_t boot_ms = reader_varint(r);
	int64_t wall_ms = reader_zigzag(r);
	uint64_t duration = reader_varint(r), dictionary = reader_varint(r);
	if (!c->own_salts)
		reader_copy(r, c->salt, CHUNK_SALT_SIZE);
	if (r->error == 0 && (c->number == 0 || !!(c->flags & CHUNK_FIRST) != (c->number == 1)))
		reader_fail(r, ITM_EFORMAT, "chunk number does not fit its flags");
	if (r->error == 0 && (duration > UINT32_MAX || dictionary > (c->flags & CHUNK_RESET ? CHUNK_DICTIONARY : 0)))
		reader_fail(r, ITM_EVERSION, "chunk duration or dictionary this program does not know");
	if (r->error == 0 && c->section_count > CHUNK_SECTIONS_MAX)
		reader_fail(r, ITM_ELIMIT, "chunk says it has more sections than chunks may");
	if (r->error == 0 && (boot_ms > UINT64_MAX / NS_PER_MS || wall_ms > INT64_MAX / NS_PER_MS || wall_ms < INT64_MIN / NS_PER_MS))
		reader_fail(r, ITM_EFORMAT, "chunk's time is out of range");
	if (r->error != 0)
		return;
	c->boot_ns = boot_ms * NS_PER_MS;
	c->wall_ns = wall_ms * NS_PER_MS;
	c->duration_ms = (uint32_t)duration;
	c->dictionary = (uint32_t)dictionary;
}

int chunk_decode(const void *data, size_t len, struct chunk *out, struct fault *fault)
{
	struct chunk c = { .flags = 0 };
	struct reader r;
	int kind = 0;

	reader_init(&r, data, len);
	decode_header(&r, &c);
	for (size_t i = 0; r.error == 0 && i < c.section_count; i++) {
		decode_section(&r, &c, &c.section[i], kind);
		kind = (int)c.section[i].kind;
	}
	reader_end(&r);
	if (r.error != 0)
		return reader_result(&r, fault);
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
	p = put_le(p, 0, 4); /* unused: a chunk may be compressed anew, with another dictionary */
	p = put_le(p, c->section_count, 1);
	for (size_t i = 0; i < c->section_count; i++) {
		p = put_le(p, c->section[i].kind, 1);
		p = put_le(p, c->section[i].plain_len, 4);
		p = put_bytes(p, c->section[i].hash, HASH_SIZE);
	}
	hash_parts(&domain, 1, header, (size_t)(p - header), NULL, 0, out);
}
