#include "format/sealed.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/keylist.h"
#include "format/meta.h"
#include "format/sign.h"

enum { KEYS_MAX = 8, IN_MAX = 256 * 1024 /* bytes of one event: a section's limit */ };

/* What metadata say: each key with its group's number. */
struct lock {
	size_t keys, groups;
	char group[KEYLIST_GROUPS_MAX][KEYLIST_NAME_SIZE];
	struct { size_t group; char name[KEYLIST_NAME_SIZE]; struct keyfile_public key; } at[KEYLIST_AUDITORS_MAX];
};

static int group_number(struct lock *l, const char *name, size_t *out)
{
	size_t i = 0;

	while (i < l->groups && strcmp(l->group[i], name) != 0)
		i++;
	if (i == KEYLIST_GROUPS_MAX)
		return ITM_ELIMIT;
	if (i == l->groups)
		snprintf(l->group[l->groups++], KEYLIST_NAME_SIZE, "%s", name);
	*out = i;
	return 0;
}

static int read_lock(const char *meta, size_t len, struct lock *out)
{
	char line[256], group[KEYLIST_NAME_SIZE], word[96];
	int r, used = 0;

	*out = (struct lock){ .keys = 0 };
	for (; (r = meta_get(meta, len, "seal_key", out->keys, line, sizeof line)) >= 0; out->keys++) {
		if (out->keys == KEYLIST_AUDITORS_MAX ||
		    sscanf(line, "%32s %32s %95s%n", group, out->at[out->keys].name, word, &used) != 3 || line[used] != '\0' ||
		    !keylist_is_name(group) || !keylist_is_name(out->at[out->keys].name) ||
		    keyfile_get_word(word, strlen(word), KEYFILE_AUDITOR, &out->at[out->keys].key) != 0 ||
		    group_number(out, group, &out->at[out->keys].group) != 0)
			return ITM_EFORMAT;
	}
	if (r != ITM_ENOENT)
		return ITM_EFORMAT;
	return out->keys > 0 ? 0 : ITM_ENOENT;
}

static void add_share(uint8_t to[SEAL_KEY_SIZE], const uint8_t share[SEAL_KEY_SIZE])
{
	for (size_t i = 0; i < SEAL_KEY_SIZE; i++)
		to[i] ^= share[i];
}

static int put_base64(struct buffer *meta, const char *key, const void *data, size_t len)
{
	int r = buffer_printf(meta, "%s=", key);

	if (r == 0)
		r = seal_base64_put(meta, data, len);
	return r != 0 ? r : buffer_put_u8(meta, '\n');
}

struct secrets { uint8_t root[SEAL_KEY_SIZE], share[KEYLIST_GROUPS_MAX][SEAL_KEY_SIZE]; };

/* All shares but the last are random, and the last makes their sum the root. */
static void make_shares(struct secrets *s, size_t groups)
{
	sign_random(s->root, sizeof s->root);
	sign_random(s->share, sizeof s->share);
	memcpy(s->share[groups - 1], s->root, SEAL_KEY_SIZE);
	for (size_t i = 0; i + 1 < groups; i++)
		add_share(s->share[groups - 1], s->share[i]);
}

int sealed_begin(struct buffer *meta, const struct id *stream, struct seal_state *out)
{
	struct lock lock;
	uint8_t box[SEAL_BOX_SIZE], check[SEAL_CHECK_SIZE];
	size_t before = meta->len;
	int r = read_lock((const char *)meta->data, meta->len, &lock);

	if (r != 0)
		return r;
	struct secrets *s = seal_alloc(sizeof *s);
	if (s == NULL)
		return ITM_ENOMEM;
	make_shares(s, lock.groups);
	for (size_t i = 0; r == 0 && i < lock.keys; i++) {
		seal_box(s->share[lock.at[i].group], lock.at[i].key.key, box);
		r = put_base64(meta, "seal_box", box, sizeof box);
	}
	seal_check(s->root, stream, check);
	if (r == 0)
		r = put_base64(meta, "seal_check", check, sizeof check);
	if (r == 0)
		r = meta_put(meta, "keystrokes", "sealed");
	if (r == 0)
		seal_start(out, s->root, stream);
	else
		meta->len = before;
	seal_free(s);
	return r;
}

struct sealed {
	struct keyfile_secret key[KEYS_MAX];
	size_t keys;
	struct secrets secrets;
	struct seal_state state;
	struct id stream;
	char note[KEYLIST_NOTE_SIZE];
	char auditors[KEYLIST_GROUPS_MAX * KEYLIST_NAME_SIZE];
	bool open, placed;               /* placed: a SEAL told where we are */
	uint8_t *plain;                  /* IN_MAX bytes */
};

struct sealed *sealed_new(void)
{
	struct sealed *s = seal_alloc(sizeof *s);

	if (s == NULL)
		return NULL;
	memset(s, 0, sizeof *s);
	s->plain = seal_alloc(IN_MAX);
	if (s->plain == NULL) {
		seal_free(s);
		return NULL;
	}
	return s;
}

void sealed_free(struct sealed *s)
{
	if (s == NULL)
		return;
	seal_free(s->plain);
	seal_free(s);
}

int sealed_add(struct sealed *s, const struct keyfile_secret *key)
{
	if (key->kind != KEYFILE_AUDITOR)
		return ITM_EINVAL;
	if (s->keys == KEYS_MAX)
		return ITM_ELIMIT;
	s->key[s->keys++] = *key;
	return 0;
}

static int get_base64(const char *meta, size_t len, const char *key, size_t n, void *out, size_t size)
{
	char text[256];
	int got = meta_get(meta, len, key, n, text, sizeof text);
	return got < 0 ? ITM_EFORMAT : seal_base64_get(text, (size_t)got, out, size);
}

/* The share of the n-th key's group, if that key is ours.  0, ITM_ENOENT, ITM_E*. */
static int try_key(struct sealed *s, const struct lock *lock, size_t n, const char *meta, size_t len)
{
	uint8_t box[SEAL_BOX_SIZE];

	for (size_t i = 0; i < s->keys; i++) {
		struct seal_pair pair;
		if (memcmp(s->key[i].public_key, lock->at[n].key.key, KEYFILE_KEY_SIZE) != 0)
			continue;
		memcpy(pair.public_key, s->key[i].public_key, sizeof pair.public_key);
		memcpy(pair.secret, s->key[i].secret, sizeof pair.secret);
		int r = get_base64(meta, len, "seal_box", n, box, sizeof box);
		if (r == 0)
			r = seal_unbox(box, &pair, s->secrets.share[lock->at[n].group]);
		sign_wipe(&pair, sizeof pair);
		return r;
	}
	return ITM_ENOENT;
}

static void say_missing(const struct lock *lock, size_t group, char words[SEALED_WORDS_SIZE])
{
	size_t used = (size_t)snprintf(words, SEALED_WORDS_SIZE, "it needs a key of group %s, one of:", lock->group[group]);

	for (size_t i = 0; i < lock->keys; i++) {
		if (lock->at[i].group != group || used + KEYLIST_NAME_SIZE + 1 >= SEALED_WORDS_SIZE)
			continue;
		used += (size_t)snprintf(words + used, SEALED_WORDS_SIZE - used, " %s", lock->at[i].name);
	}
}

static void add_name(struct sealed *s, const char *name)
{
	size_t used = strlen(s->auditors);
	snprintf(s->auditors + used, sizeof s->auditors - used, "%s%s", used > 0 ? "," : "", name);
}

/* Every group's share. */
static int gather(struct sealed *s, const struct lock *lock, const char *meta, size_t len,
		  char words[SEALED_WORDS_SIZE])
{
	s->auditors[0] = '\0';
	for (size_t g = 0; g < lock->groups; g++) {
		int found = ITM_ENOENT;
		for (size_t i = 0; i < lock->keys && found != 0; i++) {
			int r = lock->at[i].group == g ? try_key(s, lock, i, meta, len) : ITM_ENOENT;
			if (r != ITM_ENOENT)
				found = r;
			if (r == 0)
				add_name(s, lock->at[i].name);
		}
		if (found == ITM_ENOENT) {
			say_missing(lock, g, words);
			return ITM_EPERM;
		}
		if (found != 0)
			return found;
	}
	return 0;
}

static int open_lock(struct sealed *s, const char *meta, size_t len, char words[SEALED_WORDS_SIZE])
{
	struct lock lock;
	uint8_t check[SEAL_CHECK_SIZE], expected[SEAL_CHECK_SIZE];
	char how[16];
	int r = meta_get(meta, len, "keystrokes", 0, how, sizeof how);

	snprintf(words, SEALED_WORDS_SIZE, "its keystrokes were not stored");
	if (r < 0 || strcmp(how, "sealed") != 0)
		return ITM_ENOENT;
	snprintf(words, SEALED_WORDS_SIZE, "what its metadata say about keys is damaged");
	r = read_lock(meta, len, &lock);
	if (r != 0)
		return ITM_EFORMAT;
	r = gather(s, &lock, meta, len, words);
	if (r == 0)
		r = get_base64(meta, len, "seal_check", 0, check, sizeof check);
	if (r != 0)
		return r;
	memset(s->secrets.root, 0, SEAL_KEY_SIZE);
	for (size_t g = 0; g < lock.groups; g++)
		add_share(s->secrets.root, s->secrets.share[g]);
	seal_check(s->secrets.root, &s->stream, expected);
	return memcmp(check, expected, sizeof check) == 0 ? 0 : ITM_ECRYPTO;
}

int sealed_open(struct sealed *s, const struct id *stream, const void *meta, size_t meta_len,
		char words[SEALED_WORDS_SIZE])
{
	char unused[SEALED_WORDS_SIZE];

	s->stream = *stream;
	s->open = s->placed = false;
	int r = open_lock(s, meta, meta_len, words != NULL ? words : unused);
	if (meta_get(meta, meta_len, "seal_note", 0, s->note, sizeof s->note) < 0)
		s->note[0] = '\0';
	if (r == 0) {
		s->open = true;
		seal_start(&s->state, s->secrets.root, stream);
	}
	return r;
}

const char *sealed_note(const struct sealed *s)
{
	return s->note;
}

const char *sealed_auditors(const struct sealed *s)
{
	return s->auditors;
}

bool sealed_is_open(const struct sealed *s)
{
	return s->open;
}

void sealed_lost(struct sealed *s)
{
	s->placed = false;
}

/* A step again or an earlier one: the reader went back. */
static void place(struct sealed *s, uint64_t step)
{
	if (step < s->state.step)
		seal_start(&s->state, s->secrets.root, &s->stream);
	s->placed = seal_advance(&s->state, step) == 0;
}

void sealed_event(struct sealed *s, struct record_event *event)
{
	if (s->open && event->kind == RECORD_SEAL)
		place(s, event->code);
	if (event->kind != RECORD_IN)
		return;
	if (s->open && s->placed && event->data != NULL && event->len <= IN_MAX) {
		seal_crypt(&s->state, event->data, event->len, s->plain);
		event->data = s->plain;
		return;
	}
	/* Its place in the key's stream passes, also where a section was dropped. */
	s->state.position += event->code;
	event->data = NULL;
	event->len = 0;
}
