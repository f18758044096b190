/* What somebody made of a record afterwards. */
#include "tests/golden/vector.h"

#include <stdio.h>
#include <string.h>

static void make_missing_block(struct chain *c, const char *name)
{
	struct pieces p;

	vector_closed_pieces(c, &p);
	/* The last but one covers the end of the session: its chunk goes with it. */
	p.piece[vector_nth(&p, UNIT_CHUNK, 2)].len = 0;
	p.piece[vector_nth(&p, UNIT_FRAME, 2)].len = 0;
	vector_join(name, c, &p, vector_nth(&p, UNIT_BLOCK, 2), SIZE_MAX, SIZE_MAX);
}

static void make_missing_chunk(struct chain *c, const char *name)
{
	struct pieces p;

	vector_closed_pieces(c, &p);
	vector_join(name, c, &p, vector_nth(&p, UNIT_CHUNK, 1), SIZE_MAX, SIZE_MAX);
}

static void make_swapped_blocks(struct chain *c, const char *name)
{
	struct pieces p;

	vector_closed_pieces(c, &p);
	vector_join(name, c, &p, SIZE_MAX, vector_nth(&p, UNIT_BLOCK, 1), vector_nth(&p, UNIT_BLOCK, 2));
}

static void make_swapped_chunks(struct chain *c, const char *name)
{
	struct pieces p;

	vector_closed_pieces(c, &p);
	vector_join(name, c, &p, SIZE_MAX, vector_nth(&p, UNIT_CHUNK, 0), vector_nth(&p, UNIT_CHUNK, 1));
}

/* One letter of the session changed, and the checksum made to fit. */
static void make_altered(struct chain *c, const char *name)
{
	uint8_t payload[1024];
	struct pieces p;
	struct unit u;
	size_t at;

	vector_closed_pieces(c, &p);
	at = vector_nth(&p, UNIT_CHUNK, 0);
	u = vector_unit_at(c, &p.piece[at]);
	vector_must(u.len <= sizeof(payload), name);
	memcpy(payload, u.payload, u.len);
	payload[u.len - 4] ^= 1;
	vector_replace(name, c, &p, at, UNIT_CHUNK, u.version, payload, u.len);
}

static void make_damaged(struct chain *c, const char *name)
{
	struct pieces p;

	vector_closed_pieces(c, &p);
	c->units.data[p.piece[vector_nth(&p, UNIT_BLOCK, 1)].at + 100] ^= 4;
	vector_finish(c, name);
}

/* Block 3 signed with the key of block 2: somebody kept it. */
static void make_older_key(struct chain *c, const char *name)
{
	struct sign_key kept;

	chain_block(c, BLOCK_GENESIS);
	kept = c->key;
	chain_chunk(c, "$ id\r\n", 0);
	chain_block(c, 0);
	c->key = kept;
	chain_chunk(c, "$ exit\r\n", CHUNK_END);
	chain_block(c, 0);
	vector_close_host(c);
	vector_finish(c, name);
}

/* Root makes the deed disappear and signs its block anew with the key it found. */
static void make_newest_key(struct chain *c, const char *name)
{
	struct buffer payload;
	struct block block;
	struct pieces p;
	struct unit u;
	size_t at, i;

	vector_closed_pieces(c, &p);
	at = vector_nth(&p, UNIT_BLOCK, 1);
	u = vector_unit_at(c, &p.piece[at]);
	vector_must(block_decode(u.payload, u.len, &block, NULL) == 0, name);
	block.chunk_count = 0;
	vector_must(block_seal(&block, NULL, &c->key, NULL) == 0, name);
	for (i = 0; i < at; i++)
		if (p.piece[i].type == UNIT_CHUNK || p.piece[i].type == UNIT_FRAME)
			p.piece[i].len = 0;
	buffer_init(&payload, UNIT_PAYLOAD_MAX);
	vector_must(block_encode(&payload, &block) == 0, name);
	vector_replace(name, c, &p, at, UNIT_BLOCK, 1, payload.data, payload.len);
	buffer_free(&payload);
}

static void make_other_log(struct chain *c, const char *name)
{
	vector_whole(c);
	sign_keypair(&c->log);
	vector_close_host(c);
	vector_finish(c, name);
}

/* The log shows a tree whose first leaf is another one than before. */
static void make_log_forked(struct chain *c, const char *name)
{
	vector_whole(c);
	c->leaves[0][0] ^= 1;
	vector_close_host(c);
	vector_finish(c, name);
}

/* The log forgets its newest leaves and goes on from there. */
static void make_log_back(struct chain *c, const char *name)
{
	vector_whole(c);
	c->leaf_count -= 2;
	vector_close_host(c);
	vector_finish(c, name);
}

/* The server has a block that the record no longer has. */
static void make_cut_tail(struct chain *c, const char *name)
{
	struct pieces p;

	vector_closed_pieces(c, &p);
	vector_join(name, c, &p, vector_nth(&p, UNIT_BLOCK, 3), SIZE_MAX, SIZE_MAX);
}

static void make_middle(struct chain *c, const char *name)
{
	struct pieces p;
	size_t i;

	vector_closed_pieces(c, &p);
	for (i = 0; i <= vector_nth(&p, UNIT_BLOCK, 1); i++)
		p.piece[i].len = 0;
	vector_join(name, c, &p, SIZE_MAX, SIZE_MAX, SIZE_MAX);
}

/* A block that says only what is new since one that is not there. */
static void make_middle_short(struct chain *c, const char *name)
{
	struct pieces p;
	size_t i;

	c->spool = true;
	vector_whole(c);
	c->context.known = false;
	chain_block(c, 0);
	vector_close_host(c);
	vector_split(c, &p);
	for (i = 0; i <= vector_nth(&p, UNIT_BLOCK, 0); i++)
		p.piece[i].len = 0;
	vector_join(name, c, &p, SIZE_MAX, SIZE_MAX, SIZE_MAX);
}

static void make_missing_short(struct chain *c, const char *name)
{
	struct pieces p;

	c->spool = true;
	vector_whole(c);
	chain_block(c, BLOCK_HEARTBEAT);
	vector_close_host(c);
	vector_split(c, &p);
	vector_join(name, c, &p, vector_nth(&p, UNIT_BLOCK, 3), SIZE_MAX, SIZE_MAX);
}

static void make_unknown_must(struct chain *c, const char *name)
{
	vector_whole(c);
	chain_unit(c, 0xf0, 1, "new", 3);
	vector_close_host(c);
	vector_finish(c, name);
}

static void make_unknown_may(struct chain *c, const char *name)
{
	vector_whole(c);
	chain_unit(c, 0x70, 1, "new", 3);
	vector_close_host(c);
	vector_finish(c, name);
}

static void make_new_version(struct chain *c, const char *name)
{
	struct pieces p;
	struct unit u;
	size_t at;

	vector_closed_pieces(c, &p);
	at = vector_nth(&p, UNIT_BLOCK, 2);
	u = vector_unit_at(c, &p.piece[at]);
	vector_replace(name, c, &p, at, UNIT_BLOCK, 2, u.payload, u.len);
}

const struct vector attack_vectors[] = {
	{ "missing-block.itm", VERDICT_TAMPERED, make_missing_block, "a block and its chunk are gone" },
	{ "missing-chunk.itm", VERDICT_TAMPERED, make_missing_chunk, "a chunk is gone" },
	{ "swapped-blocks.itm", VERDICT_TAMPERED, make_swapped_blocks, "two blocks changed about" },
	{ "swapped-chunks.itm", VERDICT_TAMPERED, make_swapped_chunks, "two chunks changed about" },
	{ "altered.itm", VERDICT_TAMPERED, make_altered, "a letter of the session changed, checksum made to fit" },
	{ "damaged.itm", VERDICT_TAMPERED, make_damaged, "one bit of a block flipped" },
	{ "older-key.itm", VERDICT_TAMPERED, make_older_key, "a block signed by the key of the block before it" },
	{ "newest-key.itm", VERDICT_TAMPERED, make_newest_key, "a block emptied and signed anew with the newest key" },
	{ "other-log.itm", VERDICT_TAMPERED, make_other_log, "a receipt of another log" },
	{ "log-forked.itm", VERDICT_TAMPERED, make_log_forked, "the log does not go on from what receipts showed of it" },
	{ "log-back.itm", VERDICT_TAMPERED, make_log_back, "the log is shorter than a receipt showed it" },
	{ "cut-tail.itm", VERDICT_TAMPERED, make_cut_tail, "the server's receipt names a block that is gone" },
	{ "middle.itm", VERDICT_OPEN_TAIL, make_middle, "a trimmed spool: it begins in the middle, a receipt vouches for that" },
	{ "middle-short.itm", VERDICT_UNATTESTED, make_middle_short, "the same, with a block in the short form" },
	{ "missing-short.itm", VERDICT_TAMPERED, make_missing_short, "a heartbeat is gone between blocks in the short form" },
	{ "unknown-must.itm", VERDICT_TAMPERED, make_unknown_must, "a unit of an unknown type that must be understood" },
	{ "unknown-may.itm", VERDICT_OK, make_unknown_may, "a unit of an unknown type that may be skipped" },
	{ "new-version.itm", VERDICT_TAMPERED, make_new_version, "a block of a later version" },
	{ 0 },
};
