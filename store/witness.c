#include "store/witness.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/atomicfile.h"
#include "base/error.h"
#include "store/cosigned.h"
#include "store/tile.h"

enum { WITNESS_PATH_SIZE = 4096 };

static void witness_path(const char *dir, const char *name, char out[WITNESS_PATH_SIZE])
{
	snprintf(out, WITNESS_PATH_SIZE, "%.3800s/%s", dir, name);
}

/* Making one */

static int witness_write_key(const char *path, const struct note_key *key, const struct sign_key *secret)
{
	struct buffer b;
	buffer_init(&b, NOTE_KEY_TEXT_SIZE);
	int e = secret != NULL ? note_secret_put(&b, key, secret) : note_key_put(&b, key);
	e = e ? e : buffer_put_u8(&b, '\n');
	e = e ? e : atomicfile_write(path, b.data, b.len, secret != NULL ? 0400 : 0444);
	if (b.len > 0)
		sign_wipe(b.data, b.len);
	buffer_free(&b);
	return e;
}

int witness_init(const char *dir, const char *name, const uint8_t log[SIGN_PUBLIC_SIZE])
{
	char path[WITNESS_PATH_SIZE];
	struct sign_key secret;
	struct note_key key;
	sign_keypair(&secret);
	int e = note_key_init(&key, name, NOTE_COSIGNATURE, secret.public_key);
	e = e ? e : atomicfile_mkdir(dir, 0755);
	witness_path(dir, "witness.secret", path);
	if (e == 0 && access(path, F_OK) == 0)
		e = ITM_EBUSY;
	/* The secret last: without it there is no witness yet. */
	witness_path(dir, "log.public", path);
	e = e ? e : sign_save_public(path, log);
	witness_path(dir, "last", path);
	e = e ? e : atomicfile_write(path, "", 0, 0444);
	witness_path(dir, "witness.public", path);
	e = e ? e : witness_write_key(path, &key, NULL);
	witness_path(dir, "witness.secret", path);
	e = e ? e : witness_write_key(path, &key, &secret);
	sign_wipe(&secret, sizeof secret);
	return e;
}

/* Opening it */

static int witness_read(const char *path, struct buffer *b)
{
	int e = atomicfile_read(path, b);
	if (e == 0 && b->len > 0 && b->data[b->len - 1] == '\n')
		b->len--;
	return e;
}

int witness_load_public(const char *path, struct note_key *out)
{
	struct note_key key;
	struct buffer b;
	buffer_init(&b, NOTE_KEY_TEXT_SIZE);
	int e = witness_read(path, &b);
	e = e ? e : note_key_decode((const char *)b.data, b.len, &key);
	buffer_free(&b);
	if (e == 0 && key.type != NOTE_COSIGNATURE)
		e = ITM_EFORMAT;
	if (e == 0)
		*out = key;
	return e == ITM_ELIMIT ? ITM_EFORMAT : e;
}

static int witness_load_secret(struct witness *w)
{
	char path[WITNESS_PATH_SIZE];
	struct buffer b;
	witness_path(w->dir, "witness.secret", path);
	buffer_init(&b, NOTE_KEY_TEXT_SIZE);
	int e = witness_read(path, &b);
	e = e ? e : note_secret_decode((const char *)b.data, b.len, &w->key, &w->secret);
	if (b.len > 0)
		sign_wipe(b.data, b.len);
	buffer_free(&b);
	return e == 0 && w->key.type != NOTE_COSIGNATURE ? ITM_EFORMAT : e;
}

static int witness_load_last(struct witness *w)
{
	char path[WITNESS_PATH_SIZE];
	struct note note;
	witness_path(w->dir, "last", path);
	int e = atomicfile_read(path, &w->note);
	if (e != 0 || w->note.len == 0)
		return e;
	e = checkpoint_open(w->note.data, w->note.len, w->log, &w->last, &note, NULL);
	return e ? e : note_check(&note, &w->key, &w->last_at) == 0 ? 0 : ITM_ECRYPTO;
}

static int witness_lock(struct witness *w)
{
	char path[WITNESS_PATH_SIZE];
	witness_path(w->dir, "lock", path);
	w->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (w->lock < 0)
		return ITM_ESYS;
	if (flock(w->lock, LOCK_EX | LOCK_NB) == 0)
		return 0;
	return errno == EWOULDBLOCK ? ITM_EBUSY : ITM_ESYS;
}

int witness_open(struct witness *w, const char *dir, char words[WITNESS_WORDS_SIZE])
{
	const char *what = "witness.secret";
	char path[WITNESS_PATH_SIZE];
	*w = (struct witness){ .lock = -1 };
	buffer_init(&w->note, NOTE_MAX);
	snprintf(w->dir, sizeof w->dir, "%s", dir);
	int e = strlen(dir) < sizeof w->dir ? witness_load_secret(w) : ITM_EINVAL;
	if (e == 0) {
		what = "lock";
		e = witness_lock(w);
	}
	if (e == 0) {
		what = "log.public";
		witness_path(dir, what, path);
		e = sign_load_public(path, w->log);
	}
	if (e == 0) {
		what = "last";
		e = witness_load_last(w);
	}
	if (e == 0)
		return 0;
	snprintf(words, WITNESS_WORDS_SIZE, "%.300s/%s: %s%s", dir, what, e == ITM_EBUSY ? "another itm witness has it" : error_text(e),
		 strcmp(what, "last") == 0 ? ": what was cosigned last is not known, so nothing can be cosigned; "
		 "restore it, or make a new witness" : e == ITM_ENOENT ? ": run 'itm witness init'" : "");
	witness_close(w);
	return e;
}

void witness_close(struct witness *w)
{
	if (w->lock >= 0)
		close(w->lock);
	w->lock = -1;
	buffer_free(&w->note);
	sign_wipe(&w->secret, sizeof w->secret);
}

/* Looking */

/* Tiles are not signed: they prove nothing before they give the signed root. */
static enum witness_outcome witness_compare(struct witness *w, struct tile_log *tiles, const struct checkpoint *c,
					    char words[WITNESS_WORDS_SIZE])
{
	struct merkle_proof proof;
	uint8_t root[HASH_SIZE];
	int e = merkle_root(c->size, tile_get, tiles, root);
	if (e == 0 && memcmp(root, c->root, HASH_SIZE) != 0)
		e = ITM_ECRYPTO;
	if (e == 0 && w->last.size > 0)
		e = merkle_consistency(w->last.size, c->size, tile_get, tiles, &proof);
	if (e == 0 && w->last.size > 0)
		e = merkle_root(w->last.size, tile_get, tiles, root);
	if (e == 0 && w->last.size > 0)
		e = merkle_check_consistency(w->last.size, c->size, root, c->root, &proof);
	if (e != 0) {
		snprintf(words, WITNESS_WORDS_SIZE, "the tiles do not give the checkpoint's root (%s): copied while the log grew, or "
			 "damaged", error_text(e));
		return WITNESS_INCOMPLETE;
	}
	if (w->last.size == 0 || memcmp(root, w->last.root, HASH_SIZE) == 0)
		return WITNESS_COSIGNED;
	snprintf(words, WITNESS_WORDS_SIZE, "the log was forked: its checkpoint of %" PRIu64 " leaves does not go on from that of %"
		 PRIu64 " leaves, which was cosigned", c->size, w->last.size);
	return WITNESS_FORKED;
}

static enum witness_outcome witness_judge(struct witness *w, const char *log, const struct checkpoint *c,
					  char words[WITNESS_WORDS_SIZE])
{
	struct tile_log tiles;
	if (w->last.origin[0] != '\0' && strcmp(w->last.origin, c->origin) != 0) {
		snprintf(words, WITNESS_WORDS_SIZE, "this is the log %.120s, not %.120s", c->origin, w->last.origin);
		return WITNESS_OTHER_LOG;
	}
	if (c->size < w->last.size) {
		snprintf(words, WITNESS_WORDS_SIZE, "the log went back, or this is an old copy: %" PRIu64 " leaves now, %" PRIu64
			 " were cosigned", c->size, w->last.size);
		return WITNESS_WENT_BACK;
	}
	if (w->last.origin[0] != '\0' && c->size == w->last.size) {
		if (memcmp(c->root, w->last.root, HASH_SIZE) == 0)
			return WITNESS_NOTHING_NEW;
		snprintf(words, WITNESS_WORDS_SIZE, "the log was forked: two roots of %" PRIu64 " leaves", c->size);
		return WITNESS_FORKED;
	}
	enum witness_outcome o = WITNESS_FAILED;
	if (tile_open(&tiles, log, c->size) == 0)
		o = witness_compare(w, &tiles, c, words);
	else
		snprintf(words, WITNESS_WORDS_SIZE, "out of memory");
	tile_close(&tiles);
	return o;
}

/* Text, the log's line, ours; to our disk first. */
static int witness_cosign(struct witness *w, const struct note *n, const struct checkpoint *c, uint64_t now)
{
	char path[WITNESS_PATH_SIZE];
	struct note_key log;
	struct buffer b;
	/* A clock that was set back does not take our time back. */
	uint64_t at = now > w->last_at ? now : w->last_at;
	int e = note_key_init(&log, c->origin, NOTE_ED25519, w->log);
	buffer_init(&b, NOTE_MAX);
	e = e ? e : buffer_put(&b, n->text, n->text_len + 1);
	for (size_t i = 0; e == 0 && i < n->count; i++)
		if (n->signature[i].name_len == strlen(log.name) && memcmp(n->signature[i].id, log.id, NOTE_ID_SIZE) == 0 &&
		    memcmp(n->signature[i].name, log.name, n->signature[i].name_len) == 0)
			e = note_put_line(&b, &n->signature[i]);
	e = e ? e : note_put_signature(&b, n->text, n->text_len, &w->key, &w->secret, at);
	witness_path(w->dir, "last", path);
	e = e ? e : atomicfile_write(path, b.data, b.len, 0444);
	if (e != 0) {
		buffer_free(&b);
		return e;
	}
	buffer_free(&w->note);
	w->note = b;
	w->last = *c;
	w->last_at = at;
	return 0;
}

/* Two notes of one key that exclude each other: whoever has both can show it. */
static void witness_keep_proof(const struct witness *w, const struct buffer *note, uint64_t size)
{
	char path[WITNESS_PATH_SIZE], name[40];
	snprintf(name, sizeof name, "refused-%" PRIu64, size);
	witness_path(w->dir, name, path);
	if (access(path, F_OK) != 0)
		atomicfile_write(path, note->data, note->len, 0444);
}

enum witness_outcome witness_look(struct witness *w, const char *log, uint64_t now, struct checkpoint *seen,
				  char words[WITNESS_WORDS_SIZE])
{
	enum witness_outcome o;
	struct fault fault = { 0 };
	struct buffer file;
	struct note note;
	words[0] = '\0';
	buffer_init(&file, NOTE_MAX);
	int e = tile_checkpoint(log, &file);
	if (e != 0) {
		o = e == ITM_ELIMIT ? WITNESS_UNSIGNED : WITNESS_ABSENT;
		snprintf(words, WITNESS_WORDS_SIZE, "%.300s/checkpoint: %s", log, error_text(e));
	} else if (checkpoint_open(file.data, file.len, w->log, seen, &note, &fault) != 0) {
		o = WITNESS_UNSIGNED;
		snprintf(words, WITNESS_WORDS_SIZE, "%.300s/checkpoint: %s", log, fault.reason);
	} else {
		o = witness_judge(w, log, seen, words);
		if (o == WITNESS_FORKED)
			witness_keep_proof(w, &file, seen->size);
		e = o == WITNESS_COSIGNED ? witness_cosign(w, &note, seen, now) : 0;
		if (e != 0) {
			o = WITNESS_FAILED;
			snprintf(words, WITNESS_WORDS_SIZE, "%.300s/last: %s: nothing was cosigned", w->dir, error_text(e));
		}
	}
	buffer_free(&file);
	return o;
}

int witness_publish(const struct witness *w, const char *out)
{
	char path[COSIGNED_PATH_SIZE];
	struct buffer there;
	if (w->note.len == 0)
		return 0;
	int e = atomicfile_mkdir(out, 0755);
	if (e != 0)
		return e;
	cosigned_path(out, &w->key, path);
	buffer_init(&there, NOTE_MAX);
	bool same = atomicfile_read(path, &there) == 0 && there.len == w->note.len &&
		    memcmp(there.data, w->note.data, there.len) == 0;
	buffer_free(&there);
	return same ? 0 : atomicfile_write(path, w->note.data, w->note.len, 0444);
}
