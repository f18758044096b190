#include "tests/crash/ingest_look.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/checkpoint.h"
#include "store/evidence.h"
#include "store/segment.h"
#include "store/sql.h"
#include "store/tile.h"

enum { PATH = 512 };

void ingest_must(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "FAILED: %s\n", what);
	exit(1);
}

static void must(bool ok, const char *what)
{
	ingest_must(ok, what);
}

struct look { uint64_t next; size_t chunks; struct verifier *verifier; };

static int look_segment(void *context, const struct evidence_segment *s)
{
	struct look *l = context;
	int error;
	struct fault fault = { 0 };
	struct segment_reader *r = segment_reader_open(s->path, &error, &fault);
	must(r != NULL, "segment");
	segment_reader_limit(r, s->committed);
	struct unit u;
	uint64_t offset;
	while ((error = segment_reader_next(r, &u, &offset, &fault)) == 1) {
		struct block b;
		must(verifier_unit(l->verifier, &u, s->path, offset) == 0, "a unit does not verify");
		l->chunks += u.type == UNIT_CHUNK;
		if (u.type != UNIT_BLOCK)
			continue;
		must(block_decode(u.payload, u.len, &b, NULL) == 0 && b.sequence == l->next++,
		     "a block twice, lost, or out of order");
	}
	must(error == 0, "committed bytes of a segment are not readable");
	segment_reader_close(r);
	return 0;
}

struct rows { struct evidence *evidence; size_t count; };

static int look_row(void *context, const struct evidence_chunk *c)
{
	struct rows *rows = context;
	struct buffer b;
	struct chunk decoded;
	buffer_init(&b, UNIT_PAYLOAD_MAX);
	must(evidence_read_chunk(rows->evidence, c, &b) == 0 && chunk_decode(b.data, b.len, &decoded, NULL) == 0 &&
	     decoded.number == c->number, "a chunk of the database");
	buffer_free(&b);
	rows->count++;
	return 0;
}

struct leaves { struct verifier *verifier; struct merkle_edge edge; size_t acts; };

static int look_leaf(void *context, uint64_t index, const uint8_t *data, size_t len)
{
	struct leaves *l = context;
	struct receipt_record record;
	uint8_t hash[HASH_SIZE];
	must(receipt_record_decode(data, len, &record, NULL) == 0, "a leaf of the log");
	must(verifier_logged(l->verifier, &record, 0, 0, "log") == 0, "a leaf of another block");
	l->acts += record.type == RECEIPT_ACT; /* alerts: how often one is raised depends on when we cut */
	merkle_leaf(data, len, hash);
	merkle_edge_add(&l->edge, hash);
	must(l->edge.size == index + 1, "a leaf out of order");
	return 0;
}

/* Every block has its leaf, once, and the checkpoint signs just these. */
static void look_log(const struct ingest_wanted *c, struct evidence *e, struct verifier *v)
{
	struct leaves l = { .verifier = v };
	struct evidence_logged logged;
	struct checkpoint checkpoint;
	struct tile_log tiles;
	struct buffer note;
	uint8_t root[HASH_SIZE];
	char dir[PATH + 8];
	snprintf(dir, sizeof dir, "%s/log", c->store);
	buffer_init(&note, NOTE_MAX);
	must(tile_checkpoint(dir, &note) == 0 &&
	     checkpoint_open(note.data, note.len, c->log_key, &checkpoint, NULL, NULL) == 0, "the checkpoint");
	must(tile_open(&tiles, dir, checkpoint.size) == 0 && tile_entries(&tiles, 0, look_leaf, &l) == 0, "the tiles");
	merkle_edge_root(&l.edge, root);
	must(memcmp(root, checkpoint.root, HASH_SIZE) == 0, "the root of the tiles");
	must(checkpoint.size - l.acts == c->count + c->genesis, "a leaf for every block, and one more for a GENESIS");
	for (size_t i = 0; i < c->count; i++)
		must(evidence_logged(e, &c->chain->host, i + 1, c->hash[i], &logged) == 0 && logged.leaf < checkpoint.size,
		     "an acknowledged block is not in the database");
	tile_close(&tiles);
	buffer_free(&note);
}

void ingest_look(const struct ingest_wanted *c)
{
	int error;
	char path[2 * PATH], words[256];
	struct evidence *e = evidence_open(c->store, NULL, false, &error);
	must(e != NULL, "the store opens");
	struct verify_trust trust = { .has_identity = true, .has_log = true };
	memcpy(trust.identity, c->chain->identity.public_key, SIGN_PUBLIC_SIZE);
	memcpy(trust.log, c->log_key, SIGN_PUBLIC_SIZE);
	struct look look = { .next = 1, .verifier = verifier_new(&trust, NULL) };
	must(evidence_segments(e, look_segment, &look) == 0, "segments");
	must(look.next == c->count + 1, "blocks are missing");
	look_log(c, e, look.verifier);
	struct verify_result result;
	verifier_finish(look.verifier, &result);
	verifier_free(look.verifier);
	printf("verdict %s: %s\n", verdict_name(result.verdict), result.detail);
	must(result.verdict == VERDICT_OK || result.verdict == VERDICT_UNANCHORED || result.verdict == VERDICT_OPEN_TAIL,
	     "the verdict");
	printf("%" PRIu64 " receipts\n", result.receipts);
	must(result.receipts == c->count + c->genesis, "a receipt for every block, and one more for a GENESIS");
	struct rows rows = { e, 0 };
	must(evidence_chunks_after(e, 0, 0, look_row, &rows) == 0 && rows.count == look.chunks, "rows of chunks");
	evidence_close(e);
	snprintf(path, sizeof path, "%s/evidence.db", c->store);
	struct sql *s = sql_open(path, false, &error);
	must(s != NULL && sql_check(s, words, sizeof words) == 0, "PRAGMA integrity_check");
	sql_close(s);
}
