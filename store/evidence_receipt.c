/* Receipts made by a reader of the store, of evidence.h: for a session's
 * lineage, which leaves the server with its proof. */
#include "store/evidence.h"

#include <stdio.h>
#include <string.h>

#include "store/cosigned.h"
#include "store/evidence_state.h"
#include "store/stamps.h"
#include "store/tile.h"

enum { EVIDENCE_STAMPS_TRIED = 16 };

/* What receipts are made by: a checkpoint, as signed, and the tiles below it. */
struct evidence_shown {
	struct tile_log tiles;           /* of the newest checkpoint */
	struct checkpoint c;
	struct buffer note;
};

static int evidence_receipt_put(struct evidence_shown *s, const struct receipt_record *record, uint64_t leaf,
				struct buffer *out)
{
	struct receipt r = { .record = *record, .leaf = leaf, .old_size = s->c.size, .note = (const char *)s->note.data,
			     .note_len = s->note.len };
	int rc;

	if (leaf >= s->c.size)
		return 0;
	rc = merkle_inclusion(s->c.size, leaf, tile_get, &s->tiles, &r.inclusion);
	return rc == 0 ? receipt_encode(out, &r) : rc;
}

/* A note as this log's checkpoint; whose signature it bears is for the reader. */
static int evidence_shown_note(const struct buffer *note, struct checkpoint *c)
{
	struct note decoded;
	int rc = note_decode(note->data, note->len, &decoded, NULL);

	return rc == 0 ? checkpoint_decode(decoded.text, decoded.text_len, c, NULL) : rc;
}

static int evidence_shown_open(struct evidence_shown *s, const char *dir)
{
	int rc = tile_checkpoint(dir, &s->note);

	if (rc == 0)
		rc = evidence_shown_note(&s->note, &s->c);
	return rc == 0 ? tile_open(&s->tiles, dir, s->c.size) : rc;
}

/* A checkpoint that a witness cosigned says more than the newest: where one
 * covers the leaves, the proofs are made for it. */
static int evidence_cosigned(struct evidence_shown *s, uint64_t leaf, uint64_t shown)
{
	struct checkpoint best;
	struct buffer other;
	int rc;

	buffer_init(&other, NOTE_MAX);
	rc = cosigned_newest(&s->tiles, &s->c, leaf, &other, &best);
	if (rc != 1 || best.size < shown) {
		buffer_free(&other);
		return rc < 0 ? rc : 0;
	}
	buffer_free(&s->note);
	s->note = other;
	s->c = best;
	return 0;
}

/* Is the stamped note one of this log? */
static bool evidence_stamp_fits(struct evidence_shown *s, uint64_t size, struct buffer *note, struct checkpoint *c)
{
	uint8_t root[HASH_SIZE];

	return evidence_shown_note(note, c) == 0 && c->size == size && strcmp(c->origin, s->c.origin) == 0 &&
	       merkle_root(size, tile_get, &s->tiles, root) == 0 && memcmp(root, c->root, HASH_SIZE) == 0;
}

/* The earliest stamp that covers the leaf says how old it is at least.
 * 1 = there is one, and the receipts are by it from here on. */
static int evidence_stamped(struct evidence_shown *s, const char *dir, uint64_t leaf, uint64_t shown)
{
	uint64_t size = shown > leaf ? shown - 1 : leaf;
	char folder[STAMPS_PATH_SIZE];
	struct buffer note, response;
	struct checkpoint c;
	int found = 0;

	snprintf(folder, sizeof folder, "%.4000s/stamps", dir);
	buffer_init(&note, NOTE_MAX);
	buffer_init(&response, STAMPS_RESPONSE_MAX);
	for (int i = 0; i < EVIDENCE_STAMPS_TRIED && !found; i++) {
		size = stamps_above(folder, size);
		if (size == 0 || size > s->c.size)
			break;
		buffer_clear(&note);
		buffer_clear(&response);
		found = stamps_read(folder, size, &note, &response) == 0 && evidence_stamp_fits(s, size, &note, &c);
	}
	if (found) {
		buffer_free(&s->note);
		s->note = note;
		s->c = c;
	} else {
		buffer_free(&note);
	}
	buffer_free(&response);
	return found;
}

/* By the stamped checkpoint, then by another: a log only grows.  A block that is
 * not the last needs but its countersignature, by the first of them. */
static int evidence_receipts(struct evidence_shown *s, const char *dir, const struct evidence_logged *logged, bool last,
			     uint64_t *shown, struct evidence_words *out)
{
	uint64_t leaf = logged->genesis && logged->genesis_leaf > logged->leaf ? logged->genesis_leaf : logged->leaf;
	int rc = evidence_shown_open(s, dir);
	bool stamped = rc == 0 && evidence_stamped(s, dir, leaf, *shown);

	if (rc == 0 && !stamped)
		rc = evidence_cosigned(s, leaf, *shown);
	if (rc == 0 && logged->genesis)
		rc = evidence_receipt_put(s, &logged->genesis_record, logged->genesis_leaf, &out->countersign);
	if (rc == 0 && last)
		rc = evidence_receipt_put(s, &logged->record, logged->leaf, &out->receipt);
	if (rc == 0)
		*shown = s->c.size;
	if (rc != 0 || !last || !stamped)
		return rc;
	tile_close(&s->tiles);
	buffer_clear(&s->note);
	rc = evidence_shown_open(s, dir);
	if (rc == 0)
		rc = evidence_cosigned(s, leaf, *shown);
	if (rc == 0 && s->c.size != *shown)
		rc = evidence_receipt_put(s, &logged->record, logged->leaf, &out->second);
	if (rc == 0)
		*shown = s->c.size;
	return rc;
}

int evidence_receipt(struct evidence *e, const struct id *host, uint64_t sequence, const uint8_t block_hash[HASH_SIZE],
		     bool last, uint64_t *shown, struct evidence_words *out)
{
	struct evidence_shown s = { .c = { .size = 0 } };
	struct evidence_logged logged;
	char dir[EVIDENCE_PATH_SIZE];
	int rc = evidence_logged(e, host, sequence, block_hash, &logged);

	if (rc != 0)
		return rc;
	snprintf(dir, sizeof dir, "%.*s/log", EVIDENCE_DIR_MAX, e->dir);
	buffer_init(&s.note, NOTE_MAX);
	rc = evidence_receipts(&s, dir, &logged, last, shown, out);
	tile_close(&s.tiles);
	buffer_free(&s.note);
	return rc == ITM_ENOENT ? 0 : rc;
}
