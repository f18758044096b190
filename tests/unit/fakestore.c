#include "tests/unit/fakestore.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <ftw.h>

#include "format/meta.h"
#include "format/receipt.h"
#include "format/unit.h"

#define MUST(x) do { int r_ = (x); if (r_ != 0) { fprintf(stderr, "%s:%d: %s: %s\n", __FILE__, __LINE__, #x, error_text(r_)); abort(); } } while (0)

enum { BOOT_MS = 1000 * 1000 };
static const int64_t wall_at_boot_ns = INT64_C(1790000000) * 1000000000;

static int64_t wall(uint64_t ms)
{
	return wall_at_boot_ns + (int64_t)(ms * 1000000);
}

void fakestore_open(struct fakestore *f)
{
	*f = (struct fakestore){ 0 };
	snprintf(f->dir, sizeof f->dir, "fakestore.XXXXXX");
	if (mkdtemp(f->dir) == NULL)
		abort();
	snprintf(f->store, sizeof f->store, "%s/store", f->dir);
	snprintf(f->index, sizeof f->index, "%s/index", f->dir);
	if (mkdir(f->store, 0700) != 0 || mkdir(f->index, 0700) != 0)
		abort();
	MUST(sign_init());
	sign_keypair(&f->identity);
	sign_keypair(&f->key);
	sign_keypair(&f->log);
	f->host = id_random();
	f->server = id_random();
	int error = 0;
	f->evidence = evidence_open(f->store, &f->server, true, &error);
	MUST(error * (f->evidence == NULL));
	MUST(evidence_host_add(f->evidence, &f->host, "db-01", f->identity.public_key, false));
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st, (void)flag, (void)ftw;
	return remove(path);
}

void fakestore_close(struct fakestore *f)
{
	evidence_close(f->evidence);
	nftw(f->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

void fakestore_session(struct fakesession *s, uint64_t start_ms, const char *user, const char *mode)
{
	struct buffer meta;
	*s = (struct fakesession){ .id = id_random(), .start_ms = BOOT_MS + start_ms };
	s->writer = chunk_writer_new(&s->id, 1);
	record_columns_init(&s->columns, CHUNK_PLAIN_MAX);
	buffer_init(&s->run, FRAME_RUN_MAX);
	buffer_init(&meta, META_MAX);
	MUST(meta_put(&meta, "hostname", "db-01"));
	MUST(meta_put(&meta, "user", user));
	MUST(meta_put(&meta, "service", "sshd"));
	MUST(meta_put(&meta, "mode", mode));
	MUST(meta_put(&meta, "columns", "80"));
	MUST(meta_put(&meta, "rows", "5"));
	MUST(meta_put(&meta, "uid", "1001"));
	fakestore_event(s, 0, RECORD_ENV, meta.len, buffer_text(&meta));
	buffer_free(&meta);
}

void fakestore_session_free(struct fakesession *s)
{
	chunk_writer_free(s->writer);
	record_columns_free(&s->columns);
	buffer_free(&s->run);
}

void fakestore_event(struct fakesession *s, uint64_t at_ms, enum record_kind kind, uint64_t code, const char *data)
{
	struct record_event e = { at_ms, kind, code, (const uint8_t *)data, data ? (size_t)code : 0 };
	MUST(record_columns_put(&s->columns, &e));
	MUST(record_put(&s->run, &s->run_last_ms, at_ms, kind, code, data));
}

void fakestore_out(struct fakesession *s, uint64_t at_ms, const char *text)
{
	fakestore_event(s, at_ms, RECORD_OUT, strlen(text), text);
}

static uint64_t next_frame(struct fakesession *s)
{
	buffer_clear(&s->run);
	s->run_last_ms = 0;
	return ++s->frame;
}

void fakestore_frame(struct fakestore *f, struct fakesession *s)
{
	struct buffer payload;
	/* Times in a frame count from its own start; here that is the session's. */
	struct frame frame = { .stream = s->id, .number = s->frame + 1, .boot_ns = s->start_ms * 1000000,
			       .wall_ns = wall(s->start_ms), .run = s->run.data, .run_len = s->run.len };
	buffer_init(&payload, FRAME_HEADER_SIZE + FRAME_RUN_MAX);
	MUST(frame_encode(&payload, &frame));
	MUST(evidence_tail_put(f->evidence, &f->host, &frame, payload.data, payload.len));
	buffer_free(&payload);
	next_frame(s);
}

void fakestore_chunk(struct fakestore *f, struct fakesession *s, uint16_t flags)
{
	struct buffer stored, signed_block;
	uint8_t digest[1][HASH_SIZE];
	if (s->run.len > 0)
		next_frame(s);
	buffer_init(&stored, UNIT_PAYLOAD_MAX);
	buffer_init(&signed_block, UNIT_PAYLOAD_MAX);
	struct chunk info = { .flags = flags, .last_frame = s->frame, .boot_ns = s->start_ms * 1000000,
			      .wall_ns = wall(s->start_ms), .duration_ms = (uint32_t)s->columns.last_ms };
	MUST(chunk_writer_put(s->writer, &info, &s->columns, &stored, digest[0]));
	record_columns_clear(&s->columns);
	struct block b = { .flags = f->sequence == 0 ? BLOCK_GENESIS : 0, .host = f->host, .sequence = ++f->sequence,
			   .wall_ns = wall(s->start_ms), .boot_ns = s->start_ms * 1000000, .chunk_count = 1 };
	memcpy(b.previous, f->head, HASH_SIZE);
	b.genesis.reason = BLOCK_INSTALL;
	memcpy(b.genesis.own_key, f->key.public_key, SIGN_PUBLIC_SIZE);
	memcpy(b.genesis.identity_key, f->identity.public_key, SIGN_PUBLIC_SIZE);
	memcpy(b.next_key, f->key.public_key, SIGN_PUBLIC_SIZE);
	MUST(block_seal(&b, (const uint8_t (*)[HASH_SIZE])digest, &f->key, &f->identity));
	MUST(block_encode(&signed_block, &b));
	block_hash(&b, f->head);
	struct chunk decoded;
	MUST(chunk_decode(stored.data, stored.len, &decoded, NULL));
	struct evidence_piece piece = { stored.data, stored.len }, block = { signed_block.data, signed_block.len };
	MUST(evidence_put(f->evidence, &b, &piece, &decoded, 1, &block));
	buffer_free(&stored);
	buffer_free(&signed_block);
}
