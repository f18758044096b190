#include "tests/crash/store_life.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "format/act.h"
#include "store/evidence_hold.h"
#include "store/evidence_remove.h"
#include "store/evidence_state.h"
#include "store/tlog.h"

enum { GROUPS_MAX = 400, CHUNKS_MAX = 8, ACTS = 3, SEGMENT = 4096 };

/* One block with its chunks, as ingestd is sent it. */
struct group { size_t start, len; };
struct store_life store_life;
struct sent { struct group group[GROUPS_MAX]; size_t count; };
static struct sent sent[STORE_HOSTS];

static uint64_t state;
/* xorshift64*: the same choices for the same seed on every machine. */
uint64_t chance(uint64_t below)
{
	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	return (state * 2685821657736338717ull >> 11) % below;
}

void life_store_must(bool ok, const char *what)
{
	if (ok)
		return;
	printf("FAILED: %s; kept: %s\n", what, store_life.dir);
	exit(1);
}

/* ---- what the hosts send ---- */

static void note_group(size_t h, size_t start)
{
	life_store_must(sent[h].count < GROUPS_MAX, "few groups");
	sent[h].group[sent[h].count++] = (struct group){ .start = start, .len = store_life.chain[h].units.len - start };
}

static void make_host(size_t h, size_t blocks)
{
	struct chain *c = &store_life.chain[h];
	char text[64];
	chain_init(c);
	sent[h].count = 0;
	store_life.stream[h] = c->stream;
	for (size_t i = 0; i < blocks; i++) {
		size_t start = c->units.len, chunks = 1 + chance(3);
		bool end = i == blocks - 1 || i % 5 == 4;
		for (size_t k = 0; i > 0 && k < chunks; k++) {
			snprintf(text, sizeof text, "host %zu block %zu line %llu\r\n", h, i, (unsigned long long)chance(1000000));
			chain_chunk(c, text, end && k == chunks - 1 ? CHUNK_END : 0);
		}
		if (end && i > 0)
			chain_stream(c);
		/* Crashes in its history: a key lost, and a machine that began again. */
		bool again = i == 0 || (i + 1 < blocks && chance(12) == 0);
		chain_block(c, again ? BLOCK_GENESIS : i == blocks - 1 ? BLOCK_CLOSE : 0);
		note_group(h, start);
	}
}

/* ---- the server ---- */

/* The database's owner is not held up by what the store asks of the next block. */
static void let_in(struct evidence *e, const struct block *b)
{
	struct sql_statement *q;
	life_store_must(sql_prepare(e->db, "UPDATE host SET last_sequence = ?2, last_hash = ?3 WHERE id = ?1", &q) == 0, "host");
	evidence_bind_id(q, 1, &b->host);
	sql_bind_int(q, 2, (int64_t)b->sequence - 1);
	sql_bind_blob(q, 3, b->previous, HASH_SIZE);
	life_store_must(sql_finish(q) == 0, "host");
	sql_finalize(q);
}

static void put_group(struct evidence *e, const struct chain *c, const struct group *g, bool forged)
{
	struct evidence_piece pieces[CHUNKS_MAX], block_piece = { 0 };
	struct chunk chunks[CHUNKS_MAX];
	struct block b;
	struct buffer again;
	size_t count = 0;
	struct unit u;
	buffer_init(&again, UNIT_PAYLOAD_MAX);
	for (size_t at = g->start; at < g->start + g->len; at += u.size) {
		life_store_must(unit_decode(c->units.data + at, c->units.len - at, &u, NULL) == 0, "unit");
		if (u.type == UNIT_CHUNK) {
			life_store_must(count < CHUNKS_MAX && chunk_decode(u.payload, u.len, &chunks[count], NULL) == 0, "chunk");
			pieces[count++] = (struct evidence_piece){ u.payload, u.len };
		} else if (u.type == UNIT_BLOCK) {
			life_store_must(block_decode(u.payload, u.len, &b, NULL) == 0, "block");
			block_piece = (struct evidence_piece){ u.payload, u.len };
		}
	}
	if (forged) { /* nothing happened then, says a key that is not the host's */
		struct sign_key key, other;
		sign_keypair(&key);
		sign_keypair(&other);
		b.chunk_count = 0;
		count = 0;
		life_store_must(block_seal(&b, NULL, &key, &other) == 0 && block_encode(&again, &b) == 0, "forged");
		block_piece = (struct evidence_piece){ again.data, again.len };
	}
	let_in(e, &b);
	life_store_must(evidence_put(e, &b, pieces, chunks, count, &block_piece) == 0, "put");
	buffer_free(&again);
}

static void put_act(struct evidence *e, uint64_t n)
{
	char text[128];
	uint64_t leaf;
	int len = snprintf(text, sizeof text, "ITM act 1\ntime 2026-11-23T21:22:16.%09uZ\nuid 0\nverb export\n", (unsigned)n);
	life_store_must(evidence_act_put(e, text, (size_t)len, (int64_t)n, &leaf) == 0, "act");
}

/* The act that must stand beside a removal. */
static void put_redaction(struct evidence *e, const struct removal *d)
{
	struct act act = { .wall_ns = d->wall_ns, .login = ACT_NO_LOGIN, .verb = "redact" };
	struct buffer text;
	uint64_t leaf;
	id_format(&d->stream, act.subject);
	snprintf(act.reason, sizeof act.reason, "%s", d->reason);
	buffer_init(&text, ACT_TEXT_MAX);
	life_store_must(act_encode(&text, &act) == 0 && evidence_act_put(e, text.data, text.len, act.wall_ns, &leaf) == 0, "act");
	buffer_free(&text);
}

static void redact(struct evidence *e)
{
	char words[EVIDENCE_REMOVE_ERROR_SIZE] = "";
	struct evidence_removal item = { .declaration = { .act = REMOVAL_REDACTION, .sections = 1 << CHUNK_OUT, .wall_ns = 1,
							  .stream = store_life.stream[0], .who = "root", .reason = "a test" } };
	life_store_must(evidence_begin(e) == 0 && evidence_remove(e, &item, 1, &store_life.log, words) == 0, words);
	put_redaction(e, &item.declaration);
	life_store_must(evidence_commit(e) == 0 && evidence_remove_tidy(e, 0) >= 0, "redaction");
}

static bool left_out(enum store_change change, size_t h, size_t i, size_t from)
{
	if (h != 0)
		return false;
	return (change == STORE_HOST) || (change == STORE_TAIL && i >= from) || (change == STORE_MIDDLE && i == from);
}

static void put_blocks(struct evidence *e, enum store_change change)
{
	size_t from = 1 + chance(sent[0].count - 2), most = sent[0].count > sent[1].count ? sent[0].count : sent[1].count;
	bool turned = change == STORE_ORDER;
	life_store_must(evidence_begin(e) == 0, "begin");
	for (size_t i = 0; i < most; i++)
		for (size_t k = 0; k < STORE_HOSTS; k++) {
			size_t h = turned ? STORE_HOSTS - 1 - k : k;
			if (i < sent[h].count && !left_out(change, h, i, from))
				put_group(e, &store_life.chain[h], &sent[h].group[i],
					  change == STORE_FORGED_BLOCK && h == 0 && i == from);
		}
	for (uint64_t n = 0; n < ACTS; n++)
		if (change != STORE_ACT || n != 1)
			put_act(e, n);
	uint64_t hold;
	char held[ID_TEXT_SIZE];
	id_format(&store_life.chain[1].stream, held); /* one that nothing was sent of */
	life_store_must(evidence_hold_set(e, EVIDENCE_HOLD_SESSION, held, "root", "a case", 1, &hold) == 0 &&
			evidence_commit(e) == 0, "commit");
}

static void build(enum store_change change)
{
	int r;
	struct evidence *e = evidence_open(store_life.dir, &store_life.server, true, &r);
	life_store_must(e != NULL, "open");
	evidence_set_segment_size(e, SEGMENT);
	for (size_t h = 0; h < STORE_HOSTS; h++)
		life_store_must(evidence_host_add(e, &store_life.chain[h].host, h == 0 ? "one" : "two",
						  store_life.chain[h].identity.public_key, false) == 0, "host");
	put_blocks(e, change);
	if (store_life.redacted && change != STORE_HOST)
		redact(e);
	struct tlog *t = tlog_open(store_life.dir, e, &store_life.server, &store_life.log, &r);
	life_store_must(t != NULL && tlog_publish(t) == 1, "log");
	if (change == STORE_WHOLE) {
		struct checkpoint c;
		const char *note = tlog_note(t);
		life_store_must(checkpoint_open(note, strlen(note), store_life.log.public_key, &c, NULL, NULL) == 0, "checkpoint");
		store_life.seen.size = c.size;
		memcpy(store_life.seen.root, c.root, HASH_SIZE);
	}
	tlog_close(t);
	evidence_close(e);
}

void store_life_set_up(uint64_t seed)
{
	state = seed * 2 + 1;
	life_store_must(sign_init() == 0, "sign");
}

void store_life_begin(void)
{
	const char *base = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
	snprintf(store_life.dir, sizeof store_life.dir, "%s/itm-store.XXXXXX", base);
	life_store_must(mkdtemp(store_life.dir) != NULL, "folder");
	store_life.server = id_random();
	store_life.redacted = chance(2) == 0;
	store_life.seen = (struct receipt_seen){ 0 };
	sign_keypair(&store_life.log);
	/* Now and then more leaves than a tile holds. */
	for (size_t h = 0; h < STORE_HOSTS; h++)
		make_host(h, chance(8) == 0 ? 140 : 8 + chance(24));
	build(STORE_WHOLE);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st, (void)type;
	return ftw->level == 0 ? 0 : remove(path);
}

void store_life_empty(void)
{
	life_store_must(nftw(store_life.dir, remove_one, 16, FTW_DEPTH | FTW_PHYS) == 0, "empty");
}

void store_life_folders(void)
{
	static const char *const names[] = { "segments", "tail", "quarantine", "log", "log/acts", "log/tile", "log/tile/0",
					     "log/tile/1", "log/tile/entries", "log/tile/0/000.p", "log/tile/0/001.p",
					     "log/tile/1/000.p", "log/tile/entries/000.p", "log/tile/entries/001.p" };
	char path[128];
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		snprintf(path, sizeof path, "%s/%s", store_life.dir, names[i]);
		(void)mkdir(path, 0700);
	}
}

void store_life_end(void)
{
	store_life_empty();
	rmdir(store_life.dir);
	for (size_t h = 0; h < STORE_HOSTS; h++)
		chain_free(&store_life.chain[h]);
}

/* Another host under the same name and id: its keys are the server's making. */
static void other_keys(void)
{
	struct chain *c = &store_life.chain[0];
	struct id host = c->host;
	chain_init(c);
	c->host = host;
	store_life.stream[0] = c->stream;
	sent[0].count = 0;
	for (size_t i = 0; i < 5; i++) {
		size_t start = c->units.len;
		if (i > 0)
			chain_chunk(c, "nothing\r\n", i == 4 ? CHUNK_END : 0);
		chain_block(c, i == 0 ? BLOCK_GENESIS : i == 4 ? BLOCK_CLOSE : 0);
		note_group(0, start);
	}
}

void store_life_anew(enum store_change change)
{
	struct chain kept[STORE_HOSTS];
	struct id streams[STORE_HOSTS];
	static struct sent groups[STORE_HOSTS];
	store_life_empty();
	memcpy(kept, store_life.chain, sizeof kept);
	memcpy(streams, store_life.stream, sizeof streams);
	memcpy(groups, sent, sizeof groups);
	if (change == STORE_OTHER_KEY)
		other_keys();
	bool redacted = store_life.redacted;
	/* What is not there can't be redacted. */
	store_life.redacted = redacted && change != STORE_TAIL && change != STORE_MIDDLE && change != STORE_FORGED_BLOCK;
	build(change);
	store_life.redacted = redacted;
	if (change == STORE_OTHER_KEY)
		chain_free(&store_life.chain[0]);
	memcpy(store_life.chain, kept, sizeof kept);
	memcpy(store_life.stream, streams, sizeof streams);
	memcpy(sent, groups, sizeof groups);
}
