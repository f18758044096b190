#include "format/compress.h"

#include <stdlib.h>
#include <threads.h>

#define ZSTD_STATIC_LINKING_ONLY /* dictionaries with parameters of our own */
#include <zstd.h>

#include "base/error.h"
#include "format/dictionary.h"

enum {
	WINDOW_LOG_MAX = 20, /* 1 MiB: what a reader will ever take for a window */
	TABLE_LOG = 14,      /* smaller than level 3's own: 1.1 MiB less a stream, no byte more stored on terminal output */
};

struct compress {
	ZSTD_CCtx *ctx;
	int level, window_log;
	const ZSTD_CDict *dictionary; /* of a slot below, NULL = none */
};

struct inflate { ZSTD_DCtx *ctx; };

/* Dictionaries made ready, shared by all streams of the process; each made
 * once, when it is first needed, and never changed or freed. */
enum { READY_MAX = 8 };
static struct ready { int level, window_log; enum compress_dictionary which; ZSTD_CDict *made; } ready[READY_MAX];
static ZSTD_DDict *ready_inflate[COMPRESS_CTL + 1];
static mtx_t ready_lock;
static once_flag ready_once = ONCE_FLAG_INIT;

static void make_lock(void)
{
	if (mtx_init(&ready_lock, mtx_plain) != thrd_success)
		abort();
}

static const struct dictionary *dictionary_of(enum compress_dictionary which)
{
	return which == COMPRESS_OUT ? &dictionary_out : &dictionary_ctl;
}

static int table_log(int window_log)
{
	return window_log < TABLE_LOG ? window_log : TABLE_LOG;
}

static ZSTD_CDict *make_dictionary(int level, int window_log, enum compress_dictionary which)
{
	const struct dictionary *d = dictionary_of(which);
	ZSTD_CDict *made = NULL;
	ZSTD_CCtx_params *p = ZSTD_createCCtxParams();
	if (p == NULL)
		return NULL;
	if (!ZSTD_isError(ZSTD_CCtxParams_init(p, level)) &&
	    !ZSTD_isError(ZSTD_CCtxParams_setParameter(p, ZSTD_c_windowLog, window_log)) &&
	    !ZSTD_isError(ZSTD_CCtxParams_setParameter(p, ZSTD_c_hashLog, table_log(window_log))) &&
	    !ZSTD_isError(ZSTD_CCtxParams_setParameter(p, ZSTD_c_chainLog, table_log(window_log))))
		made = ZSTD_createCDict_advanced2(d->data, d->len, ZSTD_dlm_byRef, ZSTD_dct_fullDict, p, ZSTD_defaultCMem);
	ZSTD_freeCCtxParams(p);
	return made;
}

static const ZSTD_CDict *dictionary_for(int level, int window_log, enum compress_dictionary which)
{
	const ZSTD_CDict *found = NULL;
	call_once(&ready_once, make_lock);
	mtx_lock(&ready_lock);
	for (size_t i = 0; i < READY_MAX && found == NULL; i++) {
		struct ready *r = &ready[i];
		if (r->made == NULL)
			*r = (struct ready){ level, window_log, which, make_dictionary(level, window_log, which) };
		if (r->level == level && r->window_log == window_log && r->which == which) {
			found = r->made;
			break;
		}
	}
	mtx_unlock(&ready_lock);
	return found;
}

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
	ZSTD_CCtx_setParameter(c->ctx, ZSTD_c_hashLog, table_log(c->window_log));
	ZSTD_CCtx_setParameter(c->ctx, ZSTD_c_chainLog, table_log(c->window_log));
	ZSTD_CCtx_setParameter(c->ctx, ZSTD_c_contentSizeFlag, 0);
	ZSTD_CCtx_setParameter(c->ctx, ZSTD_c_checksumFlag, 0); /* sections carry SHA-256 */
	ZSTD_CCtx_setParameter(c->ctx, ZSTD_c_dictIDFlag, 0);   /* the chunk's header says it */
	ZSTD_CCtx_refCDict(c->ctx, c->dictionary);
}

int compress_begin(struct compress *c, int level, enum compress_dictionary dictionary)
{
	const ZSTD_CDict *made = NULL;
	if (dictionary != COMPRESS_NO_DICTIONARY) {
		made = dictionary_for(level, c->window_log, dictionary);
		if (made == NULL)
			return ITM_ENOMEM;
	}
	c->level = level;
	c->dictionary = made;
	compress_reset(c);
	return 0;
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

int inflate_begin(struct inflate *i, enum compress_dictionary dictionary)
{
	ZSTD_DDict *made = NULL;
	if (dictionary != COMPRESS_NO_DICTIONARY) {
		const struct dictionary *d = dictionary_of(dictionary);
		call_once(&ready_once, make_lock);
		mtx_lock(&ready_lock);
		if (ready_inflate[dictionary] == NULL)
			ready_inflate[dictionary] = ZSTD_createDDict_byReference(d->data, d->len);
		made = ready_inflate[dictionary];
		mtx_unlock(&ready_lock);
		if (made == NULL)
			return ITM_ENOMEM;
	}
	inflate_reset(i);
	ZSTD_DCtx_refDDict(i->ctx, made);
	return 0;
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
