/* Alters spools as root could and asks the verifier of `itm verify` about it.
 *
 *   edits [EDITS [UNTOUCHED [SEED]]]
 *
 * Each spool is made by the real sealer, killed up to four times at random
 * steps.  Untouched it must be whole: anything else is a false alarm.  Then
 * one edit at a time: flipped bits, overwritten, inserted, cut out, doubled,
 * exchanged and moved bytes, units and files, units altered under a right
 * checksum, and the chain rewritten from a block on, signed with every key
 * that root can have: the current one in the slot, the identity, new ones.
 * An edit is found when the verdict is another one, and harmless when chunks
 * and blocks still say the same in the same order (frames that a chunk covers,
 * notes of the sealer to itself, other bytes that inflate to the same).  Blocks that stand before the edit
 * must still count.  Exit status 0 = none was missed, no false alarm. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "agent/sealer/slot.h"
#include "base/atomicfile.h"
#include "base/log.h"
#include "cli/walk.h"
#include "format/block.h"
#include "store/spool.h"
#include "tests/crash/sealer_life.h"

enum { FILES_MAX = 16, UNITS_MAX = 512, EDITS_A_SPOOL = 50, STEPS = 70, PATH = 128 };

struct file { char path[PATH]; uint8_t *data; size_t len; };
struct place { size_t file, at, len; uint8_t type; struct block block; };
static struct file files[FILES_MAX];
static struct place units[UNITS_MAX];
static size_t file_count, unit_count;
static uint64_t found, by_number, harmless, false_alarms;

static uint64_t state;
/* xorshift64*: the same choices for the same seed on every machine. */
static uint64_t chance(uint64_t below)
{
	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	return (state * 2685821657736338717ull >> 11) % below;
}

/* ---- a spool and what it is worth ---- */

struct worth { enum verdict verdict; uint64_t blocks, last; uint8_t content[HASH_SIZE]; char words[VERIFY_DETAIL_SIZE]; };

/* What is signed: a chunk may be stored in other bytes that mean the same. */
static void meaning(const struct unit *u, struct chunk_reader **readers, struct block_context *context, uint8_t out[HASH_SIZE])
{
	struct chunk c;
	struct block b;
	hash_bytes(u->payload, u->len, out);
	if (u->type == UNIT_BLOCK && block_decode_after(context, u->payload, u->len, &b, NULL) == 0)
		block_hash(&b, out);
	if (u->type == UNIT_CHUNK && chunk_decode(u->payload, u->len, &c, NULL) == 0)
		for (int i = 0; i < LIFE_STREAMS; i++)
			if (id_equal(&c.stream, &life_ids[i]))
				(void)chunk_reader_next(readers[i], u->payload, u->len, &c, NULL, out, NULL);
}

static void hash_content(uint8_t out[HASH_SIZE])
{
	struct spool_reader *r = spool_reader_new(life->dir);
	struct chunk_reader *readers[LIFE_STREAMS];
	struct block_context context = { 0 };
	struct spool_place at;
	struct fault fault;
	struct unit u;
	struct buffer all;
	uint8_t one[HASH_SIZE];
	buffer_init(&all, 64 << 20);
	for (int i = 0; i < LIFE_STREAMS; i++)
		readers[i] = chunk_reader_new();
	life_must(r != NULL, "memory");
	for (int e; (e = spool_reader_next(r, &u, &at, &fault)) != 0; ) {
		if (e < 0 && !spool_reader_next_segment(r))
			break;
		if (e != 1 || (u.type != UNIT_CHUNK && u.type != UNIT_BLOCK))
			continue;
		meaning(&u, readers, &context, one);
		life_must(buffer_put(&all, one, sizeof one) == 0, "memory");
	}
	hash_bytes(all.data, all.len, out);
	buffer_free(&all);
	for (int i = 0; i < LIFE_STREAMS; i++)
		chunk_reader_free(readers[i]);
	spool_reader_free(r);
}

static struct worth judge(void)
{
	struct worth out = { 0 };
	struct walk w;
	walk_init(&w);
	w.trust.has_identity = true;
	memcpy(w.trust.identity, life_config.identity.public_key, SIGN_PUBLIC_SIZE);
	int r = walk_spool(&w, life->dir);
	out.verdict = walk_finish(&w);
	if (r != 0) /* `itm verify` fails then */
		out.verdict = VERDICT_TAMPERED;
	if (w.host_count == 1) {
		out.blocks = w.hosts[0].result.blocks;
		out.last = w.hosts[0].result.last_sequence;
	}
	if (w.host_count == 1 && !w.hosts[0].result.closed && out.verdict < VERDICT_OPEN_TAIL)
		out.verdict = VERDICT_OPEN_TAIL;
	snprintf(out.words, sizeof out.words, "%s", w.flaws > 0 ? w.flaw : w.host_count > 0 ? w.hosts[0].result.detail : "");
	walk_free(&w);
	hash_content(out.content);
	return out;
}

static void load(void)
{
	file_count = unit_count = 0;
	for (uint64_t n = 1; n <= FILES_MAX; n++) {
		struct file *f = &files[file_count];
		struct buffer b;
		snprintf(f->path, sizeof f->path, "%s/seg-%016" PRIx64 ".itm", life->dir, n);
		buffer_init(&b, 64 << 20);
		if (atomicfile_read(f->path, &b) != 0) {
			buffer_free(&b);
			continue;
		}
		f->data = b.data;
		f->len = b.len;
		file_count++;
	}
	struct block_context context = { 0 };
	for (size_t i = 0; i < file_count; i++) {
		struct unit u;
		for (size_t at = SEGMENT_HEADER_SIZE;
		     at < files[i].len && unit_decode(files[i].data + at, files[i].len - at, &u, NULL) == 0; at += u.size) {
			struct place *p = &units[unit_count++];
			life_must(unit_count < UNITS_MAX, "few units");
			*p = (struct place){ .file = i, .at = at, .len = u.size, .type = u.type };
			if (u.type == UNIT_BLOCK)
				life_must(block_decode_after(&context, u.payload, u.len, &p->block, NULL) == 0, "a block");
		}
	}
}

static void unload(void)
{
	for (size_t i = 0; i < file_count; i++)
		free(files[i].data);
}

static void store(const char *path, const void *data, size_t len)
{
	FILE *f = fopen(path, "w");
	life_must(f != NULL && (len == 0 || fwrite(data, len, 1, f) == 1) && fclose(f) == 0, path);
}

static void put_back(void)
{
	char path[PATH];
	for (size_t i = 0; i < file_count; i++)
		store(files[i].path, files[i].data, files[i].len);
	snprintf(path, sizeof path, "%s/seg-%016" PRIx64 ".itm", life->dir, (uint64_t)99);
	unlink(path);
}

/* Bytes at..at+len of a file give way to others. */
static void splice(size_t file, size_t at, size_t len, const void *with, size_t with_len)
{
	struct file *f = &files[file];
	struct buffer b;
	buffer_init(&b, 64 << 20);
	life_must(buffer_put(&b, f->data, at) == 0 && buffer_put(&b, with, with_len) == 0 &&
		  buffer_put(&b, f->data + at + len, f->len - at - len) == 0, "memory");
	store(f->path, b.data, b.len);
	buffer_free(&b);
}

/* ---- edits: each says where it begins ---- */

struct where { size_t file, at; };

static struct where edit_bytes(uint64_t kind)
{
	uint8_t noise[64];
	size_t file = chance(file_count), at = chance(files[file].len), left = files[file].len - at;
	size_t len = 1 + chance(left < sizeof noise ? left : sizeof noise);
	for (size_t i = 0; i < sizeof noise; i++)
		noise[i] = (uint8_t)chance(256);
	if (kind == 0) {
		noise[0] = files[file].data[at] ^ (uint8_t)(1 << chance(8));
		splice(file, at, 1, noise, 1);
	} else if (kind == 1) {
		noise[0] = (uint8_t)~files[file].data[at];
		splice(file, at, len, noise, len);
	} else if (kind == 2) {
		splice(file, at, 0, noise, len);
	} else if (kind == 3) {
		splice(file, at, len, NULL, 0);
	} else {
		splice(file, at, left, NULL, 0);
	}
	return (struct where){ file, at };
}

static struct where edit_unit(uint64_t kind)
{
	const struct place *a = &units[chance(unit_count)], *b = &units[chance(unit_count)];
	const uint8_t *bytes = files[a->file].data + a->at;
	struct buffer altered;
	buffer_init(&altered, 1 << 20);
	if (kind == 0) {
		splice(a->file, a->at, a->len, NULL, 0);
	} else if (kind == 1) { /* a copy of it elsewhere */
		splice(b->file, b->at, 0, bytes, a->len);
		a = b;
	} else if (kind == 2 && a + 1 < units + unit_count && a[1].file == a->file) {
		life_must(buffer_put(&altered, bytes + a->len, a[1].len) == 0 && buffer_put(&altered, bytes, a->len) == 0, "memory");
		splice(a->file, a->at, a->len + a[1].len, altered.data, altered.len);
	} else { /* altered, under a right checksum */
		uint8_t payload[UNIT_PAYLOAD_MAX / 8];
		size_t len = a->len - UNIT_HEADER_SIZE;
		life_must(len <= sizeof payload, "small units");
		memcpy(payload, bytes + UNIT_HEADER_SIZE, len);
		if (len > 0)
			payload[chance(len)] ^= (uint8_t)(1 << chance(8));
		life_must(unit_put(&altered, a->type, bytes[1], payload, len) == 0, "memory");
		splice(a->file, a->at, a->len, altered.data, altered.len);
	}
	buffer_free(&altered);
	return (struct where){ a->file, a->at };
}

static struct where edit_file(uint64_t kind)
{
	size_t a = chance(file_count), b = chance(file_count);
	char path[PATH];
	if (kind == 0) {
		unlink(files[a].path);
	} else if (kind == 1 && a != b) {
		store(files[a].path, files[b].data, files[b].len);
		store(files[b].path, files[a].data, files[a].len);
	} else {
		snprintf(path, sizeof path, "%s/seg-%016" PRIx64 ".itm", life->dir, (uint64_t)99);
		store(path, files[a].data, files[a].len);
		return (struct where){ file_count - 1, files[file_count - 1].len };
	}
	return (struct where){ a < b && kind == 1 ? a : kind == 1 ? b : a, 0 };
}

static void put_block(struct buffer *out, struct block *b, const struct sign_key *key, struct sign_key *next)
{
	struct buffer payload;
	buffer_init(&payload, UNIT_PAYLOAD_MAX);
	sign_keypair(next);
	memcpy(b->next_key, next->public_key, SIGN_PUBLIC_SIZE);
	b->chunk_count = 0;
	life_must(block_seal(b, NULL, key, &life_config.identity) == 0 && block_encode(&payload, b) == 0 &&
		  unit_put(out, UNIT_BLOCK, 1, payload.data, payload.len) == 0, "a forged block");
	buffer_free(&payload);
}

/* From a block on nothing happened, says root: its chunks are gone, and it and
 * the last one are made anew with the key that root has. */
static struct where edit_history(uint64_t kind)
{
	struct slot_state slot;
	struct sign_key key, next;
	struct place *p;
	struct buffer forged;
	do
		p = &units[chance(unit_count)];
	while (p->type != UNIT_BLOCK || p->block.sequence < 2);
	const struct place *from = p;
	while (from > units && from[-1].type != UNIT_BLOCK && from[-1].file == p->file)
		from--;
	sign_keypair(&key);
	if (kind == 0 && slot_read(life_config.slot, &slot) == 0)
		key = slot.key;
	else if (kind == 1)
		key = life_config.identity;
	struct block b = p->block;
	b.flags = BLOCK_CLOSE;
	if (kind == 3) {
		b.flags |= BLOCK_GENESIS;
		b.genesis.reason = BLOCK_REBOOT;
	}
	buffer_init(&forged, 1 << 20);
	put_block(&forged, &b, &key, &next);
	splice(p->file, from->at, files[p->file].len - from->at, forged.data, forged.len);
	buffer_free(&forged);
	for (size_t i = p->file + 1; i < file_count; i++)
		unlink(files[i].path);
	return (struct where){ p->file, from->at };
}

static struct where edit(uint64_t *kind)
{
	*kind = chance(16);
	if (*kind < 5)
		return edit_bytes(*kind);
	if (*kind < 9)
		return edit_unit(*kind - 5);
	if (*kind < 12)
		return edit_file(*kind - 9);
	return edit_history(*kind - 12);
}

static uint64_t blocks_before(struct where at)
{
	uint64_t n = 0;
	for (size_t i = 0; i < unit_count; i++)
		n += units[i].type == UNIT_BLOCK &&
		     (units[i].file < at.file || (units[i].file == at.file && units[i].at + units[i].len <= at.at));
	return n;
}

/* ---- runs ---- */

static void live(void)
{
	static const enum points_mode kills[] = { POINTS_BEFORE, POINTS_WITHIN, POINTS_AFTER };
	life_begin();
	for (uint64_t i = chance(5); i > 0; i--)
		if (life_run(kills[chance(3)], 1 + chance(STEPS), 0) == LIFE_DONE)
			return;
	life_must(life_run(POINTS_COUNT, 0, 0) == LIFE_DONE, "the last life");
}

static bool edit_once(const struct worth *whole)
{
	uint64_t kind;
	struct where at = edit(&kind);
	struct worth w = judge();
	bool same = memcmp(w.content, whole->content, HASH_SIZE) == 0;
	if (w.verdict != whole->verdict)
		found++;
	else if (same)
		harmless++;
	else if (w.last < whole->last)
		by_number++;
	else
		printf("MISSED: kind %" PRIu64 " in file %zu byte %zu: %s\n", kind, at.file, at.at, verdict_name(w.verdict));
	/* Without its first file, or that file's header, nobody knows whose spool it is. */
	bool headless = at.file == 0 && at.at < SEGMENT_HEADER_SIZE;
	if (!headless && w.blocks < blocks_before(at)) {
		printf("PREFIX: kind %" PRIu64 " in file %zu byte %zu: %" PRIu64 " blocks count, %" PRIu64 " stood before: %s\n",
		       kind, at.file, at.at, w.blocks, blocks_before(at), w.words);
		return false;
	}
	put_back();
	return w.verdict != whole->verdict || same || w.last < whole->last;
}

int main(int argc, char **argv)
{
	uint64_t edits = argc > 1 ? strtoull(argv[1], NULL, 10) : 2000, untouched = argc > 2 ? strtoull(argv[2], NULL, 10) : 50;
	uint64_t seed = argc > 3 ? strtoull(argv[3], NULL, 10) : (uint64_t)time(NULL), bad = 0, done = 0;
	log_open("edits", 0);
	log_set_level(LOG_LEVEL_ERROR);
	state = seed * 2 + 1;
	printf("seed %" PRIu64 "\n", seed);
	life_set_up();
	for (uint64_t n = 0; n < untouched || done < edits; n++) {
		live();
		struct worth whole = judge();
		if (whole.verdict != VERDICT_UNANCHORED) {
			printf("FALSE ALARM: %s: %s\n", verdict_name(whole.verdict), whole.words);
			false_alarms++;
		}
		load();
		for (int i = 0; i < EDITS_A_SPOOL && done < edits; i++, done++)
			bad += !edit_once(&whole);
		unload();
		life_end();
		untouched = n + 1 > untouched ? n + 1 : untouched;
	}
	printf("%" PRIu64 " untouched spools, %" PRIu64 " false alarms; %" PRIu64 " edits: %" PRIu64 " found, %" PRIu64
	       " by the last number, %" PRIu64 " harmless, %" PRIu64 " missed\n", untouched, false_alarms, done, found, by_number,
	       harmless, bad);
	return bad > 0 || false_alarms > 0 || found == 0;
}
