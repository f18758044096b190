/* The walk of itm verify over files: what is whole is called so, and a flaw is
 * named with its file and place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/atomicfile.h"
#include "base/error.h"
#include "cli/walk.h"
#include "tests/unit/chain.h"
#include "view/catalog.h"

struct place {
	char dir[64], path[128];
	struct chain chain;
	struct verify_trust trust;
};

/* One segment with the sample chain; store: as a store would hold it. */
static void place_write(struct place *p, const uint8_t *units, size_t len, bool store)
{
	struct segment_header header = { .store = store, .owner = p->chain.host, .number = 1 };
	uint8_t bytes[SEGMENT_HEADER_SIZE];
	struct buffer b;

	unit_segment_encode(&header, bytes);
	buffer_init(&b, 1 << 20);
	assert_int_equal(buffer_put(&b, bytes, sizeof(bytes)), 0);
	assert_int_equal(buffer_put(&b, units, len), 0);
	assert_int_equal(atomicfile_write(p->path, b.data, b.len, 0600), 0);
	buffer_free(&b);
}

static void place_open(struct place *p)
{
	snprintf(p->dir, sizeof(p->dir), "/tmp/itm-test-walk-XXXXXX");
	assert_non_null(mkdtemp(p->dir));
	snprintf(p->path, sizeof(p->path), "%s/seg-0000000000000001.itm", p->dir);
	chain_init(&p->chain);
	chain_sample(&p->chain);
	p->trust = (struct verify_trust){ .has_identity = true, .has_log = true };
	memcpy(p->trust.identity, p->chain.identity.public_key, SIGN_PUBLIC_SIZE);
	memcpy(p->trust.log, p->chain.log.public_key, SIGN_PUBLIC_SIZE);
	place_write(p, p->chain.units.data, p->chain.units.len, false);
}

static void place_close(struct place *p)
{
	chain_free(&p->chain);
	unlink(p->path);
	rmdir(p->dir);
}

/* Everything that was said about the place. */
static enum verdict judge(struct place *p, bool as_spool, char *words, size_t size)
{
	struct walk w;
	enum verdict worst;
	size_t i, used = 0;

	walk_init(&w);
	w.trust = p->trust;
	assert_int_equal(as_spool ? walk_spool(&w, p->dir) : walk_file(&w, p->path), 0);
	worst = walk_finish(&w);
	words[0] = '\0';
	if (w.flaws > 0)
		used += (size_t)snprintf(words, size, "%s\n", w.flaw);
	for (i = 0; i < w.host_count; i++)
		used += (size_t)snprintf(words + used, size - used, "%s\n", w.hosts[i].result.detail);
	walk_free(&w);
	return worst;
}

static void whole_records_are_called_so(void **state)
{
	struct verify_result wanted;
	struct place p;
	char words[1024];

	place_open(&p);
	wanted = chain_verify(&p.chain, p.chain.units.data, p.chain.units.len);
	assert_int_equal(judge(&p, true, words, sizeof(words)), wanted.verdict);
	assert_int_equal(judge(&p, false, words, sizeof(words)), wanted.verdict);
	assert_true(wanted.verdict <= VERDICT_UNANCHORED);
	place_close(&p);
}

/* Each byte once, some bits of it: as a spool, as a file, as a store's file. */
static void one_flipped_bit_is_named(void **state)
{
	struct place p;
	char words[2048];
	uint8_t *copy;
	size_t i, len;
	int form;

	place_open(&p);
	len = p.chain.units.len;
	copy = malloc(len);
	memcpy(copy, p.chain.units.data, len);
	for (i = 0; i < len; i += 3) {
		for (form = 0; form < 3; form++) {
			copy[i] ^= (uint8_t)(1 << (i % 8));
			place_write(&p, copy, len, form == 2);
			if (judge(&p, form == 0, words, sizeof(words)) != VERDICT_TAMPERED)
				fail_msg("byte %zu as %d: not found: %s", i, form, words);
			if (strstr(words, "seg-0000000000000001.itm") == NULL)
				fail_msg("byte %zu as %d: no file named: %s", i, form, words);
			copy[i] ^= (uint8_t)(1 << (i % 8));
		}
	}
	free(copy);
	place_close(&p);
}

static void broken_headers_are_flaws(void **state)
{
	struct place p;
	char words[1024];
	FILE *f;

	place_open(&p);
	f = fopen(p.path, "r+b");
	assert_non_null(f);
	fseek(f, 20, SEEK_SET);
	int byte = fgetc(f);
	fseek(f, 20, SEEK_SET);
	fputc(byte ^ 0xff, f);
	fclose(f);
	assert_int_equal(judge(&p, true, words, sizeof(words)), VERDICT_TAMPERED);
	assert_non_null(strstr(words, "seg-0000000000000001.itm, byte"));
	assert_int_equal(judge(&p, false, words, sizeof(words)), VERDICT_TAMPERED);
	place_close(&p);
}

static void a_store_group_needs_its_block(void **state)
{
	struct place p;
	char words[1024];
	struct chain c;
	size_t whole;

	place_open(&p);
	whole = p.chain.units.len;
	chain_init(&c);
	chain_chunk(&c, "alone", 0);
	assert_int_equal(buffer_put(&p.chain.units, c.units.data, c.units.len), 0);
	place_write(&p, p.chain.units.data, p.chain.units.len, true);
	assert_int_equal(judge(&p, false, words, sizeof(words)), VERDICT_TAMPERED);
	assert_non_null(strstr(words, "chunks without the block"));
	place_write(&p, p.chain.units.data, whole, true);
	assert_int_not_equal(judge(&p, false, words, sizeof(words)), VERDICT_TAMPERED);
	chain_free(&c);
	place_close(&p);
}

static void wrong_keys_are_not_trusted(void **state)
{
	struct place p;
	char words[1024];

	place_open(&p);
	p.trust.identity[5] ^= 1;
	assert_true(judge(&p, true, words, sizeof(words)) >= VERDICT_UNATTESTED);
	place_close(&p);
}

static void sessions_of_a_spool_are_found(void **state)
{
	struct index_session found;
	struct catalog catalog;
	struct place p;
	char text[ID_TEXT_SIZE];

	place_open(&p);
	assert_int_equal(catalog_read(&catalog, p.dir), 0);
	assert_in_range(catalog.count, 1, 4);
	assert_int_equal(catalog_find(&catalog, "last", &found), 0);
	id_format(&found.stream, text);
	text[6] = '\0';
	assert_int_equal(catalog_find(&catalog, text, &found), 0);
	text[3] = '\0';
	assert_int_equal(catalog_find(&catalog, text, &found), ITM_ENOENT);
	catalog_free(&catalog);
	assert_int_equal(catalog_read(&catalog, "/nonexistent"), ITM_ENOENT);
	place_close(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole_records_are_called_so),
		cmocka_unit_test(one_flipped_bit_is_named),
		cmocka_unit_test(broken_headers_are_flaws),
		cmocka_unit_test(a_store_group_needs_its_block),
		cmocka_unit_test(wrong_keys_are_not_trusted),
		cmocka_unit_test(sessions_of_a_spool_are_found),
	};

	if (sign_init() != 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
