/* The central log of a store, for walk.h: its tiles against its checkpoint,
 * the checkpoint against the trusted key and witness, then each leaf to the
 * verifier of its host. */
#include "cli/walk.h"

#include <stdio.h>
#include <string.h>

#include "base/atomicfile.h"
#include "base/error.h"
#include "format/receipt.h"
#include "store/tile.h"

struct walklog {
	struct walk *walk;
	struct merkle_edge edge;
	uint64_t witnessed;              /* leaves a witness cosigned; UINT64_MAX = none asked for */
	uint8_t witnessed_root[HASH_SIZE];
	bool forked;
};

static int hash_leaf(void *context, uint64_t index, const uint8_t *data, size_t len)
{
	struct walklog *l = context;
	uint8_t leaf[HASH_SIZE], root[HASH_SIZE];

	(void)index;
	merkle_leaf(data, len, leaf);
	merkle_edge_add(&l->edge, leaf);
	if (l->edge.size == l->witnessed) {
		merkle_edge_root(&l->edge, root);
		l->forked = memcmp(root, l->witnessed_root, HASH_SIZE) != 0;
	}
	return 0;
}

static int give_leaf(void *context, uint64_t index, const uint8_t *data, size_t len)
{
	struct walklog *l = context;
	struct walk *w = l->walk;
	struct receipt_record record;
	struct walk_host *h;
	struct fault fault = { 0 };

	if (receipt_record_decode(data, len, &record, &fault) != 0) {
		walk_flaw(w, "log", index, fault.reason);
		return 0;
	}
	/* What the witness has not seen yet does not anchor. */
	if (record.type == RECEIPT_ACT || index >= l->witnessed || (w->one_host && !id_equal(&record.host, &w->host)))
		return 0;
	h = walk_host(w, &record.host);
	if (h == NULL)
		return ITM_ENOMEM;
	verifier_logged(h->verifier, &record, w->origin);
	return 0;
}

/* How far the witness went: its newest cosigned checkpoint. */
static void load_witnessed(struct walklog *l, const char *log_dir)
{
	struct walk *w = l->walk;
	struct checkpoint c;
	struct buffer text;
	struct note note;
	char path[TILE_PATH_SIZE];

	l->witnessed = 0;
	buffer_init(&text, NOTE_MAX);
	snprintf(path, sizeof(path), "%.4000s/cosigned", log_dir);
	if (atomicfile_read(path, &text) != 0) {
		walk_flaw(w, "log", 0, "no checkpoint is cosigned by a witness");
	} else if (checkpoint_open(text.data, text.len, w->trust.log, &c, &note, NULL) != 0 ||
		   note_check(&note, w->witness, NULL) != 0) {
		walk_flaw(w, "log", 0, "the cosigned checkpoint does not hold under the log's and the witness's keys");
	} else {
		l->witnessed = c.size;
		memcpy(l->witnessed_root, c.root, HASH_SIZE);
	}
	buffer_free(&text);
}

static int check_log(struct walklog *l, struct tile_log *tiles, const struct checkpoint *c)
{
	uint8_t root[HASH_SIZE];
	int r;

	if (l->walk->witness != NULL)
		load_witnessed(l, tiles->dir);
	r = tile_entries(tiles, 0, hash_leaf, l);
	if (r == ITM_ENOMEM)
		return r;
	merkle_edge_root(&l->edge, root);
	if (r != 0 || memcmp(root, c->root, HASH_SIZE) != 0)
		walk_flaw(l->walk, "log", 0, "the central log's leaves are not those its checkpoint signs");
	else if (l->walk->witness != NULL && (l->forked || l->witnessed > c->size))
		walk_flaw(l->walk, "log", 0, "the central log is not the one its witness saw: forked, or rolled back");
	else
		return tile_entries(tiles, 0, give_leaf, l);
	return 0;
}

int walk_log(struct walk *w, const char *store)
{
	struct walklog l = { .walk = w, .witnessed = UINT64_MAX };
	struct tile_log tiles;
	struct checkpoint c;
	struct buffer note;
	char dir[4096];
	int r;

	if (!w->trust.has_log)
		return 0;
	snprintf(dir, sizeof(dir), "%.3900s/log", store);
	snprintf(w->origin, sizeof(w->origin), "log");
	buffer_init(&note, NOTE_MAX);
	r = tile_checkpoint(dir, &note);
	if (r == ITM_ENOENT) { /* nothing is anchored yet: the verdict says so */
		buffer_free(&note);
		return 0;
	}
	if (r == 0)
		r = checkpoint_open(note.data, note.len, w->trust.log, &c, NULL, NULL);
	buffer_free(&note);
	if (r != 0) {
		walk_flaw(w, "log", 0, "the central log's checkpoint is not signed by the trusted log key");
		return 0;
	}
	r = tile_open(&tiles, dir, c.size);
	if (r == 0)
		r = check_log(&l, &tiles, &c);
	tile_close(&tiles);
	return r;
}
