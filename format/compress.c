#include "format/compress.h"

#include <stdlib.h>

#include <zstd.h>

#include "base/error.h"

enum {
	WINDOW_LOG_MAX = 20, /* 1 MiB: what a reader will ever take for a window */
	TABLE_LOG = 14,      /* smaller than level 3's own: 1.1 MiB less a stream, no byte more stored on terminal output */
};

struct compress {
	ZSTD_CCtx *ctx;
	int level, window_log;
};

struct inflate { ZSTD_DCtx *ctx; };

struct compress *compress_new(int level, int window_log)
{
	struct compress *c = calloc(1, sizeof *c);
	if (c == NULL)
		return NULL;
	c->ctx = ZSTD_createCCtx();
	if (c->ctx == NULL) {
		free(c);
		return NULL;
	}
	c->level = level;
	c->window_log = window_log;
	compress_reset(c);
	return c;
}

void compress_free(struct compress *c)
{
	if (c == NULL)
		return;
	ZSTD_freeCCtx(c->ctx);
	free(c);
}

void compress_reset(struct compress *c)
{
	ZSTD_CCtx_reset(c->ctx, ZSTD_reset_session_and_parameters);
	ZSTD_CCtx_setParameter(c->ctx, ZSTD_c_compressionLevel, c->level);
	ZSTD_CCtx_setParameter(c->ctx, ZSTD_c_windowLog, c->window_log);
	ZSTD_CCtx_setParameter(c->ctx, ZSTD_c_hashLog, c->window_log < TABLE_LOG ? c->window_log : TABLE_LOG);
	ZSTD_CCtx_setParameter(c->ctx, ZSTD_c_chainLog, c->window_log < TABLE_LOG ? c->window_log : TABLE_LOG);
	ZSTD_CCtx_setParameter(c->ctx, ZSTD_c_contentSizeFlag, 0);
	ZSTD_CCtx_setParameter(c->ctx, ZSTD_c_checksumFlag, 0); /* sections carry SHA-256 */
}

int compress_put(struct compress *c, const void *data, size_t len, struct buffer *b)
{
	ZSTD_inBuffer in = { .src = data, .size = len };
	size_t before = b->len;
	for (;;) {
		size_t want = ZSTD_compressBound(len - in.pos) + 64;
		int r = buffer_reserve(b, want);
		if (r != 0) {
			b->len = before;
			return r;
		}
		ZSTD_outBuffer out = { .dst = b->data + b->len, .size = b->size - b->len };
		size_t left = ZSTD_compressStream2(c->ctx, &out, &in, ZSTD_e_flush);
		if (ZSTD_isError(left)) {
			b->len = before;
			return ITM_EFORMAT;
		}
		b->len += out.pos;
		if (left == 0 && in.pos == in.size)
			return 0;
	}
}

struct inflate *inflate_new(void)
{
	struct inflate *i = calloc(1, sizeof *i);
	if (i == NULL)
		return NULL;
	i->ctx = ZSTD_createDCtx();
	if (i->ctx == NULL) {
		free(i);
		return NULL;
	}
	ZSTD_DCtx_setParameter(i->ctx, ZSTD_d_windowLogMax, WINDOW_LOG_MAX);
	return i;
}

void inflate_free(struct inflate *i)
{
	if (i == NULL)
		return;
	ZSTD_freeDCtx(i->ctx);
	free(i);
}

void inflate_reset(struct inflate *i)
{
	ZSTD_DCtx_reset(i->ctx, ZSTD_reset_session_only);
}

int inflate_put(struct inflate *i, const void *data, size_t len, size_t plain_len, struct buffer *b)
{
	size_t before = b->len;
	int r = buffer_reserve(b, plain_len + 1); /* one byte more shows a lying length */
	if (r != 0)
		return r;
	ZSTD_inBuffer in = { .src = data, .size = len };
	ZSTD_outBuffer out = { .dst = b->data + b->len, .size = plain_len + 1 };
	for (;;) {
		size_t in_before = in.pos, out_before = out.pos;
		size_t left = ZSTD_decompressStream(i->ctx, &out, &in);
		if (ZSTD_isError(left))
			return ITM_EFORMAT;
		if (out.pos > plain_len)
			return ITM_EFORMAT;
		if (in.pos == in.size && out.pos == plain_len)
			break;
		if (in.pos == in_before && out.pos == out_before)
			return ITM_EFORMAT; /* no way on: too little or too much */
	}
	b->len = before + plain_len;
	return 0;
}
