/* Bundles. */
#include "tests/golden/vector.h"

#include <stdio.h>
#include <string.h>

#include "cli/bundle.h"
#include "format/keylist.h"
#include "format/meta.h"
#include "store/excerpt.h"

/* Two sessions that share a block; the second is exported. */
static void shared(struct chain *c, bool ended)
{
	chain_block(c, BLOCK_GENESIS);
	chain_receipt(c, RECEIPT_BLOCK);
	chain_chunk(c, "another session", 0);
	chain_block(c, 0);
	chain_chunk(c, "another session's end", CHUNK_END);
	chain_stream(c);
	chain_chunk(c, "$ id\r\n", 0);
	chain_block(c, 0);
	chain_receipt(c, RECEIPT_BLOCK);
	chain_chunk(c, "$ exit\r\n", ended ? CHUNK_END : 0);
	chain_block(c, 0);
	chain_receipt(c, RECEIPT_BLOCK);
	vector_close_host(c);
}

static void put_excerpt(const struct chain *c, struct excerpt *x)
{
	struct unit u;
	size_t at;
	int r = 0;

	for (at = 0; r == 0 && at < c->units.len; at += u.size) {
		vector_must(unit_decode(c->units.data + at, c->units.len - at, &u, NULL) == 0, "unit");
		r = excerpt_unit(x, &u);
	}
	vector_must(r >= 0, "excerpt");
}

/* s: what else goes into it. */
static void export_to(const struct chain *c, struct bundle_source s, struct buffer *file)
{
	struct excerpt *x = excerpt_new(&c->stream);
	struct buffer transcript;

	vector_must(x != NULL, "excerpt");
	put_excerpt(c, x);
	vector_must(excerpt_finish(x, &s.info, &s.evidence) == 0, "excerpt");
	s.host_name = "db1";
	s.trust.has_identity = s.trust.has_log = true;
	memcpy(s.trust.identity, c->identity.public_key, SIGN_PUBLIC_SIZE);
	memcpy(s.trust.log, c->log.public_key, SIGN_PUBLIC_SIZE);
	buffer_init(&transcript, VECTOR_FILE_MAX);
	vector_must(buffer_put_text(&transcript, "$ id\n$ exit\n") == 0, "transcript");
	s.transcript = &transcript;
	vector_must(bundle_write(file, &s) == 0, "bundle");
	buffer_free(&transcript);
	excerpt_free(x);
}

static void export_file(const struct chain *c, struct bundle_source s, const char *name)
{
	struct buffer file;

	buffer_init(&file, VECTOR_FILE_MAX);
	export_to(c, s, &file);
	vector_file(name, file.data, file.len);
	buffer_free(&file);
}

static void make_bundle(struct chain *c, const char *name)
{
	shared(c, true);
	export_file(c, (struct bundle_source){ 0 }, name);
}

static void make_bundle_running(struct chain *c, const char *name)
{
	shared(c, false);
	export_file(c, (struct bundle_source){ 0 }, name);
}

/* Nobody looks at a stamp who was not told whose to trust. */
static void make_bundle_stamped(struct chain *c, const char *name)
{
	struct buffer stamp;

	shared(c, true);
	buffer_init(&stamp, VECTOR_FILE_MAX);
	vector_must(buffer_put_text(&stamp, "a response of RFC 3161\n") == 0, name);
	export_file(c, (struct bundle_source){ .stamped = &stamp, .stamp = &stamp }, name);
	buffer_free(&stamp);
}

/* A session sealed by list 7, and in the bundle the list of that number. */
static void export_list(struct chain *c, const char *name, uint64_t number)
{
	struct keylist sealed = { .number = 7, .from = 1795456000, .until = 1826992000, .count = 1,
				  .auditor = { { .group = "audit", .name = "anna", .key = { .id = { 1 }, .key = { 9 } } } } }, given;
	struct buffer list, meta, signature;

	buffer_init(&list, KEYLIST_MAX);
	buffer_init(&meta, META_MAX);
	buffer_init(&signature, VECTOR_FILE_MAX);
	vector_must(keylist_encode(&list, &sealed) == 0 && keylist_decode(buffer_text(&list), list.len, &sealed, NULL) == 0 &&
	     keylist_describe(&sealed, &meta) == 0, name);
	c->env = buffer_text(&meta);
	chain_block(c, BLOCK_GENESIS);
	chain_chunk(c, "$ exit\r\n", CHUNK_END);
	chain_block(c, 0);
	chain_receipt(c, RECEIPT_BLOCK);
	vector_close_host(c);
	given = sealed;
	given.number = number;
	buffer_clear(&list);
	vector_must(keylist_encode(&list, &given) == 0 && buffer_put_text(&signature, "an officer's\n") == 0, name);
	export_file(c, (struct bundle_source){ .keylist = &list, .keylist_signature = &signature }, name);
	buffer_free(&list);
	buffer_free(&meta);
	buffer_free(&signature);
}

static void make_bundle_keylist(struct chain *c, const char *name)
{
	export_list(c, name, 7);
}

static void make_bundle_other_keylist(struct chain *c, const char *name)
{
	export_list(c, name, 8);
}

static void make_bundle_altered(struct chain *c, const char *name)
{
	struct buffer file;
	uint8_t *at;

	shared(c, true);
	buffer_init(&file, VECTOR_FILE_MAX);
	export_to(c, (struct bundle_source){ 0 }, &file);
	at = memmem(file.data, file.len, "$ exit", 6);
	vector_must(at != NULL, name);
	at[2] = 'E';
	vector_file(name, file.data, file.len);
	buffer_free(&file);
}

const struct vector export_vectors[] = {
	{ "bundle.tar", VERDICT_OK, make_bundle, "an export: another session's chunks as digests and links" },
	{ "bundle-stamped.tar", VERDICT_OK, make_bundle_stamped, "an export with a time stamp, which was not asked for" },
	{ "bundle-keylist.tar", VERDICT_OK, make_bundle_keylist, "an export with the key list that the session names" },
	{ "bundle-other-keylist.tar", VERDICT_TAMPERED, make_bundle_other_keylist, "an export with another key list" },
	{ "bundle-running.tar", VERDICT_OPEN_TAIL, make_bundle_running, "an export of a session without an end" },
	{ "bundle-altered.tar", VERDICT_TAMPERED, make_bundle_altered, "an export whose transcript was changed" },
	{ 0 },
};
