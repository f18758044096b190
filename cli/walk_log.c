/* The central log of a store, for walk.h: its tiles against its checkpoint,
 * the checkpoint against the trusted key, its hashes and the acts' texts
 * against the leaves, then each leaf to the verifier of its host.  What the
 * trusted witness cosigned, and what was stamped, must be this log. */
#include "cli/walk.h"

#include <stdio.h>
#include <string.h>

#include "base/atomicfile.h"
#include "base/error.h"
#include "format/act.h"
#include "format/receipt.h"
#include "store/cosigned.h"
#include "store/stamps.h"
#include "store/tile.h"

enum { STAMPS_TRIED = 16 /* whoever writes there must not keep us busy */ };

struct walk_log {
	struct walk *walk;
	struct tile_log *tiles;
	struct merkle_edge edge;
	struct checkpoint cosigned;      /* by the trusted witness; size 0: none */
	uint64_t cosigned_at;
	uint8_t root[HASH_SIZE];         /* of our first cosigned.size leaves */
	struct checkpoint stamped;       /* by the trusted authority; size 0: none */
	uint64_t stamped_at;
	uint8_t stamped_root[HASH_SIZE];
	uint64_t wrong_hashes;
};

static int hash_leaf(void *context, uint64_t index, const uint8_t *data, size_t len)
{
	struct walk_log *l = context;
	uint8_t leaf[HASH_SIZE], stored[HASH_SIZE];

	merkle_leaf(data, len, leaf);
	merkle_edge_add(&l->edge, leaf);
	if (l->edge.size == l->cosigned.size)
		merkle_edge_root(&l->edge, l->root);
	if (l->edge.size == l->stamped.size)
		merkle_edge_root(&l->edge, l->stamped_root);
	/* Proofs are made of these. */
	if (tile_get(l->tiles, 0, index, stored) != 0 || memcmp(leaf, stored, HASH_SIZE) != 0)
		l->wrong_hashes++;
	return 0;
}

/* A person's act: its text stands in a file named by its hash. */
static void check_act(struct walk_log *l, uint64_t index, const uint8_t hash[HASH_SIZE])
{
	char path[4200], hex[2 * HASH_SIZE + 1];
	struct buffer text;
	uint8_t is[HASH_SIZE];
	size_t i;

	for (i = 0; i < HASH_SIZE; i++)
		snprintf(hex + 2 * i, 3, "%02x", hash[i]);
	snprintf(path, sizeof(path), "%.4000s/acts/%s.act", l->tiles->dir, hex);
	buffer_init(&text, ACT_TEXT_MAX + 1);
	if (atomicfile_read(path, &text) != 0) {
		walk_flaw(l->walk, "log", index, "the text of an act that is in the log is missing");
	} else {
		hash_bytes(text.data, text.len, is);
		if (memcmp(is, hash, HASH_SIZE) != 0)
			walk_flaw(l->walk, "log", index, "the text of an act is not the one that is in the log");
		else
			walk_acts_leaf(l->walk, index, text.data, text.len, true);
	}
	buffer_free(&text);
}

static int give_leaf(void *context, uint64_t index, const uint8_t *data, size_t len)
{
	struct walk_log *l = context;
	struct walk *w = l->walk;
	struct receipt_record record;
	struct walk_host *h;
	struct fault fault = { 0 };

	if (receipt_record_decode(data, len, &record, &fault) != 0) {
		walk_flaw(w, "log", index, fault.reason);
		return 0;
	}
	if (record.type == RECEIPT_ACT) {
		check_act(l, index, record.block_hash);
		return 0;
	}
	if (w->one_host && !id_equal(&record.host, &w->host))
		return 0;
	h = walk_host(w, &record.host);
	if (h == NULL)
		return ITM_ENOMEM;
	verifier_logged(h->verifier, &record, index < l->cosigned.size ? l->cosigned_at : 0,
			index < l->stamped.size ? l->stamped_at : 0, w->origin);
	return 0;
}

/* What the witness left beside the log.  Nothing is said of it where it is not
 * there: the verifiers find that nothing is covered. */
static int load_cosigned(struct walk_log *l, const char *dir)
{
	char folder[4096], path[COSIGNED_PATH_SIZE];
	const struct verify_trust *trust = &l->walk->trust;
	struct fault fault = { 0 };
	struct checkpoint c;
	struct buffer file;
	struct note note;
	int r;

	if (!trust->has_witness)
		return 0;
	snprintf(folder, sizeof(folder), "%.4000s/cosigned", dir);
	cosigned_path(folder, &trust->witness, path);
	buffer_init(&file, NOTE_MAX);
	r = atomicfile_read(path, &file);
	if (r == 0)
		r = checkpoint_open(file.data, file.len, trust->log, &c, &note, &fault);
	if (r == 0 && note_check(&note, &trust->witness, &l->cosigned_at) != 0)
		r = error_fault(&fault, ITM_ECRYPTO, 0, "not cosigned by the trusted witness");
	if (r == 0)
		l->cosigned = c;
	else if (r != ITM_ENOENT && r != ITM_ENOMEM)
		walk_flaw(l->walk, path, fault.offset, fault.reason != NULL ? fault.reason : error_text(r));
	buffer_free(&file);
	return r == ITM_ENOMEM ? r : 0;
}

/* The newest stamp that holds. */
static void load_stamped(struct walk_log *l, const char *dir)
{
	const struct verify_trust *trust = &l->walk->trust;
	struct buffer note, response;
	struct checkpoint c;
	char folder[4096];
	int64_t at;

	snprintf(folder, sizeof(folder), "%.4000s/stamps", dir);
	buffer_init(&note, NOTE_MAX);
	buffer_init(&response, STAMPS_RESPONSE_MAX);
	for (uint64_t size = UINT64_MAX, tries = trust->stamped != NULL ? STAMPS_TRIED : 0; tries > 0; tries--) {
		size = stamps_below(folder, size);
		if (size == 0)
			break;
		buffer_clear(&note);
		buffer_clear(&response);
		if (stamps_read(folder, size, &note, &response) != 0 ||
		    checkpoint_open(note.data, note.len, trust->log, &c, NULL, NULL) != 0 || c.size != size)
			continue;
		at = trust->stamped(trust->stamps, size, note.data, note.len);
		if (at <= 0)
			continue;
		l->stamped = c;
		l->stamped_at = (uint64_t)at;
		break;
	}
	buffer_free(&note);
	buffer_free(&response);
}

/* The log against what somebody saw of it; it is not counted when it differs. */
static void check_seen(struct walk_log *l, const struct checkpoint *c, struct checkpoint *seen,
		       const uint8_t root[HASH_SIZE], const char *const wrong[3])
{
	if (seen->size == 0)
		return;
	bool other = strcmp(seen->origin, c->origin) != 0, more = seen->size > c->size;

	if (!other && !more && memcmp(root, seen->root, HASH_SIZE) == 0)
		return;
	walk_flaw(l->walk, "log", 0, wrong[other ? 0 : more ? 1 : 2]);
	seen->size = 0;
}

static const char *const not_cosigned[] = {
	"the witness cosigned another log",
	"the log went back: the witness cosigned more leaves than it has",
	"the log was forked: the witness cosigned other leaves",
}, *const not_stamped[] = {
	"a checkpoint of another log was stamped",
	"the log went back: a checkpoint with more leaves than it has was stamped",
	"the log was forked: a checkpoint with other leaves was stamped",
};

static int waiting_act(void *context, const struct evidence_act *a)
{
	if (a->text != NULL)
		walk_acts_leaf(context, a->leaf, a->text, a->len, false);
	return 0;
}

/* A removal may be younger than the checkpoint: then its act waits for the next. */
static int check_acts(struct walk_log *l, const struct checkpoint *c)
{
	int r = evidence_acts(l->walk->evidence, c->size, waiting_act, l->walk);

	return r == 0 ? walk_acts_judge(l->walk) : r;
}

static int check_log(struct walk_log *l, struct tile_log *tiles, const struct checkpoint *c)
{
	uint8_t root[HASH_SIZE];
	int r;

	l->tiles = tiles;
	r = tile_entries(tiles, 0, hash_leaf, l);
	if (r == ITM_ENOMEM)
		return r;
	merkle_edge_root(&l->edge, root);
	if (r != 0 || memcmp(root, c->root, HASH_SIZE) != 0)
		walk_flaw(l->walk, "log", 0, "the central log's leaves are not those its checkpoint signs");
	else if (l->wrong_hashes > 0)
		walk_flaw(l->walk, "log", 0, "the central log's tiles do not hold the hashes of its leaves");
	else {
		check_seen(l, c, &l->cosigned, l->root, not_cosigned);
		check_seen(l, c, &l->stamped, l->stamped_root, not_stamped);
		r = tile_entries(tiles, 0, give_leaf, l);
		return r == 0 ? check_acts(l, c) : r;
	}
	return 0;
}

int walk_log_size(const char *store, uint64_t *leaves)
{
	struct checkpoint c = { .size = 0 };
	struct buffer file;
	struct note note;
	char dir[4096];

	snprintf(dir, sizeof(dir), "%.3900s/log", store);
	buffer_init(&file, NOTE_MAX);
	int r = tile_checkpoint(dir, &file);
	if (r == 0 && note_decode(file.data, file.len, &note, NULL) == 0 &&
	    checkpoint_decode(note.text, note.text_len, &c, NULL) == 0)
		*leaves = c.size;
	buffer_free(&file);
	return r == ITM_ENOMEM || r == ITM_ESYS ? r : 0; /* the rest is told when the log is read */
}

int walk_log(struct walk *w, const char *store)
{
	struct walk_log l = { .walk = w };
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
	r = load_cosigned(&l, dir);
	if (r != 0)
		return r;
	load_stamped(&l, dir);
	r = tile_open(&tiles, dir, c.size);
	if (r == 0)
		r = check_log(&l, &tiles, &c);
	tile_close(&tiles);
	return r;
}
