/* The central log of a store, for walk.h: its tiles against its checkpoint,
 * the checkpoint against the trusted key, then each leaf to the
 * verifier of its host. */
#include "cli/walk.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "format/receipt.h"
#include "store/tile.h"

struct walklog {
	struct walk *walk;
	struct merkle_edge edge;
};

static int hash_leaf(void *context, uint64_t index, const uint8_t *data, size_t len)
{
	struct walklog *l = context;
	uint8_t leaf[HASH_SIZE];

	(void)index;
	merkle_leaf(data, len, leaf);
	merkle_edge_add(&l->edge, leaf);
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
	if (record.type == RECEIPT_ACT || (w->one_host && !id_equal(&record.host, &w->host)))
		return 0;
	h = walk_host(w, &record.host);
	if (h == NULL)
		return ITM_ENOMEM;
	verifier_logged(h->verifier, &record, w->origin);
	return 0;
}

static int check_log(struct walklog *l, struct tile_log *tiles, const struct checkpoint *c)
{
	uint8_t root[HASH_SIZE];
	int r;

	r = tile_entries(tiles, 0, hash_leaf, l);
	if (r == ITM_ENOMEM)
		return r;
	merkle_edge_root(&l->edge, root);
	if (r != 0 || memcmp(root, c->root, HASH_SIZE) != 0)
		walk_flaw(l->walk, "log", 0, "the central log's leaves are not those its checkpoint signs");
	else
		return tile_entries(tiles, 0, give_leaf, l);
	return 0;
}

int walk_log(struct walk *w, const char *store)
{
	struct walklog l = { .walk = w };
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
