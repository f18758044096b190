/* Sealed keystrokes: ratchet, boxes, key files, key lists, minisign's form. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "format/keylist.h"
#include "format/meta.h"
#include "format/minisign.h"
#include "format/sealed.h"
#include "format/sign.h"

static struct id stream_id(void)
{
	struct id id;
	for (int i = 0; i < ID_SIZE; i++)
		id.bytes[i] = (uint8_t)i;
	return id;
}

static void expect_hex(const uint8_t *data, size_t len, const char *hex)
{
	char text[129];
	for (size_t i = 0; i < len; i++)
		snprintf(text + 2 * i, 3, "%02x", data[i]);
	assert_string_equal(text, hex);
}

/* Numbers of another program: hashlib and XChaCha20 written out in Python. */
static void ratchet(void **state)
{
	uint8_t root[SEAL_KEY_SIZE], text[66], check[SEAL_CHECK_SIZE];
	struct id id = stream_id();
	struct seal_state s;

	for (int i = 0; i < SEAL_KEY_SIZE; i++)
		root[i] = (uint8_t)(100 + i);
	memset(text, 'p', 60);
	memcpy(text + 60, "ls -l\r", 6);
	seal_start(&s, root, &id);
	assert_int_equal(seal_advance(&s, 3), 0);
	expect_hex(s.key, sizeof s.key, "b243b8682bd8ccfc707f2adc7c9d342cda14af6c7d336a46d4c5c21e4bc1a5ac");
	/* In pieces, as keys are typed. */
	for (size_t at = 0, n; at < sizeof text; at += n) {
		n = at < 60 ? 7 : 1;
		if (n > sizeof text - at)
			n = sizeof text - at;
		seal_crypt(&s, text + at, n, text + at);
	}
	expect_hex(text + 58, 8, "b2edf926f92a7731");
	seal_check(root, &id, check);
	expect_hex(check, sizeof check, "437a70b8fc1dcbe993a67e528cdda074");
	assert_int_equal(seal_advance(&s, 2), ITM_EINVAL);
	assert_int_equal(seal_advance(&s, SEAL_STEPS_MAX + UINT64_C(1)), ITM_ELIMIT);
}

static struct keylist_auditor auditor(const char *group, const char *name, struct keyfile_secret *secret)
{
	struct keylist_auditor a;
	keyfile_new(KEYFILE_AUDITOR, secret);
	snprintf(a.group, sizeof a.group, "%s", group);
	snprintf(a.name, sizeof a.name, "%s", name);
	keyfile_public(secret, &a.key);
	return a;
}

/* anna and bert are one group, carl another. */
struct people { struct keylist list; struct keyfile_secret anna, bert, carl, officer; };

static void meet(struct people *p, bool both_groups)
{
	p->list = (struct keylist){ .number = 7, .from = 1000, .until = 2000, .note = "demonstration keys", .count = both_groups ? 3 : 2 };
	p->list.auditor[0] = auditor("audit", "anna", &p->anna);
	p->list.auditor[1] = auditor("audit", "bert", &p->bert);
	p->list.auditor[2] = auditor("works-council", "carl", &p->carl);
	keyfile_new(KEYFILE_OFFICER, &p->officer);
}

static void begin(const struct keylist *list, struct buffer *meta, struct seal_state *s)
{
	struct id id = stream_id();
	buffer_init(meta, META_MAX);
	assert_int_equal(meta_put(meta, "user", "john"), 0);
	assert_int_equal(keylist_describe(list, meta), 0);
	assert_int_equal(sealed_begin(meta, &id, s), 0);
}

static int try(const struct buffer *meta, const struct keyfile_secret *a, const struct keyfile_secret *b)
{
	struct id id = stream_id();
	struct sealed *s = sealed_new();
	char words[SEALED_WORDS_SIZE];
	assert_non_null(s);
	if (a != NULL)
		assert_int_equal(sealed_add(s, a), 0);
	if (b != NULL)
		assert_int_equal(sealed_add(s, b), 0);
	int r = sealed_open(s, &id, meta->data, meta->len, words);
	assert_int_equal(sealed_is_open(s), r == 0);
	sealed_free(s);
	return r;
}

static void who_can_open(void **state)
{
	struct seal_state s;
	struct buffer meta;
	struct people p, other;
	meet(&p, false);
	meet(&other, false);
	begin(&p.list, &meta, &s);
	assert_int_equal(try(&meta, &p.anna, NULL), 0);
	assert_int_equal(try(&meta, &p.bert, NULL), 0);
	assert_int_equal(try(&meta, NULL, NULL), ITM_EPERM);
	assert_int_equal(try(&meta, &other.anna, &p.carl), ITM_EPERM);
	buffer_free(&meta);
	meet(&p, true);
	begin(&p.list, &meta, &s);
	assert_int_equal(try(&meta, &p.anna, NULL), ITM_EPERM);
	assert_int_equal(try(&meta, &p.anna, &p.bert), ITM_EPERM);
	assert_int_equal(try(&meta, &p.carl, NULL), ITM_EPERM);
	assert_int_equal(try(&meta, &p.carl, &p.bert), 0);
	assert_int_equal(try(&meta, &p.anna, &p.carl), 0);
	buffer_free(&meta);
}

static void damaged_boxes(void **state)
{
	static const char *const keys[] = { "seal_box=", "seal_check=", "seal_key=" };
	struct seal_state s;
	struct buffer meta;
	struct people p;
	meet(&p, true);
	begin(&p.list, &meta, &s);
	for (size_t k = 0; k < sizeof keys / sizeof keys[0]; k++) {
		char *at = strstr(buffer_text(&meta), keys[k]) + strlen(keys[k]) + (k == 2 ? 40 : 5);
		char was = *at;
		*at = was == 'A' ? 'B' : 'A';
		if (try(&meta, &p.anna, &p.carl) == 0)
			fail_msg("%s", keys[k]);
		*at = was;
		assert_int_equal(try(&meta, &p.anna, &p.carl), 0);
	}
	/* Boxes copied into the metadata of another session open nothing. */
	struct id id = stream_id();
	struct sealed *opener = sealed_new();
	id.bytes[3] ^= 1;
	assert_int_equal(sealed_add(opener, &p.anna), 0);
	assert_int_equal(sealed_add(opener, &p.carl), 0);
	assert_int_equal(sealed_open(opener, &id, meta.data, meta.len, NULL), ITM_ECRYPTO);
	sealed_free(opener);
	buffer_free(&meta);
}

/* What a recorder does for one key press or paste. */
struct typed { enum record_kind kind; uint64_t code; uint8_t data[8]; size_t len; };

static size_t type(struct seal_state *s, struct typed *out, uint64_t step, const char *text)
{
	size_t n = 0;
	if (step != 0) {
		assert_int_equal(seal_advance(s, step), 0);
		out[n++] = (struct typed){ .kind = RECORD_SEAL, .code = step };
	}
	out[n] = (struct typed){ .kind = RECORD_IN, .code = strlen(text), .len = strlen(text) };
	seal_crypt(s, text, strlen(text), out[n].data);
	return n + 1;
}

static void expect(struct sealed *o, const struct typed *t, const char *text)
{
	struct record_event e = { .kind = t->kind, .code = t->code, .data = t->kind == RECORD_IN ? t->data : NULL, .len = t->len };
	sealed_event(o, &e);
	if (text == NULL) {
		assert_null(e.data);
	} else {
		assert_int_equal(e.len, strlen(text));
		assert_memory_equal(e.data, text, e.len);
	}
}

static void lost_events(void **state)
{
	struct id id = stream_id();
	struct typed t[8];
	struct seal_state s;
	struct buffer meta;
	struct people p;
	meet(&p, false);
	begin(&p.list, &meta, &s);
	size_t n = type(&s, t, 1, "ls");
	n += type(&s, t + n, 0, "\r");
	n += type(&s, t + n, 2, "id");
	n += type(&s, t + n, 5, "w\r");
	struct sealed *o = sealed_new();
	assert_int_equal(sealed_add(o, &p.bert), 0);
	assert_int_equal(sealed_open(o, &id, meta.data, meta.len, NULL), 0);
	static const char *const all[] = { NULL, "ls", "\r", NULL, "id", NULL, "w\r" };
	for (size_t i = 0; i < n; i++)
		expect(o, &t[i], all[i]);
	/* Back to the beginning, as a player goes. */
	for (size_t i = 0; i < n; i++)
		expect(o, &t[i], all[i]);
	/* The first IN was in a chunk that is gone: nothing until the next SEAL. */
	expect(o, &t[0], NULL);
	sealed_lost(o);
	expect(o, &t[2], NULL);
	expect(o, &t[3], NULL);
	expect(o, &t[4], "id");
	/* Its section was dropped: the bytes after it are where they were. */
	expect(o, &t[0], NULL);
	struct record_event dropped = { .kind = RECORD_IN, .code = 2 };
	sealed_event(o, &dropped);
	expect(o, &t[2], "\r");
	/* A step that no session reaches. */
	struct record_event far = { .kind = RECORD_SEAL, .code = UINT64_MAX };
	sealed_event(o, &far);
	expect(o, &t[4], NULL);
	sealed_free(o);
	buffer_free(&meta);
}

static void lists(void **state)
{
	struct keylist got;
	struct buffer text, signature;
	struct fault fault;
	struct keyfile_public officer;
	struct people p;
	meet(&p, true);
	keyfile_public(&p.officer, &officer);
	buffer_init(&text, KEYLIST_MAX);
	buffer_init(&signature, MINISIGN_MAX);
	assert_int_equal(keylist_encode(&text, &p.list), 0);
	assert_int_equal(minisign_sign(&signature, &p.officer, text.data, text.len, "itm key list 7"), 0);
	const char *sig = buffer_text(&signature);
	assert_int_equal(keylist_verify((char *)text.data, text.len, sig, signature.len, &officer, &got, &fault), 0);
	assert_int_equal(got.count, 3);
	assert_int_equal(keylist_groups(&got), 2);
	assert_string_equal(got.note, "demonstration keys");
	/* Any one byte of either file. */
	for (size_t i = 0; i < text.len; i++) {
		text.data[i] ^= 1;
		assert_int_not_equal(keylist_verify((char *)text.data, text.len, sig, signature.len, &officer, &got, &fault), 0);
		text.data[i] ^= 1;
	}
	for (size_t i = strcspn(sig, "\n") + 1; i < signature.len; i++) {
		signature.data[i] ^= 1;
		assert_int_not_equal(keylist_verify((char *)text.data, text.len, sig, signature.len, &officer, &got, &fault), 0);
		signature.data[i] ^= 1;
	}
	officer.key[0] ^= 1;
	assert_int_equal(keylist_verify((char *)text.data, text.len, sig, signature.len, &officer, &got, &fault), ITM_ECRYPTO);
	/* One person is not two groups. */
	p.list.auditor[2].key = p.list.auditor[0].key;
	assert_int_equal(keylist_encode(&text, &p.list), ITM_EINVAL);
	buffer_free(&text);
	buffer_free(&signature);
}

static void list_texts(void **state)
{
	static const char *const bad[] = {
		"", "itm key list 1\n", "itm key list 2\nnumber 1\nfrom 1\nuntil 2\n",
		"itm key list 1\nnumber 1\nfrom 1\nuntil 2\n",
		"itm key list 1\nnumber 01\nfrom 1\nuntil 2\nauditor a b WHOEAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4fICEiIyQlJico\n",
		"itm key list 1\nnumber 1\nfrom 3\nuntil 2\nauditor a b WHOEAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4fICEiIyQlJico\n",
	};
	struct keylist got;
	struct fault fault;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_int_equal(keylist_decode(bad[i], strlen(bad[i]), &got, &fault), ITM_EFORMAT);
}

/* Made by minisign 0.11. */
static const char ms_public[] = "untrusted comment: minisign public key C3DE564FB4D1EEDC\n"
	"RWTc7tG0T1bew5etTiFLgxcNDcd0fMnvjQgUMhW8KA4P962r6FA4Fj26\n";
static const char ms_secret[] = "untrusted comment: minisign encrypted secret key\n"
	"RWQAAEIyAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA3O7RtE9W3sP5IufARmJirYzLOfbEq9G"
	"thVbjsxMqNmkkTiWQTnE/qpetTiFLgxcNDcd0fMnvjQgUMhW8KA4P962r6FA4Fj26AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n";
static const char ms_signature[] = "untrusted comment: signature from minisign secret key\n"
	"RUTc7tG0T1bew2l2xgVeELjjqQ8r+3R0YcpxU+5FmWTfttHJXX3b63R08GpiIP6Fu8JHSra17e1B1/8QLpJKEBfHlalU8WbAmgU=\n"
	"trusted comment: trusted words\n"
	"cWz8bJ5NfexzL6DyLk3OsNcGlYIzE2qA3yEbltqVbW/i2H2gQ2BgtpLafHQ8Lf4bKJVheM+ox3rdE9Zsg54zCQ==\n";
static const char ms_legacy[] = "untrusted comment: signature from minisign secret key\n"
	"RWTc7tG0T1bew59y2+XCi8VAZfeIbuMSr50CIFx/HMXLPoLQezU2WUexln3TvTSfdmNVXX9b1l+bnzP5tDM5Tv+hi8wu/ZUrDQk=\n"
	"trusted comment: old\n"
	"749JJl0NKUlp9euny00p7evXjgJmioAHnOjg2y+y4OE09Nh7toweFLLMGyY5Lb0XmPMjtj61sO+hr0Hol8MwCQ==\n";

static void minisigns_own(void **state)
{
	char trusted[MINISIGN_COMMENT_MAX], id[KEYFILE_ID_TEXT_SIZE];
	struct keyfile_public public_key;
	struct keyfile_secret secret;
	struct buffer b;
	assert_int_equal(keyfile_get_public(ms_public, strlen(ms_public), KEYFILE_OFFICER, &public_key, NULL), 0);
	keyfile_id_text(public_key.id, id);
	assert_string_equal(id, "C3DE564FB4D1EEDC");
	assert_int_equal(minisign_verify(&public_key, "hello\n", 6, ms_signature, strlen(ms_signature), trusted, NULL), 0);
	assert_string_equal(trusted, "trusted words");
	assert_int_equal(minisign_verify(&public_key, "hello\n", 6, ms_legacy, strlen(ms_legacy), trusted, NULL), 0);
	assert_int_equal(minisign_verify(&public_key, "hallo\n", 6, ms_legacy, strlen(ms_legacy), trusted, NULL), ITM_ECRYPTO);
	assert_int_equal(keyfile_get_secret(ms_secret, strlen(ms_secret), NULL, &secret, NULL), 0);
	assert_memory_equal(secret.public_key, public_key.key, KEYFILE_KEY_SIZE);
	/* Signatures of Ed25519 are deterministic: ours is minisign's. */
	buffer_init(&b, MINISIGN_MAX);
	assert_int_equal(minisign_sign(&b, &secret, "hello\n", 6, "trusted words"), 0);
	assert_string_equal(strchr(buffer_text(&b), '\n'), strchr(ms_signature, '\n'));
	buffer_free(&b);
}

static void key_files(void **state)
{
	struct keyfile_secret secret, got;
	struct keyfile_public public_key, again;
	struct buffer b;
	for (int kind = KEYFILE_OFFICER; kind <= KEYFILE_AUDITOR; kind++) {
		const char *password = kind == KEYFILE_AUDITOR ? "correct horse" : NULL;
		buffer_init(&b, KEYFILE_MAX);
		keyfile_new((enum keyfile_kind)kind, &secret);
		keyfile_public(&secret, &public_key);
		assert_int_equal(keyfile_put_public(&b, (enum keyfile_kind)kind, &public_key, "of anna"), 0);
		assert_int_equal(keyfile_get_public((char *)b.data, b.len, (enum keyfile_kind)kind, &again, NULL), 0);
		assert_int_equal(keyfile_get_public((char *)b.data, b.len, (enum keyfile_kind)!kind, &again, NULL), ITM_EFORMAT);
		assert_memory_equal(&public_key, &again, sizeof again);
		buffer_clear(&b);
		assert_int_equal(keyfile_put_secret(&b, &secret, password, "of anna"), 0);
		assert_int_equal(keyfile_get_secret((char *)b.data, b.len, password, &got, NULL), 0);
		assert_memory_equal(&secret, &got, sizeof got);
		if (password != NULL) {
			assert_int_equal(keyfile_get_secret((char *)b.data, b.len, NULL, &got, NULL), ITM_EPERM);
			assert_int_equal(keyfile_get_secret((char *)b.data, b.len, "wrong", &got, NULL), ITM_ECRYPTO);
		}
		buffer_free(&b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ratchet), cmocka_unit_test(who_can_open), cmocka_unit_test(damaged_boxes),
		cmocka_unit_test(lost_events), cmocka_unit_test(lists), cmocka_unit_test(list_texts),
		cmocka_unit_test(minisigns_own), cmocka_unit_test(key_files),
	};
	if (sign_init() != 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
