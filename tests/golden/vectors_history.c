/* What a host that nobody works against may leave. */
#include "tests/golden/vector.h"

#include <stdio.h>
#include <string.h>

#include "format/meta.h"
#include "format/removal.h"

static void make_closed(struct chain *c, const char *name)
{
	vector_whole(c);
	vector_close_host(c);
	vector_finish(c, name);
}

static void make_unlogged(struct chain *c, const char *name)
{
	chain_block(c, BLOCK_GENESIS);
	chain_chunk(c, "$ exit\r\n", CHUNK_END);
	chain_block(c, BLOCK_CLOSE);
	vector_finish(c, name);
}

static void make_running(struct chain *c, const char *name)
{
	c->spool = true;
	vector_whole(c);
	vector_finish(c, name);
}

static void make_unsigned_chunk(struct chain *c, const char *name)
{
	vector_whole(c);
	chain_stream(c);
	chain_chunk(c, "not signed yet", 0);
	vector_finish(c, name);
}

static void make_unsigned_frame(struct chain *c, const char *name)
{
	vector_whole(c);
	chain_stream(c);
	chain_frame(c, "not in a chunk yet");
	vector_finish(c, name);
}

/* A new boot: another boot id, its clock begins anew. */
static void boot_again(struct chain *c)
{
	c->wall_offset_ns += (int64_t)c->now_ms * 1000000 + 60000000000;
	c->now_ms = 9000;
	sign_random(c->boot.bytes, sizeof(c->boot.bytes));
}

static void make_reboot(struct chain *c, const char *name)
{
	c->spool = true;
	vector_whole(c);
	boot_again(c);
	chain_block(c, BLOCK_GENESIS);
	chain_receipt(c, RECEIPT_GENESIS);
	vector_close_host(c);
	vector_finish(c, name);
}

static void make_reboot_unseen(struct chain *c, const char *name)
{
	vector_whole(c);
	boot_again(c);
	chain_block(c, BLOCK_GENESIS);
	vector_close_host(c);
	vector_finish(c, name);
}

static void make_key_lost(struct chain *c, const char *name)
{
	c->spool = true;
	vector_whole(c);
	c->reason = BLOCK_KEY_LOST;
	chain_block(c, BLOCK_GENESIS);
	chain_receipt(c, RECEIPT_GENESIS);
	vector_close_host(c);
	vector_finish(c, name);
}

static void make_other_identity(struct chain *c, const char *name)
{
	sign_keypair(&c->identity);
	make_closed(c, name);
}

static void make_clock_step(struct chain *c, const char *name)
{
	c->spool = true;
	vector_whole(c);
	c->wall_offset_ns += 3600000000000; /* an hour on */
	chain_block(c, BLOCK_HEARTBEAT);
	c->wall_offset_ns -= 7200000000000; /* two back */
	vector_close_host(c);
	vector_finish(c, name);
}

static void make_suspend(struct chain *c, const char *name)
{
	c->spool = true;
	vector_whole(c);
	c->now_ms += 7200000; /* boot time counts on */
	vector_close_host(c);
	vector_finish(c, name);
}

/* The machine and its copy both go on from the same block with the same key. */
static void make_clone(struct chain *c, const char *name)
{
	struct chain copy;

	vector_whole(c);
	copy = *c;
	chain_block(c, BLOCK_HEARTBEAT);
	copy.units = c->units;
	copy.now_ms += 5;
	chain_block(&copy, BLOCK_HEARTBEAT);
	c->units = copy.units;
	vector_finish(c, name);
}

static void make_gap_events(struct chain *c, const char *name)
{
	chain_block(c, BLOCK_GENESIS);
	chain_chunk(c, "some of it", CHUNK_LOSS | CHUNK_END);
	chain_block(c, 0);
	vector_close_host(c);
	vector_finish(c, name);
}

static void make_gap_block(struct chain *c, const char *name)
{
	c->spool = true;
	vector_whole(c);
	chain_block(c, BLOCK_GAP);
	vector_close_host(c);
	vector_finish(c, name);
}

static void make_recovery(struct chain *c, const char *name)
{
	c->spool = true;
	vector_whole(c);
	chain_stream(c);
	chain_chunk(c, "sealed after a crash", CHUNK_END);
	chain_block(c, BLOCK_RECOVERY);
	vector_close_host(c);
	vector_finish(c, name);
}

/* Two segments: a crash tears the end of the first; the second says so, or not. */
static void torn(struct chain *c, const char *name, bool declared)
{
	char path[256];
	struct buffer note;
	size_t first, cut;

	vector_folder(name);
	c->spool = true;
	vector_whole(c);
	first = c->units.len;
	cut = first + 30;
	chain_frame(c, "this never became durable");
	snprintf(path, sizeof(path), "%.200s/seg-%016x.itm", name, 1);
	vector_segment(path, c, 1, c->units.data, cut);
	c->units.len = first;
	buffer_init(&note, 64);
	vector_must(buffer_put_u64(&note, 1) == 0 && buffer_put_u64(&note, SEGMENT_HEADER_SIZE + first) == 0 &&
	     buffer_put_u64(&note, cut - first) == 0, "note");
	if (declared)
		chain_unit(c, UNIT_TORN, 1, note.data, note.len);
	buffer_free(&note);
	c->context.known = false; /* each file begins with a long block */
	vector_close_host(c);
	snprintf(path, sizeof(path), "%.200s/seg-%016x.itm", name, 2);
	vector_segment(path, c, 2, c->units.data + first, c->units.len - first);
}

static void make_torn(struct chain *c, const char *name)
{
	torn(c, name, true);
}

static void make_torn_undeclared(struct chain *c, const char *name)
{
	torn(c, name, false);
}

static void make_torn_end(struct chain *c, const char *name)
{
	size_t end;

	vector_whole(c);
	end = c->units.len + 30;
	chain_block(c, BLOCK_CLOSE);
	vector_segment(name, c, 1, c->units.data, end);
}

/* The chunk's stored form with its output dropped: the hash stays. */
static void put_redacted(struct buffer *units, struct chunk_reader *reader, const struct unit *u)
{
	uint8_t digest[HASH_SIZE];
	struct buffer payload;
	struct chunk chunk;
	size_t i;

	vector_must(chunk_reader_next(reader, u->payload, u->len, &chunk, NULL, digest, NULL) == 0, "chunk");
	for (i = 0; i < chunk.section_count; i++)
		if (chunk.section[i].kind == CHUNK_OUT)
			chunk.section[i].codec = CHUNK_DROPPED;
	buffer_init(&payload, UNIT_PAYLOAD_MAX);
	chunk.own_salts = true;
	vector_must(chunk_encode(&payload, &chunk) == 0, "redaction");
	vector_must(unit_put(units, UNIT_CHUNK, 1, payload.data, payload.len) == 0, "redaction");
	buffer_free(&payload);
}

/* The server's word on what is gone of the session; sections 0 = its chunks. */
static void put_removal(struct buffer *units, const struct chain *c, uint8_t sections)
{
	struct removal r = { .act = sections != 0 ? REMOVAL_REDACTION : REMOVAL_DELETION, .sections = sections, .host = c->host,
			     .stream = c->stream, .first = 1, .last = 3, .wall_ns = VECTOR_WALL_START + 60000000000,
			     .who = "olivia", .reason = "a customer's data on the screen", .approval = "oscar" };
	struct buffer payload;

	buffer_init(&payload, UNIT_PAYLOAD_MAX);
	vector_must(removal_encode(&payload, &r, &c->log) == 0 &&
	     unit_put(units, UNIT_REMOVAL, 1, payload.data, payload.len) == 0, "removal");
	buffer_free(&payload);
}

/* Output goes by whole reset runs: the session is one, so all of it. */
static void redacted(struct chain *c, const char *name, bool declared)
{
	struct chunk_reader *reader = chunk_reader_new();
	struct buffer units;
	struct pieces p;
	struct unit u;
	size_t i;

	vector_whole(c);
	vector_close_host(c);
	vector_split(c, &p);
	buffer_init(&units, VECTOR_FILE_MAX);
	if (declared)
		put_removal(&units, c, 1u << CHUNK_OUT);
	for (i = 0; i < p.count; i++) {
		u = vector_unit_at(c, &p.piece[i]);
		if (u.type == UNIT_CHUNK)
			put_redacted(&units, reader, &u);
		else if (u.type != UNIT_FRAME)
			vector_put_piece(&units, c, &p.piece[i]);
	}
	vector_segment(name, c, 1, units.data, units.len);
	buffer_free(&units);
	chunk_reader_free(reader);
}

static void make_redacted(struct chain *c, const char *name)
{
	redacted(c, name, true);
}

static void make_redacted_undeclared(struct chain *c, const char *name)
{
	redacted(c, name, false);
}

/* A tombstone in the place of each chunk. */
static void make_removed(struct chain *c, const char *name)
{
	struct chunk_reader *reader = chunk_reader_new();
	uint8_t digest[HASH_SIZE];
	struct buffer units, stone;
	struct pieces p;
	struct chunk chunk;
	struct unit u;
	size_t i;

	vector_whole(c);
	vector_close_host(c);
	vector_split(c, &p);
	buffer_init(&units, VECTOR_FILE_MAX);
	put_removal(&units, c, 0);
	buffer_init(&stone, 256);
	for (i = 0; i < p.count; i++) {
		u = vector_unit_at(c, &p.piece[i]);
		if (u.type == UNIT_CHUNK) {
			vector_must(chunk_reader_next(reader, u.payload, u.len, &chunk, NULL, digest, NULL) == 0, name);
			buffer_clear(&stone);
			vector_must(buffer_put(&stone, chunk.stream.bytes, ID_SIZE) == 0 && buffer_put_u64(&stone, chunk.number) == 0 &&
			     buffer_put_u64(&stone, chunk.last_frame) == 0 && buffer_put(&stone, digest, HASH_SIZE) == 0, name);
			vector_must(unit_put(&units, UNIT_TOMBSTONE, 1, stone.data, stone.len) == 0, name);
		} else if (u.type != UNIT_FRAME) {
			vector_put_piece(&units, c, &p.piece[i]);
		}
	}
	vector_segment(name, c, 1, units.data, units.len);
	buffer_free(&stone);
	buffer_free(&units);
	chunk_reader_free(reader);
}

const struct vector history_vectors[] = {
	{ "closed.itm", VERDICT_OK, make_closed, "a session, the host's close, all of it in the log" },
	{ "unlogged.itm", VERDICT_UNANCHORED, make_unlogged, "the same without a word of the server" },
	{ "running.itm", VERDICT_OPEN_TAIL, make_running, "the host has not closed its record" },
	{ "unsigned-chunk.itm", VERDICT_OPEN_TAIL, make_unsigned_chunk, "a chunk that no block covers yet" },
	{ "unsigned-frame.itm", VERDICT_OPEN_TAIL, make_unsigned_frame, "a frame that no chunk covers yet" },
	{ "reboot.itm", VERDICT_OK, make_reboot, "a second GENESIS, countersigned by the server" },
	{ "reboot-unseen.itm", VERDICT_UNATTESTED, make_reboot_unseen, "a second GENESIS that nobody countersigned" },
	{ "key-lost.itm", VERDICT_OK, make_key_lost, "GENESIS because the key's slot was lost, countersigned" },
	{ "other-identity.itm", VERDICT_TAMPERED, make_other_identity, "signed by an identity that is not the enrolled one" },
	{ "clock-step.itm", VERDICT_OK, make_clock_step, "the wall clock was set, an hour on and two back" },
	{ "suspend.itm", VERDICT_OK, make_suspend, "two hours asleep: both clocks agree" },
	{ "clone.itm", VERDICT_FORK, make_clone, "a copied machine signs the same number with the same key" },
	{ "gap-events.itm", VERDICT_GAP, make_gap_events, "the recorder declares 77 lost bytes" },
	{ "gap-block.itm", VERDICT_GAP, make_gap_block, "the sealer declares a loss" },
	{ "recovery.itm", VERDICT_OK, make_recovery, "a RECOVERY block seals what a crash left" },
	{ "torn", VERDICT_OK, make_torn, "a crash tore the first segment's end; the second declares it" },
	{ "torn-undeclared", VERDICT_TAMPERED, make_torn_undeclared, "the same, and nothing declares it" },
	{ "torn-end.itm", VERDICT_OPEN_TAIL, make_torn_end, "the record ends inside a unit" },
	{ "redacted.itm", VERDICT_REDACTED, make_redacted, "the session's output dropped, its hashes kept" },
	{ "redacted-undeclared.itm", VERDICT_TAMPERED, make_redacted_undeclared, "the same, and nobody declared it" },
	{ "removed.itm", VERDICT_REDACTED, make_removed, "the session removed, tombstones in its place" },
	{ 0 },
};
