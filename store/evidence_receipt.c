/* Receipts made by a reader of the store, of evidence.h: for a session's
 * lineage, which leaves the server with its proof. */
#include "store/evidence.h"

#include <stdio.h>
#include <string.h>

#include "store/cosigned.h"
#include "store/evidence_state.h"
#include "store/tile.h"

static int evidence_receipt_put(struct tile_log *tiles, const struct receipt_record *record, uint64_t leaf,
				const struct buffer *note, struct buffer *out)
{
	struct receipt r = { .record = *record, .leaf = leaf, .old_size = tiles->size, .note = (const char *)note->data,
			     .note_len = note->len };
	int rc;

	if (leaf >= tiles->size)
		return 0;
	rc = merkle_inclusion(tiles->size, leaf, tile_get, tiles, &r.inclusion);
	return rc == 0 ? receipt_encode(out, &r) : rc;
}

/* A checkpoint that a witness cosigned says more than the newest: where one
 * covers the leaves, the proofs are made for it. */
static int evidence_cosigned(struct tile_log *tiles, const struct evidence_logged *logged, uint64_t shown,
			     struct buffer *note, struct checkpoint *c)
{
	uint64_t leaf = logged->genesis && logged->genesis_leaf > logged->leaf ? logged->genesis_leaf : logged->leaf;
	struct checkpoint best;
	struct buffer other;
	int rc;

	buffer_init(&other, NOTE_MAX);
	rc = cosigned_newest(tiles, c, leaf, &other, &best);
	if (rc != 1 || best.size < shown) {
		buffer_free(&other);
		return rc < 0 ? rc : 0;
	}
	buffer_free(note);
	*note = other;
	*c = best;
	tiles->size = best.size;
	return 0;
}

int evidence_receipt(struct evidence *e, const struct id *host, uint64_t sequence,
		     const uint8_t block_hash[HASH_SIZE], uint64_t *shown, struct buffer *receipt,
		     struct buffer *countersign)
{
	struct evidence_logged logged;
	struct tile_log tiles = { .size = 0 };
	struct checkpoint c;
	struct buffer note;
	struct note decoded;
	char dir[EVIDENCE_PATH_SIZE];
	int rc = evidence_logged(e, host, sequence, block_hash, &logged);

	if (rc != 0)
		return rc;
	snprintf(dir, sizeof dir, "%.*s/log", EVIDENCE_DIR_MAX, e->dir);
	buffer_init(&note, NOTE_MAX);
	rc = tile_checkpoint(dir, &note);
	if (rc == 0)
		rc = note_decode(note.data, note.len, &decoded, NULL);
	if (rc == 0)
		rc = checkpoint_decode(decoded.text, decoded.text_len, &c, NULL);
	if (rc == 0)
		rc = tile_open(&tiles, dir, c.size);
	if (rc == 0)
		rc = evidence_cosigned(&tiles, &logged, *shown, &note, &c);
	if (rc == 0)
		rc = evidence_receipt_put(&tiles, &logged.record, logged.leaf, &note, receipt);
	if (rc == 0 && logged.genesis)
		rc = evidence_receipt_put(&tiles, &logged.genesis_record, logged.genesis_leaf, &note, countersign);
	if (rc == 0)
		*shown = c.size;
	tile_close(&tiles);
	buffer_free(&note);
	return rc == ITM_ENOENT ? 0 : rc;
}
