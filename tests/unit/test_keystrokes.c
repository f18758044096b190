/* Keystrokes on a host: which key list is in force, and what a recorder makes
 * of what is typed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/brokerd/sealing.h"
#include "base/atomicfile.h"
#include "base/clock.h"
#include "base/log.h"
#include "format/meta.h"
#include "format/minisign.h"
#include "format/sealed.h"
#include "format/sign.h"
#include "itm-shell/recorder/keystrokes.h"
#include "local/recording.h"

#define MS UINT64_C(1000000)

/* Metadata that name one auditor, whose key is given. */
static void name_auditor(struct buffer *meta, struct keyfile_secret *key)
{
	struct keylist list = { .number = 1, .from = 1, .until = 2, .count = 1,
				.auditor = { { .group = "audit", .name = "anna" } } };
	assert_int_equal(sign_init(), 0);
	keyfile_new(KEYFILE_AUDITOR, key);
	keyfile_public(key, &list.auditor[0].key);
	buffer_init(meta, META_MAX);
	assert_int_equal(keylist_describe(&list, meta), 0);
}

/* What an auditor reads in a recording that has not been sent; SEAL events
 * show as | and what can't be read as ?. */
static void read_typed(const struct recording *r, struct sealed *keys, char *out)
{
	struct record_run run;
	struct record_event e;
	record_run_init(&run, r->run.data, r->run.len);
	while (record_run_next(&run, &e, NULL) == 1) {
		sealed_event(keys, &e);
		if (e.kind == RECORD_SEAL)
			*out++ = '|';
		else if (e.kind == RECORD_IN && e.data == NULL)
			*out++ = '?';
		else if (e.kind == RECORD_IN)
			for (size_t i = 0; i < e.len; i++)
				*out++ = (char)e.data[i];
	}
	*out = '\0';
}

static void test_keystrokes_are_sealed(void **state)
{
	struct id id = id_random();
	struct keyfile_secret key;
	struct recording r;
	struct buffer meta;
	char text[64], how[16];
	name_auditor(&meta, &key);
	struct keystrokes *k = keystrokes_open(&meta, &id);
	assert_non_null(k);
	assert_int_equal(meta_get((char *)meta.data, meta.len, "keystrokes", 0, how, sizeof how), 6);
	assert_string_equal(how, "sealed");
	assert_int_equal(recording_open(&r, -1, &id, USERS_BEST_EFFORT), 0);
	assert_true(keystrokes_due_ns(k) == 0);
	keystrokes_typed(k, &r, 1000 * MS, (const uint8_t *)"secret ", 7);
	assert_true(keystrokes_due_ns(k) == 6000 * MS);
	keystrokes_typed(k, &r, 5999 * MS, (const uint8_t *)"word", 4);
	assert_true(memmem(r.run.data, r.run.len, "secret", 6) == NULL && memmem(r.run.data, r.run.len, "word", 4) == NULL);
	keystrokes_tick(k, 6000 * MS);
	assert_true(keystrokes_due_ns(k) == 0);
	keystrokes_typed(k, &r, 9000 * MS, (const uint8_t *)"next", 4);
	/* Bytes that were lost: a reader goes on at a new key. */
	r.losing = true;
	keystrokes_typed(k, &r, 9001 * MS, (const uint8_t *)"lost", 4);
	r.losing = false;
	assert_true(r.lost_bytes == 4);
	keystrokes_typed(k, &r, 9002 * MS, (const uint8_t *)"end", 3);
	struct sealed *keys = sealed_new();
	assert_int_equal(sealed_add(keys, &key), 0);
	assert_int_equal(sealed_open(keys, &id, meta.data, meta.len, NULL), 0);
	read_typed(&r, keys, text);
	assert_string_equal(text, "|secret word|next|end");
	sealed_free(keys);
	keystrokes_close(k);
	recording_close(&r);
	buffer_free(&meta);
}

static void test_keystrokes_are_counted_without_auditors(void **state)
{
	struct id id = id_random();
	struct record_run run;
	struct record_event e;
	struct recording r;
	struct buffer meta;
	char how[16];
	buffer_init(&meta, META_MAX);
	assert_null(keystrokes_open(&meta, &id));
	assert_int_equal(meta_get((char *)meta.data, meta.len, "keystrokes", 0, how, sizeof how), 7);
	assert_int_equal(recording_open(&r, -1, &id, USERS_BEST_EFFORT), 0);
	keystrokes_typed(NULL, &r, MS, (const uint8_t *)"ls\r", 3);
	record_run_init(&run, r.run.data, r.run.len);
	assert_int_equal(record_run_next(&run, &e, NULL), 1);
	assert_true(e.kind == RECORD_COUNTED && e.code == 3 << 2);
	assert_int_equal(record_run_next(&run, &e, NULL), 0);
	recording_close(&r);
	buffer_free(&meta);
}

/* A host's folder with an officer's public key. */
struct host { char folder[32]; struct settings_agent settings; struct keyfile_secret officer, auditor; };

static void host_make(struct host *h)
{
	struct keyfile_public key;
	struct buffer b;
	*h = (struct host){ .folder = "/tmp/itm-keylist-XXXXXX" };
	assert_non_null(mkdtemp(h->folder));
	snprintf(h->settings.keylist, sizeof h->settings.keylist, "%s/list", h->folder);
	snprintf(h->settings.keylist_seen, sizeof h->settings.keylist_seen, "%s/seen", h->folder);
	snprintf(h->settings.officer_key, sizeof h->settings.officer_key, "%s/officer", h->folder);
	keyfile_new(KEYFILE_OFFICER, &h->officer);
	keyfile_new(KEYFILE_AUDITOR, &h->auditor);
	keyfile_public(&h->officer, &key);
	buffer_init(&b, KEYFILE_MAX);
	assert_int_equal(keyfile_put_public(&b, KEYFILE_OFFICER, &key, "officer"), 0);
	assert_int_equal(atomicfile_write(h->settings.officer_key, b.data, b.len, 0644), 0);
	buffer_free(&b);
}

static void host_remove(struct host *h)
{
	static const char *const names[] = { "list", "list.minisig", "seen", "seen.minisig", "officer" };
	char path[64];
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		snprintf(path, sizeof path, "%s/%s", h->folder, names[i]);
		unlink(path);
	}
	assert_int_equal(rmdir(h->folder), 0);
}

static void put_list(const struct host *h, const struct keyfile_secret *officer, uint64_t number, int64_t until)
{
	struct keylist list = { .number = number, .from = 1, .until = until, .count = 1,
				.auditor = { { .group = "audit", .name = "anna" } } };
	char path[300];
	struct buffer text, signature;
	keyfile_public(&h->auditor, &list.auditor[0].key);
	buffer_init(&text, KEYLIST_MAX);
	buffer_init(&signature, MINISIGN_MAX);
	assert_int_equal(keylist_encode(&text, &list), 0);
	assert_int_equal(minisign_sign(&signature, officer, text.data, text.len, "list"), 0);
	snprintf(path, sizeof path, "%s.minisig", h->settings.keylist);
	assert_int_equal(atomicfile_write(path, signature.data, signature.len, 0644), 0);
	assert_int_equal(atomicfile_write(h->settings.keylist, text.data, text.len, 0644), 0);
	buffer_free(&text);
	buffer_free(&signature);
}

/* Number of the list in use after another look, 0 = none. */
static uint64_t in_force(struct sealing *s, const struct host *h)
{
	sealing_refresh(s, &h->settings);
	const struct keylist *list = sealing_list(s);
	return list != NULL ? list->number : 0;
}

static void test_the_last_good_list_stays(void **state)
{
	int64_t later = clock_wall_ns() / 1000000000 + 1000;
	struct sealing s = { .read = false }, restarted = { .read = false };
	struct keyfile_secret stranger;
	struct host h;
	host_make(&h);
	assert_int_equal(in_force(&s, &h), 0);
	assert_true(s.refused);
	put_list(&h, &h.officer, 5, later);
	assert_int_equal(in_force(&s, &h), 5);
	assert_false(s.refused);
	uint64_t changes = s.changes;
	assert_int_equal(in_force(&s, &h), 5);
	assert_int_equal(s.changes, changes);
	/* Older, another with the same number, a stranger's, none at all. */
	put_list(&h, &h.officer, 4, later);
	assert_int_equal(in_force(&s, &h), 5);
	assert_true(s.refused && s.changes == changes + 1);
	put_list(&h, &h.officer, 5, later + 1);
	assert_int_equal(in_force(&s, &h), 5);
	assert_true(s.refused);
	keyfile_new(KEYFILE_OFFICER, &stranger);
	put_list(&h, &stranger, 6, later);
	assert_int_equal(in_force(&s, &h), 5);
	unlink(h.settings.keylist);
	assert_int_equal(in_force(&s, &h), 5);
	assert_int_equal(in_force(&restarted, &h), 5);
	put_list(&h, &h.officer, 6, later);
	assert_int_equal(in_force(&restarted, &h), 6);
	/* Its time is over. */
	put_list(&h, &h.officer, 7, 2);
	assert_int_equal(in_force(&restarted, &h), 0);
	/* No officer, no sealing. */
	put_list(&h, &h.officer, 8, later);
	unlink(h.settings.officer_key);
	assert_int_equal(in_force(&restarted, &h), 0);
	host_remove(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_keystrokes_are_sealed),
		cmocka_unit_test(test_keystrokes_are_counted_without_auditors),
		cmocka_unit_test(test_the_last_good_list_stays),
	};
	if (sign_init() != 0)
		return 1;
	log_open("test_keystrokes", 0);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
