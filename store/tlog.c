#include "store/tlog.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/atomicfile.h"
#include "base/log.h"
#include "store/cosigned.h"

enum { TLOG_RECORD = RECEIPT_RECORD_SIZE, TLOG_ENTRY = 2 + TLOG_RECORD };

struct tlog {
	char dir[4096];
	struct evidence *evidence;
	const struct sign_key *key;
	struct checkpoint checkpoint;
	struct buffer note;
	struct tile_log tiles;           /* reads; its size is that of the checkpoint */
	uint64_t size;                   /* leaves taken in */
	struct merkle_edge edge;
	uint8_t row[TILE_LEVELS][TILE_WIDTH][HASH_SIZE]; /* the tile that grows, of each level */
	uint8_t bundle[TILE_WIDTH * TLOG_ENTRY];
	uint64_t partial[2];             /* the sizes whose partial tiles are there */
};

uint64_t tlog_size(const struct tlog *t)
{
	return t->checkpoint.size;
}

const char *tlog_note(const struct tlog *t)
{
	return t->note.len > 0 ? (const char *)t->note.data : "";
}

/* Files */

/* mkdir -p of the folder a tile stands in. */
static int tlog_folders(char *path)
{
	for (char *slash = strstr(path, "/tile/") + 1; (slash = strchr(slash, '/')) != NULL; slash++) {
		*slash = '\0';
		int e = atomicfile_mkdir(path, 02750);
		*slash = '/';
		if (e != 0)
			return e;
	}
	return 0;
}

/* Full tiles are durable before a checkpoint counts on them.  Partial ones are
 * made again from evidence.db's queue. */
static int tlog_write(const struct tlog *t, int level, uint64_t number, unsigned width, const void *data, size_t len)
{
	char path[TILE_PATH_SIZE];
	tile_path(t->dir, level, number, width, path);
	int e = tlog_folders(path);
	if (e == 0)
		e = width == TILE_WIDTH ? atomicfile_write(path, data, len, 0440) : atomicfile_publish(path, data, len, 0440);
	if (e != 0)
		log_error("%s: %s", path, error_text(e));
	return e;
}

/* Taking leaves in */

static int tlog_carry(struct tlog *t, int level, uint64_t index, const uint8_t hash[HASH_SIZE])
{
	struct merkle_edge tile = { 0 };
	uint8_t up[HASH_SIZE];
	memcpy(t->row[level][index % TILE_WIDTH], hash, HASH_SIZE);
	if (index % TILE_WIDTH != TILE_WIDTH - 1)
		return 0;
	int e = tlog_write(t, level, index / TILE_WIDTH, TILE_WIDTH, t->row[level], sizeof t->row[level]);
	if (e != 0 || level + 1 == TILE_LEVELS)
		return e;
	for (size_t i = 0; i < TILE_WIDTH; i++)
		merkle_edge_add(&tile, t->row[level][i]);
	merkle_edge_root(&tile, up);
	return tlog_carry(t, level + 1, index / TILE_WIDTH, up);
}

static int tlog_take(void *context, uint64_t number, const uint8_t record[EVIDENCE_RECORD_SIZE])
{
	struct tlog *t = context;
	uint8_t leaf[HASH_SIZE];
	uint8_t *entry = t->bundle + number % TILE_WIDTH * TLOG_ENTRY;
	if (number != t->size) {
		log_error("%s: leaf %" PRIu64 " where %" PRIu64 " was to come", t->dir, number, t->size);
		return ITM_EFORMAT;
	}
	entry[0] = TLOG_RECORD >> 8;
	entry[1] = TLOG_RECORD & 0xff;
	memcpy(entry + 2, record, TLOG_RECORD);
	int e = 0;
	if (number % TILE_WIDTH == TILE_WIDTH - 1)
		e = tlog_write(t, TILE_ENTRIES, number / TILE_WIDTH, TILE_WIDTH, t->bundle, sizeof t->bundle);
	merkle_leaf(record, TLOG_RECORD, leaf);
	if (e == 0)
		e = tlog_carry(t, 0, number, leaf);
	if (e != 0)
		return e;
	merkle_edge_add(&t->edge, leaf);
	t->size++;
	return 0;
}

static int tlog_partials(const struct tlog *t)
{
	unsigned width = (unsigned)(t->size % TILE_WIDTH);
	int e = 0;
	if (width > 0)
		e = tlog_write(t, TILE_ENTRIES, t->size / TILE_WIDTH, width, t->bundle, (size_t)width * TLOG_ENTRY);
	for (int level = 0; e == 0 && level < TILE_LEVELS && t->size >> (8 * level) > 0; level++) {
		uint64_t there = t->size >> (8 * level);
		width = (unsigned)(there % TILE_WIDTH);
		if (width > 0)
			e = tlog_write(t, level, there / TILE_WIDTH, width, t->row[level], (size_t)width * HASH_SIZE);
	}
	return e;
}

/* Partial tiles of the checkpoint before the last: whoever read that
 * checkpoint has had a turn's time to read them. */
static void tlog_sweep(struct tlog *t, uint64_t old)
{
	char path[TILE_PATH_SIZE];
	for (int level = TILE_ENTRIES; level < TILE_LEVELS; level++) {
		unsigned shift = level == TILE_ENTRIES ? 0 : 8 * (unsigned)level;
		uint64_t there = old >> shift;
		bool needed = there == t->checkpoint.size >> shift || there == t->partial[1] >> shift;
		if (there == 0 || there % TILE_WIDTH == 0 || needed)
			continue;
		tile_path(t->dir, level, there / TILE_WIDTH, (unsigned)(there % TILE_WIDTH), path);
		unlink(path);
		*strrchr(path, '/') = '\0';
		rmdir(path); /* when it was the last */
	}
}

static int tlog_sign(struct tlog *t)
{
	char path[TILE_PATH_SIZE];
	struct checkpoint c = t->checkpoint;
	struct buffer note;
	c.size = t->size;
	merkle_edge_root(&t->edge, c.root);
	buffer_init(&note, NOTE_MAX + 1);
	int e = checkpoint_put(&note, &c, t->key);
	snprintf(path, sizeof path, "%.4000s/checkpoint", t->dir);
	if (e == 0)
		e = atomicfile_write(path, note.data, note.len, 0440);
	if (e == 0)
		e = buffer_text(&note) != NULL ? 0 : ITM_ENOMEM;
	if (e != 0) {
		log_error("%s: %s", path, error_text(e));
		buffer_free(&note);
		return e;
	}
	buffer_free(&t->note);
	t->note = note;
	uint64_t old = t->partial[0];
	t->partial[0] = t->partial[1];
	t->partial[1] = t->checkpoint.size;
	t->checkpoint = c;
	t->tiles.size = c.size;
	if (old != 0)
		tlog_sweep(t, old);
	return 0;
}

int tlog_publish(struct tlog *t)
{
	int e = evidence_leaves(t->evidence, t->size, tlog_take, t);
	if (e != 0 || t->size == t->checkpoint.size)
		return e;
	e = tlog_partials(t);
	if (e == 0)
		e = tlog_sign(t);
	if (e != 0)
		return e;
	/* The newest leaf's bundle stays: partial tiles are not durable. */
	evidence_leaves_done(t->evidence, (t->size - 1) / TILE_WIDTH * TILE_WIDTH);
	return 1;
}

void tlog_attach(struct tlog *t)
{
	char path[TILE_PATH_SIZE];
	struct buffer note;
	if (t->note.len == 0)
		return;
	buffer_init(&note, NOTE_MAX + 1);
	int e = buffer_put(&note, t->note.data, t->note.len);
	int added = e == 0 ? cosigned_attach(t->dir, &note) : e;
	snprintf(path, sizeof path, "%.4000s/checkpoint", t->dir);
	if (added > 0)
		e = atomicfile_write(path, note.data, note.len, 0440);
	if (added > 0 && e == 0 && buffer_text(&note) != NULL) {
		buffer_free(&t->note);
		t->note = note;
		return;
	}
	if (added < 0 || e != 0)
		log_error("%s: cosignatures were not attached: %s", path, error_text(added < 0 ? added : e));
	buffer_free(&note);
}

/* Starting */

static int tlog_load_checkpoint(struct tlog *t)
{
	struct checkpoint c;
	struct fault fault = { 0 };
	int e = tile_checkpoint(t->dir, &t->note);
	if (e == ITM_ENOENT)
		return 0;
	if (e == 0)
		e = checkpoint_open(t->note.data, t->note.len, t->key->public_key, &c, NULL, &fault);
	if (e == 0 && strcmp(c.origin, t->checkpoint.origin) != 0)
		e = error_fault(&fault, ITM_ECRYPTO, 0, "it is another log's");
	if (e == 0 && buffer_text(&t->note) == NULL)
		e = ITM_ENOMEM;
	if (e != 0)
		log_error("%s/checkpoint: %s", t->dir, fault.reason != NULL ? fault.reason : error_text(e));
	else
		t->checkpoint = c;
	return e;
}

/* The rows and the edge where `base` leaves, a whole number of bundles, are in
 * full tiles. */
static int tlog_resume(struct tlog *t, uint64_t base)
{
	t->tiles.size = t->size = t->edge.size = base;
	for (unsigned level = 0; level < MERKLE_PROOF_MAX && base >> level > 0; level++) {
		if (!(base >> level & 1))
			continue;
		int e = tile_get(&t->tiles, level, (base >> level) - 1, t->edge.hash[level]);
		if (e != 0)
			return e;
	}
	for (unsigned level = 1; level < TILE_LEVELS; level++) {
		uint64_t there = base >> (8 * level), first = there / TILE_WIDTH * TILE_WIDTH;
		for (uint64_t i = first; i < there; i++) {
			int e = tile_get(&t->tiles, 8 * level, i, t->row[level][i % TILE_WIDTH]);
			if (e != 0)
				return e;
		}
	}
	return 0;
}

static void tlog_restart(struct tlog *t)
{
	t->size = t->tiles.size = 0;
	memset(&t->edge, 0, sizeof t->edge);
	memset(t->tiles.cached, 0, TILE_CACHED * sizeof *t->tiles.cached);
}

/* Leaves in full tiles, then those of the queue; all of them from the rows when
 * the tiles are not there. */
static int tlog_restore(struct tlog *t)
{
	uint64_t base;
	int e = evidence_leaves_first(t->evidence, &base);
	if (e != 0)
		return e;
	if (base % TILE_WIDTH != 0 || tlog_resume(t, base) != 0) {
		log_error("%s: tiles are missing: the log is made again from the store", t->dir);
		tlog_restart(t);
		e = evidence_leaves_again(t->evidence, base, tlog_take, t);
	}
	return e == 0 ? evidence_leaves(t->evidence, t->size, tlog_take, t) : e;
}

static int tlog_compare(struct tlog *t)
{
	uint8_t root[HASH_SIZE];
	const char *wrong = NULL;
	int e = tlog_partials(t);
	if (e != 0)
		return e;
	t->tiles.size = t->size;
	if (t->size < t->checkpoint.size)
		wrong = "evidence.db went back behind the log that was signed";
	else if (merkle_root(t->checkpoint.size, tile_get, &t->tiles, root) != 0)
		wrong = "the tiles cannot be read";
	else if (t->checkpoint.size > 0 && memcmp(root, t->checkpoint.root, HASH_SIZE) != 0)
		wrong = "evidence.db holds other leaves than those that were signed";
	if (wrong == NULL)
		return 0;
	log_error("%s: %s: going on would fork the log, so nothing is taken; restore the newest evidence.db, "
		  "or move log/ and its key aside and enrol the hosts anew", t->dir, wrong);
	return ITM_ECRYPTO;
}

struct tlog *tlog_open(const char *dir, struct evidence *e, const struct id *server, const struct sign_key *key, int *error)
{
	struct tlog *t = calloc(1, sizeof *t);
	if (t == NULL || strlen(dir) >= 3900) {
		free(t);
		*error = t == NULL ? ITM_ENOMEM : ITM_EINVAL;
		return NULL;
	}
	snprintf(t->dir, sizeof t->dir, "%.3900s/log", dir);
	t->evidence = e;
	t->key = key;
	buffer_init(&t->note, NOTE_MAX + 1);
	checkpoint_origin(server, t->checkpoint.origin);
	*error = tile_open(&t->tiles, t->dir, 0);
	if (*error == 0)
		*error = tlog_load_checkpoint(t);
	if (*error == 0)
		*error = tlog_restore(t);
	if (*error == 0)
		*error = tlog_compare(t);
	if (*error != 0) {
		tlog_close(t);
		return NULL;
	}
	t->tiles.size = t->checkpoint.size;
	return t;
}

void tlog_close(struct tlog *t)
{
	if (t == NULL)
		return;
	tile_close(&t->tiles);
	buffer_free(&t->note);
	free(t);
}

/* Receipts */

int tlog_receipt(struct tlog *t, const struct receipt_record *record, uint64_t leaf, uint64_t old_size, struct buffer *out)
{
	struct receipt r = { .record = *record, .leaf = leaf, .old_size = old_size, .note = tlog_note(t),
			     .note_len = t->note.len };
	int e = merkle_inclusion(t->checkpoint.size, leaf, tile_get, &t->tiles, &r.inclusion);
	if (e == 0 && old_size <= t->checkpoint.size)
		e = merkle_consistency(old_size, t->checkpoint.size, tile_get, &t->tiles, &r.consistency);
	return e == 0 ? receipt_encode(out, &r) : e;
}
