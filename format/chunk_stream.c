/* The running side of chunk.h: chunk_writer and chunk_reader, which carry
 * compression from chunk to chunk. */
#include "format/chunk.h"

#include <stdlib.h>
#include <string.h>

#include "format/compress.h"
#include "format/sign.h"

enum {
	DOMAIN_SECTION = 0x10,
	LEVEL = 3,
	QUIET_LEVEL = 12,                 /* for OUT while chunks are small: an eighth of the speed, no more memory */
	FLOOD_BYTES = 16 * 1024,          /* of OUT in a chunk that begins anew: speed counts */
	OUT_WINDOW_LOG = 17,              /* 128 KiB: two full chunks of history */
	CTL_WINDOW_LOG = 13,
	RESET_BYTES = 1 << 20,            /* plain bytes after which compression starts over */
	META_COMPRESS_MIN = 128,          /* bytes below which META is kept raw */
	STORED_MAX = CHUNK_PLAIN_MAX + 4096,
	NS_PER_MS = 1000000,
};
#define RESET_NS (300ull * 1000000000) /* 5 min */

static void section_hash(const uint8_t salt[CHUNK_SALT_SIZE], const void *plain, size_t len, uint8_t out[HASH_SIZE])
{
	uint8_t head[1 + CHUNK_SALT_SIZE] = { DOMAIN_SECTION };
	memcpy(head + 1, salt, CHUNK_SALT_SIZE);
	hash_parts(head, sizeof head, plain, len, NULL, 0, out);
}

struct chunk_writer {
	struct id stream;
	uint64_t number;              /* of the next chunk */
	bool reset;
	uint64_t since_reset;         /* plain bytes */
	uint64_t reset_boot_ns;
	struct compress *ctl, *out;
	struct buffer stored[CHUNK_SECTIONS_MAX];
};

struct chunk_writer *chunk_writer_new(const struct id *stream, uint64_t first_number)
{
	struct chunk_writer *w = calloc(1, sizeof *w);
	if (w == NULL)
		return NULL;
	w->stream = *stream;
	w->number = first_number;
	w->reset = true;
	w->ctl = compress_new(LEVEL, CTL_WINDOW_LOG);
	w->out = compress_new(LEVEL, OUT_WINDOW_LOG);
	for (size_t i = 0; i < CHUNK_SECTIONS_MAX; i++)
		buffer_init(&w->stored[i], STORED_MAX);
	if (w->ctl == NULL || w->out == NULL) {
		chunk_writer_free(w);
		return NULL;
	}
	return w;
}

void chunk_writer_free(struct chunk_writer *w)
{
	if (w == NULL)
		return;
	compress_free(w->ctl);
	compress_free(w->out);
	for (size_t i = 0; i < CHUNK_SECTIONS_MAX; i++)
		buffer_free(&w->stored[i]);
	free(w);
}

void chunk_writer_reset(struct chunk_writer *w)
{
	w->reset = true;
}

/* Add one column as a section; with no compressor it is kept raw, or, when
 * that pays, as a whole of its own. */
static int add_section(struct chunk_writer *w, struct chunk *c, enum chunk_section_kind kind,
		       const struct buffer *plain, struct compress *running)
{
	if (plain->len == 0)
		return 0;
	if (plain->len > CHUNK_PLAIN_MAX)
		return ITM_ELIMIT;
	struct buffer *stored = &w->stored[c->section_count];
	struct chunk_section *s = &c->section[c->section_count];
	*s = (struct chunk_section){ .kind = kind, .plain_len = (uint32_t)plain->len, .codec = CHUNK_RAW };
	chunk_salt(c, kind, s->salt);
	section_hash(s->salt, plain->data, plain->len, s->hash);
	buffer_clear(stored);
	int r;
	if (running != NULL) {
		s->codec = CHUNK_ZSTD;
		r = compress_put(running, plain->data, plain->len, stored);
	} else {
		r = buffer_put(stored, plain->data, plain->len);
	}
	s->stored = stored->data;
	s->stored_len = stored->len;
	c->section_count++;
	return r;
}

static int add_meta(struct chunk_writer *w, struct chunk *c, const struct buffer *meta)
{
	if (meta->len < META_COMPRESS_MIN)
		return add_section(w, c, CHUNK_META, meta, NULL);
	struct compress *whole = compress_new(LEVEL, OUT_WINDOW_LOG);
	if (whole == NULL)
		return ITM_ENOMEM;
	int r = add_section(w, c, CHUNK_META, meta, whole);
	c->section[c->section_count - 1].codec = CHUNK_ZSTD_WHOLE;
	compress_free(whole);
	return r;
}

static int maybe_reset(struct chunk_writer *w, struct chunk *c, size_t out_bytes)
{
	if (!w->reset && w->since_reset < RESET_BYTES && c->boot_ns - w->reset_boot_ns < RESET_NS)
		return 0;
	w->reset = true;
	int r = compress_begin(w->ctl, LEVEL, COMPRESS_CTL);
	if (r == 0)
		r = compress_begin(w->out, out_bytes < FLOOD_BYTES ? QUIET_LEVEL : LEVEL, COMPRESS_OUT);
	if (r != 0)
		return r;
	w->reset = false;
	w->since_reset = 0;
	w->reset_boot_ns = c->boot_ns;
	c->flags |= CHUNK_RESET;
	c->dictionary = CHUNK_DICTIONARY;
	return 0;
}

int chunk_writer_put(struct chunk_writer *w, const struct chunk *info, const struct record_columns *columns,
		     struct buffer *b, uint8_t digest[HASH_SIZE])
{
	struct chunk c = { .flags = info->flags & (CHUNK_END | CHUNK_LOSS), .stream = w->stream, .number = w->number,
			   .last_frame = info->last_frame, .boot_ns = info->boot_ns, .wall_ns = info->wall_ns,
			   .duration_ms = info->duration_ms };
	c.boot_ns -= c.boot_ns % NS_PER_MS;
	c.wall_ns -= c.wall_ns % NS_PER_MS;
	sign_random(c.salt, sizeof c.salt);
	if (c.number == 1)
		c.flags |= CHUNK_FIRST;
	int r = maybe_reset(w, &c, columns->out.len);
	if (r == 0)
		r = add_section(w, &c, CHUNK_CTL, &columns->ctl, w->ctl);
	if (r == 0)
		r = add_section(w, &c, CHUNK_OUT, &columns->out, w->out);
	if (r == 0)
		r = add_section(w, &c, CHUNK_IN, &columns->in, NULL);
	if (r == 0)
		r = add_meta(w, &c, &columns->meta);
	if (r == 0)
		r = chunk_encode(b, &c);
	if (r != 0) {
		w->reset = true; /* the compressors may be ahead of what was stored */
		return r;
	}
	chunk_digest(&c, digest);
	w->number++;
	w->since_reset += columns->ctl.len + columns->out.len;
	return 0;
}

struct chunk_reader {
	struct id stream;
	uint64_t next;                /* chunk number that continues the compression; 0 = none */
	struct inflate *ctl, *out, *whole;
	struct buffer plain[CHUNK_SECTIONS_MAX];
};

struct chunk_reader *chunk_reader_new(void)
{
	struct chunk_reader *r = calloc(1, sizeof *r);
	if (r == NULL)
		return NULL;
	r->ctl = inflate_new();
	r->out = inflate_new();
	r->whole = inflate_new();
	for (size_t i = 0; i < CHUNK_SECTIONS_MAX; i++)
		buffer_init(&r->plain[i], CHUNK_PLAIN_MAX + 1);
	if (r->ctl == NULL || r->out == NULL || r->whole == NULL) {
		chunk_reader_free(r);
		return NULL;
	}
	return r;
}

void chunk_reader_free(struct chunk_reader *r)
{
	if (r == NULL)
		return;
	inflate_free(r->ctl);
	inflate_free(r->out);
	inflate_free(r->whole);
	for (size_t i = 0; i < CHUNK_SECTIONS_MAX; i++)
		buffer_free(&r->plain[i]);
	free(r);
}

static int inflate_section(struct chunk_reader *r, struct chunk_section *s, struct buffer *plain)
{
	buffer_clear(plain);
	switch (s->codec) {
	case CHUNK_RAW:
		return buffer_put(plain, s->stored, s->stored_len);
	case CHUNK_ZSTD:
		if (s->kind != CHUNK_CTL && s->kind != CHUNK_OUT)
			return ITM_EFORMAT;
		return inflate_put(s->kind == CHUNK_CTL ? r->ctl : r->out, s->stored, s->stored_len, s->plain_len, plain);
	case CHUNK_ZSTD_WHOLE:
		inflate_reset(r->whole);
		return inflate_put(r->whole, s->stored, s->stored_len, s->plain_len, plain);
	default:
		return 0;
	}
}

static void set_cursor(struct record_cursor *cursor, const struct chunk_section *s, const struct buffer *plain)
{
	bool dropped = s->codec == CHUNK_DROPPED;
	switch (s->kind) {
	case CHUNK_CTL:
		cursor->ctl = plain->data;
		cursor->ctl_len = plain->len;
		break;
	case CHUNK_OUT:
		cursor->out = plain->data;
		cursor->out_len = plain->len;
		cursor->out_dropped = dropped;
		break;
	case CHUNK_IN:
		cursor->in = plain->data;
		cursor->in_len = plain->len;
		cursor->in_dropped = dropped;
		break;
	case CHUNK_META:
		cursor->meta = plain->data;
		cursor->meta_len = plain->len;
		cursor->meta_dropped = dropped;
		break;
	case CHUNK_EVT:
		break;
	}
}

/* A reader may begin at a RESET, or go on with the chunk after the last. */
static int position(struct chunk_reader *r, const struct chunk *c, struct fault *fault)
{
	if (c->flags & CHUNK_RESET) {
		int e = inflate_begin(r->ctl, c->dictionary ? COMPRESS_CTL : COMPRESS_NO_DICTIONARY);
		if (e == 0)
			e = inflate_begin(r->out, c->dictionary ? COMPRESS_OUT : COMPRESS_NO_DICTIONARY);
		return e == 0 ? 0 : error_fault(fault, e, 0, "no memory for its dictionary");
	}
	if (r->next != c->number || !id_equal(&r->stream, &c->stream))
		return error_fault(fault, ITM_EINVAL, 0, "needs the chunk before it");
	return 0;
}

int chunk_reader_next(struct chunk_reader *r, const void *data, size_t len, struct chunk *out,
		      struct record_cursor *cursor, uint8_t digest[HASH_SIZE], struct fault *fault)
{
	struct chunk c;
	struct record_cursor at = { .ctl = NULL };
	int e = chunk_decode(data, len, &c, fault);
	if (e == 0)
		e = position(r, &c, fault);
	if (e != 0)
		return e;
	r->next = 0;
	for (size_t i = 0; i < c.section_count; i++) {
		struct chunk_section *s = &c.section[i];
		buffer_clear(&r->plain[i]);
		if (s->codec != CHUNK_DROPPED) {
			e = inflate_section(r, s, &r->plain[i]);
			if (e != 0)
				return error_fault(fault, e, (uint64_t)(s->stored - (const uint8_t *)data),
						   "chunk section does not inflate to its stated length");
			section_hash(s->salt, r->plain[i].data, r->plain[i].len, s->hash);
		}
		set_cursor(&at, s, &r->plain[i]);
	}
	chunk_digest(&c, digest);
	r->stream = c.stream;
	r->next = c.number + 1;
	*out = c;
	if (cursor != NULL)
		*cursor = at;
	return 0;
}
