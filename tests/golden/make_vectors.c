/* make_vectors DIR: writes a record for every history and every verdict into
 * DIR, and list.txt with what each is.  No randomness: keys, ids and salts come
 * from a counter, so that the files are the same each time (README). */
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/atomicfile.h"
#include "base/error.h"
#include "cli/bundle.h"
#include "format/keylist.h"
#include "format/meta.h"
#include "format/removal.h"
#include "store/excerpt.h"
#include "tests/unit/chain.h"

enum { FILE_MAX = 1 << 20, PIECES_MAX = 64, PATH_MAX_BYTES = 512 };
#define WALL_START 1795456805000000000ll /* ns: 2026-11-23 20:00:05 UTC */

static const char *folder;
static uint64_t counter;

static void must(int ok, const char *what)
{
	if (!ok) {
		fprintf(stderr, "make_vectors: %s failed\n", what);
		exit(1);
	}
}

/* Not random */

static const char *fixed_name(void)
{
	return "fixed";
}

static void fixed_bytes(void *const out, const size_t len)
{
	uint8_t *p = out, digest[HASH_SIZE];
	size_t at = 0, n;

	while (at < len) {
		counter++;
		hash_parts("vector", 6, &counter, sizeof(counter), NULL, 0, digest);
		n = len - at < sizeof(digest) ? len - at : sizeof(digest);
		memcpy(p + at, digest, n);
		at += n;
	}
}

static uint32_t fixed_number(void)
{
	uint32_t n;

	fixed_bytes(&n, sizeof(n));
	return n;
}

static struct randombytes_implementation fixed = {
	.implementation_name = fixed_name, .random = fixed_number, .buf = fixed_bytes,
};

/* Files */

static void write_file(const char *name, const void *data, size_t len)
{
	char path[PATH_MAX_BYTES];

	snprintf(path, sizeof(path), "%.200s/%.200s", folder, name);
	must(atomicfile_write(path, data, len, 0644) == 0, path);
}

/* number: of the segment; file names as in a spool when it has more than one. */
static void write_segment(const char *name, const struct chain *c, uint64_t number, const uint8_t *units, size_t len)
{
	struct segment_header h = { .owner = c->host, .number = number, .wall_ns = WALL_START };
	uint8_t header[SEGMENT_HEADER_SIZE];
	struct buffer file;

	buffer_init(&file, FILE_MAX);
	unit_segment_encode(&h, header);
	must(buffer_put(&file, header, sizeof(header)) == 0 && buffer_put(&file, units, len) == 0, name);
	write_file(name, file.data, file.len);
	buffer_free(&file);
}

/* Every vector is of the same host and server: the same keys check all. */
static void begin(struct chain *c)
{
	counter = 0;
	chain_init(c);
	c->wall_offset_ns = WALL_START;
}

/* A session of three chunks over two blocks, then the host's close. */
static void whole(struct chain *c)
{
	chain_block(c, BLOCK_GENESIS);
	chain_receipt(c, RECEIPT_BLOCK);
	chain_chunk(c, "$ id\r\nuid=1000(alice)\r\n", 0);
	chain_chunk(c, "$ sudo cat /etc/shadow\r\n", 0);
	chain_block(c, 0);
	chain_receipt(c, RECEIPT_BLOCK);
	chain_chunk(c, "$ exit\r\n", CHUNK_END);
	chain_block(c, 0);
	chain_receipt(c, RECEIPT_BLOCK);
}

static void close_host(struct chain *c)
{
	chain_block(c, BLOCK_CLOSE);
	chain_receipt(c, RECEIPT_BLOCK);
}

/* Units apart, to be put together another way. */
struct piece { size_t at, len; uint8_t type; };
struct pieces { struct piece piece[PIECES_MAX]; size_t count; };

static void split(const struct chain *c, struct pieces *out)
{
	struct unit u;
	size_t at;

	out->count = 0;
	for (at = 0; at < c->units.len; at += u.size) {
		must(out->count < PIECES_MAX && unit_decode(c->units.data + at, c->units.len - at, &u, NULL) == 0, "split");
		out->piece[out->count++] = (struct piece){ at, u.size, u.type };
	}
}

/* The n-th (from 0) unit of a type. */
static size_t nth(const struct pieces *p, uint8_t type, size_t n)
{
	size_t i;

	for (i = 0; i < p->count; i++)
		if (p->piece[i].type == type && n-- == 0)
			return i;
	must(0, "nth");
	return 0;
}

static void put_piece(struct buffer *b, const struct chain *c, const struct piece *p)
{
	must(buffer_put(b, c->units.data + p->at, p->len) == 0, "put");
}

/* The chain's units with `skip` left out (or, as SIZE_MAX, none) and two changed about. */
static void join(const char *name, const struct chain *c, const struct pieces *p, size_t skip, size_t a, size_t b)
{
	struct buffer units;
	size_t i, from;

	buffer_init(&units, FILE_MAX);
	for (i = 0; i < p->count; i++) {
		from = i == a ? b : i == b ? a : i;
		if (i != skip)
			put_piece(&units, c, &p->piece[from]);
	}
	write_segment(name, c, 1, units.data, units.len);
	buffer_free(&units);
}

/* In place of piece `at` another payload. */
static void replace(const char *name, const struct chain *c, const struct pieces *p, size_t at, uint8_t type,
		    uint8_t version, const void *payload, size_t len)
{
	struct buffer units;
	size_t i;

	buffer_init(&units, FILE_MAX);
	for (i = 0; i < p->count; i++) {
		if (i != at)
			put_piece(&units, c, &p->piece[i]);
		else
			must(unit_put(&units, type, version, payload, len) == 0, "replace");
	}
	write_segment(name, c, 1, units.data, units.len);
	buffer_free(&units);
}

static struct unit unit_at(const struct chain *c, const struct piece *p)
{
	struct unit u;

	must(unit_decode(c->units.data + p->at, p->len, &u, NULL) == 0, "unit");
	return u;
}

/* The cases */

static void finish(struct chain *c, const char *name)
{
	write_segment(name, c, 1, c->units.data, c->units.len);
}

static void make_closed(struct chain *c, const char *name)
{
	whole(c);
	close_host(c);
	finish(c, name);
}

static void make_unlogged(struct chain *c, const char *name)
{
	chain_block(c, BLOCK_GENESIS);
	chain_chunk(c, "$ exit\r\n", CHUNK_END);
	chain_block(c, BLOCK_CLOSE);
	finish(c, name);
}

static void make_running(struct chain *c, const char *name)
{
	c->spool = true;
	whole(c);
	finish(c, name);
}

static void make_unsigned_chunk(struct chain *c, const char *name)
{
	whole(c);
	chain_stream(c);
	chain_chunk(c, "not signed yet", 0);
	finish(c, name);
}

static void make_unsigned_frame(struct chain *c, const char *name)
{
	whole(c);
	chain_stream(c);
	chain_frame(c, "not in a chunk yet");
	finish(c, name);
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
	whole(c);
	boot_again(c);
	chain_block(c, BLOCK_GENESIS);
	chain_receipt(c, RECEIPT_GENESIS);
	close_host(c);
	finish(c, name);
}

static void make_reboot_unseen(struct chain *c, const char *name)
{
	whole(c);
	boot_again(c);
	chain_block(c, BLOCK_GENESIS);
	close_host(c);
	finish(c, name);
}

static void make_key_lost(struct chain *c, const char *name)
{
	c->spool = true;
	whole(c);
	c->reason = BLOCK_KEY_LOST;
	chain_block(c, BLOCK_GENESIS);
	chain_receipt(c, RECEIPT_GENESIS);
	close_host(c);
	finish(c, name);
}

static void make_other_identity(struct chain *c, const char *name)
{
	sign_keypair(&c->identity);
	make_closed(c, name);
}

static void make_clock_step(struct chain *c, const char *name)
{
	c->spool = true;
	whole(c);
	c->wall_offset_ns += 3600000000000; /* an hour on */
	chain_block(c, BLOCK_HEARTBEAT);
	c->wall_offset_ns -= 7200000000000; /* two back */
	close_host(c);
	finish(c, name);
}

static void make_suspend(struct chain *c, const char *name)
{
	c->spool = true;
	whole(c);
	c->now_ms += 7200000; /* boot time counts on */
	close_host(c);
	finish(c, name);
}

/* The machine and its copy both go on from the same block with the same key. */
static void make_clone(struct chain *c, const char *name)
{
	struct chain copy;

	whole(c);
	copy = *c;
	chain_block(c, BLOCK_HEARTBEAT);
	copy.units = c->units;
	copy.now_ms += 5;
	chain_block(&copy, BLOCK_HEARTBEAT);
	c->units = copy.units;
	finish(c, name);
}

static void make_gap_events(struct chain *c, const char *name)
{
	chain_block(c, BLOCK_GENESIS);
	chain_chunk(c, "some of it", CHUNK_LOSS | CHUNK_END);
	chain_block(c, 0);
	close_host(c);
	finish(c, name);
}

static void make_gap_block(struct chain *c, const char *name)
{
	c->spool = true;
	whole(c);
	chain_block(c, BLOCK_GAP);
	close_host(c);
	finish(c, name);
}

static void make_recovery(struct chain *c, const char *name)
{
	c->spool = true;
	whole(c);
	chain_stream(c);
	chain_chunk(c, "sealed after a crash", CHUNK_END);
	chain_block(c, BLOCK_RECOVERY);
	close_host(c);
	finish(c, name);
}

/* Two segments: a crash tears the end of the first; the second says so, or not. */
static void torn(struct chain *c, const char *name, bool declared)
{
	char path[PATH_MAX_BYTES];
	struct buffer note;
	size_t first, cut;

	snprintf(path, sizeof(path), "%.200s/%.200s", folder, name);
	must(mkdir(path, 0755) == 0 || access(path, W_OK) == 0, path);
	c->spool = true;
	whole(c);
	first = c->units.len;
	cut = first + 30;
	chain_frame(c, "this never became durable");
	snprintf(path, sizeof(path), "%.200s/seg-%016x.itm", name, 1);
	write_segment(path, c, 1, c->units.data, cut);
	c->units.len = first;
	buffer_init(&note, 64);
	must(buffer_put_u64(&note, 1) == 0 && buffer_put_u64(&note, SEGMENT_HEADER_SIZE + first) == 0 &&
	     buffer_put_u64(&note, cut - first) == 0, "note");
	if (declared)
		chain_unit(c, UNIT_TORN, 1, note.data, note.len);
	buffer_free(&note);
	c->context.known = false; /* each file begins with a long block */
	close_host(c);
	snprintf(path, sizeof(path), "%.200s/seg-%016x.itm", name, 2);
	write_segment(path, c, 2, c->units.data + first, c->units.len - first);
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

	whole(c);
	end = c->units.len + 30;
	chain_block(c, BLOCK_CLOSE);
	write_segment(name, c, 1, c->units.data, end);
}

/* The chunk's stored form with its output dropped: the hash stays. */
static void put_redacted(struct buffer *units, struct chunk_reader *reader, const struct unit *u)
{
	uint8_t digest[HASH_SIZE];
	struct buffer payload;
	struct chunk chunk;
	size_t i;

	must(chunk_reader_next(reader, u->payload, u->len, &chunk, NULL, digest, NULL) == 0, "chunk");
	for (i = 0; i < chunk.section_count; i++)
		if (chunk.section[i].kind == CHUNK_OUT)
			chunk.section[i].codec = CHUNK_DROPPED;
	buffer_init(&payload, UNIT_PAYLOAD_MAX);
	chunk.own_salts = true;
	must(chunk_encode(&payload, &chunk) == 0, "redaction");
	must(unit_put(units, UNIT_CHUNK, 1, payload.data, payload.len) == 0, "redaction");
	buffer_free(&payload);
}

/* The server's word on what is gone of the session; sections 0 = its chunks. */
static void put_removal(struct buffer *units, const struct chain *c, uint8_t sections)
{
	struct removal r = { .act = sections != 0 ? REMOVAL_REDACTION : REMOVAL_DELETION, .sections = sections, .host = c->host,
			     .stream = c->stream, .first = 1, .last = 3, .wall_ns = WALL_START + 60000000000,
			     .who = "olivia", .reason = "a customer's data on the screen", .approval = "oscar" };
	struct buffer payload;

	buffer_init(&payload, UNIT_PAYLOAD_MAX);
	must(removal_encode(&payload, &r, &c->log) == 0 &&
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

	whole(c);
	close_host(c);
	split(c, &p);
	buffer_init(&units, FILE_MAX);
	if (declared)
		put_removal(&units, c, 1u << CHUNK_OUT);
	for (i = 0; i < p.count; i++) {
		u = unit_at(c, &p.piece[i]);
		if (u.type == UNIT_CHUNK)
			put_redacted(&units, reader, &u);
		else if (u.type != UNIT_FRAME)
			put_piece(&units, c, &p.piece[i]);
	}
	write_segment(name, c, 1, units.data, units.len);
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

	whole(c);
	close_host(c);
	split(c, &p);
	buffer_init(&units, FILE_MAX);
	put_removal(&units, c, 0);
	buffer_init(&stone, 256);
	for (i = 0; i < p.count; i++) {
		u = unit_at(c, &p.piece[i]);
		if (u.type == UNIT_CHUNK) {
			must(chunk_reader_next(reader, u.payload, u.len, &chunk, NULL, digest, NULL) == 0, name);
			buffer_clear(&stone);
			must(buffer_put(&stone, chunk.stream.bytes, ID_SIZE) == 0 && buffer_put_u64(&stone, chunk.number) == 0 &&
			     buffer_put_u64(&stone, chunk.last_frame) == 0 && buffer_put(&stone, digest, HASH_SIZE) == 0, name);
			must(unit_put(&units, UNIT_TOMBSTONE, 1, stone.data, stone.len) == 0, name);
		} else if (u.type != UNIT_FRAME) {
			put_piece(&units, c, &p.piece[i]);
		}
	}
	write_segment(name, c, 1, units.data, units.len);
	buffer_free(&stone);
	buffer_free(&units);
	chunk_reader_free(reader);
}

/* The attacks begin with a closed record. */
static void closed_pieces(struct chain *c, struct pieces *p)
{
	whole(c);
	close_host(c);
	split(c, p);
}

static void make_missing_block(struct chain *c, const char *name)
{
	struct pieces p;

	closed_pieces(c, &p);
	/* The last but one covers the end of the session: its chunk goes with it. */
	p.piece[nth(&p, UNIT_CHUNK, 2)].len = 0;
	p.piece[nth(&p, UNIT_FRAME, 2)].len = 0;
	join(name, c, &p, nth(&p, UNIT_BLOCK, 2), SIZE_MAX, SIZE_MAX);
}

static void make_missing_chunk(struct chain *c, const char *name)
{
	struct pieces p;

	closed_pieces(c, &p);
	join(name, c, &p, nth(&p, UNIT_CHUNK, 1), SIZE_MAX, SIZE_MAX);
}

static void make_swapped_blocks(struct chain *c, const char *name)
{
	struct pieces p;

	closed_pieces(c, &p);
	join(name, c, &p, SIZE_MAX, nth(&p, UNIT_BLOCK, 1), nth(&p, UNIT_BLOCK, 2));
}

static void make_swapped_chunks(struct chain *c, const char *name)
{
	struct pieces p;

	closed_pieces(c, &p);
	join(name, c, &p, SIZE_MAX, nth(&p, UNIT_CHUNK, 0), nth(&p, UNIT_CHUNK, 1));
}

/* One letter of the session changed, and the checksum made to fit. */
static void make_altered(struct chain *c, const char *name)
{
	uint8_t payload[1024];
	struct pieces p;
	struct unit u;
	size_t at;

	closed_pieces(c, &p);
	at = nth(&p, UNIT_CHUNK, 0);
	u = unit_at(c, &p.piece[at]);
	must(u.len <= sizeof(payload), name);
	memcpy(payload, u.payload, u.len);
	payload[u.len - 4] ^= 1;
	replace(name, c, &p, at, UNIT_CHUNK, u.version, payload, u.len);
}

static void make_damaged(struct chain *c, const char *name)
{
	struct pieces p;

	closed_pieces(c, &p);
	c->units.data[p.piece[nth(&p, UNIT_BLOCK, 1)].at + 100] ^= 4;
	finish(c, name);
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
	close_host(c);
	finish(c, name);
}

/* Root makes the deed disappear and signs its block anew with the key it found. */
static void make_newest_key(struct chain *c, const char *name)
{
	struct buffer payload;
	struct block block;
	struct pieces p;
	struct unit u;
	size_t at, i;

	closed_pieces(c, &p);
	at = nth(&p, UNIT_BLOCK, 1);
	u = unit_at(c, &p.piece[at]);
	must(block_decode(u.payload, u.len, &block, NULL) == 0, name);
	block.chunk_count = 0;
	must(block_seal(&block, NULL, &c->key, NULL) == 0, name);
	for (i = 0; i < at; i++)
		if (p.piece[i].type == UNIT_CHUNK || p.piece[i].type == UNIT_FRAME)
			p.piece[i].len = 0;
	buffer_init(&payload, UNIT_PAYLOAD_MAX);
	must(block_encode(&payload, &block) == 0, name);
	replace(name, c, &p, at, UNIT_BLOCK, 1, payload.data, payload.len);
	buffer_free(&payload);
}

static void make_other_log(struct chain *c, const char *name)
{
	whole(c);
	sign_keypair(&c->log);
	close_host(c);
	finish(c, name);
}

/* The log shows a tree whose first leaf is another one than before. */
static void make_log_forked(struct chain *c, const char *name)
{
	whole(c);
	c->leaves[0][0] ^= 1;
	close_host(c);
	finish(c, name);
}

/* The log forgets its newest leaves and goes on from there. */
static void make_log_back(struct chain *c, const char *name)
{
	whole(c);
	c->leaf_count -= 2;
	close_host(c);
	finish(c, name);
}

/* The server has a block that the record no longer has. */
static void make_cut_tail(struct chain *c, const char *name)
{
	struct pieces p;

	closed_pieces(c, &p);
	join(name, c, &p, nth(&p, UNIT_BLOCK, 3), SIZE_MAX, SIZE_MAX);
}

static void make_middle(struct chain *c, const char *name)
{
	struct pieces p;
	size_t i;

	closed_pieces(c, &p);
	for (i = 0; i <= nth(&p, UNIT_BLOCK, 1); i++)
		p.piece[i].len = 0;
	join(name, c, &p, SIZE_MAX, SIZE_MAX, SIZE_MAX);
}

/* A block that says only what is new since one that is not there. */
static void make_middle_short(struct chain *c, const char *name)
{
	struct pieces p;
	size_t i;

	c->spool = true;
	whole(c);
	c->context.known = false;
	chain_block(c, 0);
	close_host(c);
	split(c, &p);
	for (i = 0; i <= nth(&p, UNIT_BLOCK, 0); i++)
		p.piece[i].len = 0;
	join(name, c, &p, SIZE_MAX, SIZE_MAX, SIZE_MAX);
}

static void make_missing_short(struct chain *c, const char *name)
{
	struct pieces p;

	c->spool = true;
	whole(c);
	chain_block(c, BLOCK_HEARTBEAT);
	close_host(c);
	split(c, &p);
	join(name, c, &p, nth(&p, UNIT_BLOCK, 3), SIZE_MAX, SIZE_MAX);
}

static void make_unknown_must(struct chain *c, const char *name)
{
	whole(c);
	chain_unit(c, 0xf0, 1, "new", 3);
	close_host(c);
	finish(c, name);
}

static void make_unknown_may(struct chain *c, const char *name)
{
	whole(c);
	chain_unit(c, 0x70, 1, "new", 3);
	close_host(c);
	finish(c, name);
}

static void make_new_version(struct chain *c, const char *name)
{
	struct pieces p;
	struct unit u;
	size_t at;

	closed_pieces(c, &p);
	at = nth(&p, UNIT_BLOCK, 2);
	u = unit_at(c, &p.piece[at]);
	replace(name, c, &p, at, UNIT_BLOCK, 2, u.payload, u.len);
}

/* Two sessions that share a block; the second is exported. */
static void shared(struct chain *c, bool ended)
{
	chain_block(c, BLOCK_GENESIS);
	chain_receipt(c, RECEIPT_BLOCK);
	chain_chunk(c, "another session", 0);
	chain_block(c, 0);
	chain_chunk(c, "another session's end", CHUNK_END);
	chain_stream(c);
	chain_chunk(c, "$ id\r\n", 0);
	chain_block(c, 0);
	chain_receipt(c, RECEIPT_BLOCK);
	chain_chunk(c, "$ exit\r\n", ended ? CHUNK_END : 0);
	chain_block(c, 0);
	chain_receipt(c, RECEIPT_BLOCK);
	close_host(c);
}

static void put_excerpt(const struct chain *c, struct excerpt *x)
{
	struct unit u;
	size_t at;
	int r = 0;

	for (at = 0; r == 0 && at < c->units.len; at += u.size) {
		must(unit_decode(c->units.data + at, c->units.len - at, &u, NULL) == 0, "unit");
		r = excerpt_unit(x, &u);
	}
	must(r >= 0, "excerpt");
}

/* s: what else goes into it. */
static void export_to(const struct chain *c, struct bundle_source s, struct buffer *file)
{
	struct excerpt *x = excerpt_new(&c->stream);
	struct buffer transcript;

	must(x != NULL, "excerpt");
	put_excerpt(c, x);
	must(excerpt_finish(x, &s.info, &s.evidence) == 0, "excerpt");
	s.host_name = "db1";
	s.trust.has_identity = s.trust.has_log = true;
	memcpy(s.trust.identity, c->identity.public_key, SIGN_PUBLIC_SIZE);
	memcpy(s.trust.log, c->log.public_key, SIGN_PUBLIC_SIZE);
	buffer_init(&transcript, FILE_MAX);
	must(buffer_put_text(&transcript, "$ id\n$ exit\n") == 0, "transcript");
	s.transcript = &transcript;
	must(bundle_write(file, &s) == 0, "bundle");
	buffer_free(&transcript);
	excerpt_free(x);
}

static void export_file(const struct chain *c, struct bundle_source s, const char *name)
{
	struct buffer file;

	buffer_init(&file, FILE_MAX);
	export_to(c, s, &file);
	write_file(name, file.data, file.len);
	buffer_free(&file);
}

static void make_bundle(struct chain *c, const char *name)
{
	shared(c, true);
	export_file(c, (struct bundle_source){ 0 }, name);
}

static void make_bundle_running(struct chain *c, const char *name)
{
	shared(c, false);
	export_file(c, (struct bundle_source){ 0 }, name);
}

/* Nobody looks at a stamp who was not told whose to trust. */
static void make_bundle_stamped(struct chain *c, const char *name)
{
	struct buffer stamp;

	shared(c, true);
	buffer_init(&stamp, FILE_MAX);
	must(buffer_put_text(&stamp, "a response of RFC 3161\n") == 0, name);
	export_file(c, (struct bundle_source){ .stamped = &stamp, .stamp = &stamp }, name);
	buffer_free(&stamp);
}

/* A session sealed by list 7, and in the bundle the list of that number. */
static void export_list(struct chain *c, const char *name, uint64_t number)
{
	struct keylist sealed = { .number = 7, .from = 1795456000, .until = 1826992000, .count = 1,
				  .auditor = { { .group = "audit", .name = "anna", .key = { .id = { 1 }, .key = { 9 } } } } }, given;
	struct buffer list, meta, signature;

	buffer_init(&list, KEYLIST_MAX);
	buffer_init(&meta, META_MAX);
	buffer_init(&signature, FILE_MAX);
	must(keylist_encode(&list, &sealed) == 0 && keylist_decode(buffer_text(&list), list.len, &sealed, NULL) == 0 &&
	     keylist_describe(&sealed, &meta) == 0, name);
	c->env = buffer_text(&meta);
	chain_block(c, BLOCK_GENESIS);
	chain_chunk(c, "$ exit\r\n", CHUNK_END);
	chain_block(c, 0);
	chain_receipt(c, RECEIPT_BLOCK);
	close_host(c);
	given = sealed;
	given.number = number;
	buffer_clear(&list);
	must(keylist_encode(&list, &given) == 0 && buffer_put_text(&signature, "an officer's\n") == 0, name);
	export_file(c, (struct bundle_source){ .keylist = &list, .keylist_signature = &signature }, name);
	buffer_free(&list);
	buffer_free(&meta);
	buffer_free(&signature);
}

static void make_bundle_keylist(struct chain *c, const char *name)
{
	export_list(c, name, 7);
}

static void make_bundle_other_keylist(struct chain *c, const char *name)
{
	export_list(c, name, 8);
}

static void make_bundle_altered(struct chain *c, const char *name)
{
	struct buffer file;
	uint8_t *at;

	shared(c, true);
	buffer_init(&file, FILE_MAX);
	export_to(c, (struct bundle_source){ 0 }, &file);
	at = memmem(file.data, file.len, "$ exit", 6);
	must(at != NULL, name);
	at[2] = 'E';
	write_file(name, file.data, file.len);
	buffer_free(&file);
}

static const struct vector {
	const char *name;
	enum verdict verdict;
	void (*make)(struct chain *c, const char *name);
	const char *what;
} vectors[] = {
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
	{ "bundle.tar", VERDICT_OK, make_bundle, "an export: another session's chunks as digests and links" },
	{ "bundle-stamped.tar", VERDICT_OK, make_bundle_stamped, "an export with a time stamp, which was not asked for" },
	{ "bundle-keylist.tar", VERDICT_OK, make_bundle_keylist, "an export with the key list that the session names" },
	{ "bundle-other-keylist.tar", VERDICT_TAMPERED, make_bundle_other_keylist, "an export with another key list" },
	{ "bundle-running.tar", VERDICT_OPEN_TAIL, make_bundle_running, "an export of a session without an end" },
	{ "bundle-altered.tar", VERDICT_TAMPERED, make_bundle_altered, "an export whose transcript was changed" },
	{ "new-version.itm", VERDICT_TAMPERED, make_new_version, "a block of a later version" },
};

static void write_keys(void)
{
	char path[PATH_MAX_BYTES];
	struct sign_key other;
	struct chain c;

	begin(&c);
	snprintf(path, sizeof(path), "%.200s/identity.public", folder);
	must(sign_save_public(path, c.identity.public_key) == 0, path);
	snprintf(path, sizeof(path), "%.200s/log.public", folder);
	must(sign_save_public(path, c.log.public_key) == 0, path);
	sign_keypair(&other);
	snprintf(path, sizeof(path), "%.200s/other.public", folder);
	must(sign_save_public(path, other.public_key) == 0, path);
	chain_free(&c);
}

int main(int argc, char **argv)
{
	struct buffer list;
	struct chain c;
	size_t i;

	if (argc != 2) {
		fprintf(stderr, "usage: make_vectors DIR\n");
		return 64;
	}
	folder = argv[1];
	/* libsodium's own start takes some, once. */
	must(randombytes_set_implementation(&fixed) == 0 && sign_init() == 0, "randomness");
	buffer_init(&list, FILE_MAX);
	must(mkdir(folder, 0755) == 0 || access(folder, W_OK) == 0, folder);
	write_keys();
	for (i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		begin(&c);
		vectors[i].make(&c, vectors[i].name);
		chain_free(&c);
		must(buffer_printf(&list, "%-24s %-11s %s\n", vectors[i].name, verdict_name(vectors[i].verdict),
				   vectors[i].what) == 0, "list");
	}
	write_file("list.txt", list.data, list.len);
	buffer_free(&list);
	return 0;
}
