/* Alters stores as root of the server, or the owner of its database, could:
 * with the log's secret key, without the hosts' keys and the witness's.
 *
 *   store_edits [EDITS [UNTOUCHED [SEED]]]
 *
 * Two hosts, several segments, acts, a hold, and in half of the stores a
 * redaction.  One edit at a time, then the judges in turn: the walk of `itm
 * verify` with the log's key known from elsewhere; the hosts' enrolled keys;
 * what hosts and witness remember, each host its last receipt and all the
 * last checkpoint.  Rows that only repeat what the log's acts say are counted
 * apart.  Exit status 0 = nothing was missed, no false alarm. */
#include <ftw.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/atomicfile.h"
#include "base/log.h"
#include "cli/walk.h"
#include "store/evidence_hold.h"
#include "store/evidence_remove.h"
#include "store/segment.h"
#include "store/sql.h"
#include "store/tile.h"
#include "store/tlog.h"
#include "tests/crash/store_life.h"

enum { EDITS_A_STORE = 50, FILES_MAX = 256, PATH = 256, STREAMS_MAX = 128 };

struct file { char path[PATH]; uint8_t *data; size_t len; };
static struct file files[FILES_MAX];
static size_t file_count;
static struct { uint64_t by_verify, by_key, by_memory, by_acts, harmless, missed, false_alarms; } sum;

/* ---- what a store says ---- */

struct worth {
	enum verdict verdict;
	uint64_t flaws, blocks, receipts;
	bool keys;                       /* each host was checked with the key it was enrolled with */
	uint8_t content[HASH_SIZE];      /* of segments and acts */
	uint8_t rows[HASH_SIZE];         /* of holds and of the list of removals */
	char words[VERIFY_DETAIL_SIZE];
};

static int add_hold(void *context, const struct evidence_hold *h)
{
	char line[600];
	int n = snprintf(line, sizeof line, "%" PRIu64 " %d %.200s %.100s %.200s %" PRId64, h->number, h->kind, h->value, h->who,
			 h->reason, h->ended_wall_ns);
	return buffer_put(context, line, (size_t)n);
}

static int add_removed(void *context, const struct evidence_removed *r)
{
	return buffer_put(context, r->payload, r->payload_len);
}

static int add_act(void *context, const struct evidence_act *a)
{
	return buffer_put(context, a->hash, sizeof a->hash);
}

static void add_act_texts(struct buffer *all)
{
	struct buffer text;
	for (size_t i = 0; i < file_count; i++) {
		if (strstr(files[i].path, "/log/acts/") == NULL)
			continue;
		buffer_init(&text, 1 << 20);
		if (atomicfile_read(files[i].path, &text) == 0)
			life_store_must(buffer_put(all, text.data, text.len) == 0, "memory");
		buffer_free(&text);
	}
}

/* What is signed of a chunk: it may be stored in other bytes that inflate to the same. */
static void meaning(const struct unit *u, uint8_t out[HASH_SIZE])
{
	struct reader { struct id stream; struct chunk_reader *reader; };
	static struct reader readers[STREAMS_MAX];
	struct chunk c;
	size_t i;
	hash_bytes(u->payload, u->len, out);
	if (u->type == 0) /* over */
		for (i = 0; i < STREAMS_MAX; i++) {
			chunk_reader_free(readers[i].reader);
			readers[i].reader = NULL;
		}
	if (u->type != UNIT_CHUNK || chunk_decode(u->payload, u->len, &c, NULL) != 0)
		return;
	for (i = 0; i < STREAMS_MAX && readers[i].reader != NULL && !id_equal(&readers[i].stream, &c.stream); i++)
		;
	if (i == STREAMS_MAX)
		return;
	if (readers[i].reader == NULL)
		readers[i] = (struct reader){ c.stream, chunk_reader_new() };
	(void)chunk_reader_next(readers[i].reader, u->payload, u->len, &c, NULL, out, NULL);
}

static int add_segment(void *context, const struct evidence_segment *s)
{
	struct buffer *all = context;
	struct fault fault;
	uint64_t at;
	struct unit u;
	int r;
	struct segment_reader *reader = segment_reader_open(s->path, &r, &fault);
	if (reader == NULL)
		return 0;
	segment_reader_limit(reader, s->committed);
	while (segment_reader_next(reader, &u, &at, &fault) == 1) {
		uint8_t one[HASH_SIZE];
		meaning(&u, one);
		life_store_must(buffer_put(all, &u.type, 1) == 0 && buffer_put(all, one, sizeof one) == 0, "memory");
	}
	segment_reader_close(reader);
	return 0;
}

static void read_content(struct worth *w)
{
	struct buffer all, rows;
	int r;
	struct evidence *e = evidence_open(store_life.dir, NULL, false, &r);
	if (e == NULL)
		return;
	buffer_init(&all, 64 << 20);
	buffer_init(&rows, 1 << 20);
	(void)evidence_segments(e, add_segment, &all);
	meaning(&(struct unit){ .payload = (const uint8_t *)"" }, w->content);
	add_act_texts(&all);
	(void)evidence_hold_list(e, true, add_hold, &rows);
	(void)evidence_removed_after(e, 0, add_removed, &rows);
	(void)evidence_acts(e, 0, add_act, &rows);
	hash_bytes(all.data, all.len, w->content);
	hash_bytes(rows.data, rows.len, w->rows);
	buffer_free(&all);
	buffer_free(&rows);
	evidence_close(e);
}

static struct worth judge(void)
{
	struct worth out = { .keys = true };
	struct walk w;
	walk_init(&w);
	w.trust.has_log = true;
	memcpy(w.trust.log, store_life.log.public_key, SIGN_PUBLIC_SIZE);
	int r = walk_store(&w, store_life.dir);
	out.verdict = walk_finish(&w);
	if (r != 0) /* `itm verify` fails then */
		out.verdict = VERDICT_TAMPERED;
	out.flaws = w.flaws;
	for (size_t i = 0; i < w.host_count; i++) {
		const struct verify_result *result = &w.hosts[i].result;
		out.blocks += result->blocks;
		out.receipts += result->receipts;
		for (size_t h = 0; h < STORE_HOSTS; h++)
			if (id_equal(&w.hosts[i].id, &store_life.chain[h].host))
				out.keys &= memcmp(w.hosts[i].trust.identity, store_life.chain[h].identity.public_key,
						   SIGN_PUBLIC_SIZE) == 0;
		if (result->verdict == out.verdict)
			snprintf(out.words, sizeof out.words, "%s", result->detail);
	}
	if (w.flaws > 0)
		snprintf(out.words, sizeof out.words, "%s", w.flaw);
	walk_free(&w);
	read_content(&out);
	return out;
}

/* What the hosts' forwarders and the witness ask at their next turn. */
static bool remembered(void)
{
	const struct receipt_seen *seen = &store_life.seen;
	struct merkle_proof proof;
	struct tile_log tiles;
	struct checkpoint c;
	struct buffer note;
	char dir[PATH];
	snprintf(dir, sizeof dir, "%s/log", store_life.dir);
	buffer_init(&note, NOTE_MAX);
	int r = tile_checkpoint(dir, &note);
	if (r == 0)
		r = checkpoint_open(note.data, note.len, store_life.log.public_key, &c, NULL, NULL);
	buffer_free(&note);
	if (r != 0 || c.size < seen->size)
		return false;
	if (c.size == seen->size)
		return memcmp(c.root, seen->root, HASH_SIZE) == 0;
	if (tile_open(&tiles, dir, c.size) != 0)
		return false;
	r = merkle_consistency(seen->size, c.size, tile_get, &tiles, &proof);
	tile_close(&tiles);
	return r == 0 && merkle_check_consistency(seen->size, c.size, seen->root, c.root, &proof) == 0;
}

/* ---- files ---- */

static int load_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st, (void)ftw;
	struct file *f = &files[file_count];
	struct buffer b;
	if (type != FTW_F)
		return 0;
	life_store_must(++file_count < FILES_MAX, "few files");
	snprintf(f->path, sizeof f->path, "%s", path);
	buffer_init(&b, 64 << 20);
	life_store_must(atomicfile_read(path, &b) == 0, path);
	f->data = b.data;
	f->len = b.len;
	return 0;
}

static void unload(void)
{
	for (size_t i = 0; i < file_count; i++)
		free(files[i].data);
	file_count = 0;
}

static void put(const char *path, const void *data, size_t len)
{
	unlink(path);
	FILE *f = fopen(path, "w");
	life_store_must(f != NULL && (len == 0 || fwrite(data, len, 1, f) == 1) && fclose(f) == 0, path);
}

static void put_back(void)
{
	store_life_empty();
	store_life_folders();
	for (size_t i = 0; i < file_count; i++)
		put(files[i].path, files[i].data, files[i].len);
}

/* A file that says something: a segment, a leaf, an act, the checkpoint. */
static struct file *any_file(const char *kind)
{
	for (;;) {
		struct file *f = &files[chance(file_count)];
		if (f->len > 0 && strstr(f->path, kind) != NULL)
			return f;
	}
}

static struct file *evidence_file(void)
{
	static const char *const kinds[] = { "/segments/", "/segments/", "/log/tile/", "/log/checkpoint", "/log/acts/" };
	return any_file(kinds[chance(sizeof kinds / sizeof *kinds)]);
}

static void splice(const struct file *f, size_t at, size_t len, const void *with, size_t with_len)
{
	struct buffer b;
	buffer_init(&b, 64 << 20);
	life_store_must(buffer_put(&b, f->data, at) == 0 && buffer_put(&b, with, with_len) == 0 &&
			buffer_put(&b, f->data + at + len, f->len - at - len) == 0, "memory");
	put(f->path, b.data, b.len);
	buffer_free(&b);
}

static void query(const char *text, int64_t number)
{
	char path[PATH];
	int r;
	struct sql_statement *q;
	snprintf(path, sizeof path, "%s/evidence.db", store_life.dir);
	struct sql *s = sql_open(path, true, &r);
	life_store_must(s != NULL && sql_prepare(s, text, &q) == 0, text);
	sql_bind_int(q, 1, number);
	(void)sql_finish(q);
	sql_finalize(q);
	sql_close(s);
}

/* ---- edits ---- */

static void edit_bytes(uint64_t kind)
{
	const struct file *f = evidence_file();
	size_t at = chance(f->len), left = f->len - at, len = 1 + chance(left < 64 ? left : 64);
	uint8_t noise[64];
	for (size_t i = 0; i < sizeof noise; i++)
		noise[i] = (uint8_t)chance(256);
	if (kind <= 1) /* a flipped bit; others in their place */
		noise[0] = f->data[at] ^ (uint8_t)(1 << chance(8));
	splice(f, at, kind == 0 ? 1 : kind == 1 || kind == 3 ? len : kind == 2 ? 0 : left, noise,
	       kind == 0 ? 1 : kind <= 2 ? len : 0);
}

static void edit_files(uint64_t kind)
{
	const struct file *a = evidence_file(), *b = any_file("/segments/");
	if (kind == 0) {
		unlink(a->path);
	} else if (kind == 1) {
		a = any_file("/segments/");
		put(a->path, b->data, b->len);
		put(b->path, a->data, a->len);
	} else {
		put(a->path, b->data, b->len);
	}
}

/* Units of a segment, cut out, doubled or altered under a right checksum, and
 * the database told of the new length. */
static void edit_unit(uint64_t kind)
{
	const struct file *f = any_file("/segments/");
	size_t at[512], count = 0;
	struct unit u;
	struct buffer altered;
	for (size_t p = SEGMENT_HEADER_SIZE; count < 512 && unit_decode(f->data + p, f->len - p, &u, NULL) == 0; p += u.size)
		at[count++] = p;
	if (count == 0)
		return;
	size_t from = at[chance(count)];
	life_store_must(unit_decode(f->data + from, f->len - from, &u, NULL) == 0, "a unit");
	buffer_init(&altered, 1 << 20);
	size_t added = kind == 1 ? u.size : 0, cut = kind == 0 ? u.size : 0;
	if (kind == 2) {
		uint8_t payload[16384];
		life_store_must(u.len > 0 && u.len <= sizeof payload, "small units");
		memcpy(payload, u.payload, u.len);
		payload[chance(u.len)] ^= (uint8_t)(1 << chance(8));
		life_store_must(unit_put(&altered, u.type, u.version, payload, u.len) == 0, "memory");
		splice(f, from, u.size, altered.data, altered.len);
	} else {
		splice(f, from, cut, f->data + from, added);
	}
	buffer_free(&altered);
	if (cut != added)
		query(cut > 0 ? "UPDATE segment SET committed = committed - ?1 WHERE number = "
				"(SELECT max(number) FROM segment WHERE committed > ?1 AND number = segment.number)"
			      : "UPDATE segment SET committed = committed + ?1", (int64_t)(cut + added));
}

static void edit_rows(uint64_t kind)
{
	static const char *const texts[] = {
		"DELETE FROM block WHERE sequence > ?1", "UPDATE block SET hash = zeroblob(32) WHERE sequence = ?1",
		"UPDATE block SET leaf = leaf + 1 WHERE sequence > ?1", "DELETE FROM chunk WHERE row > ?1",
		"UPDATE chunk SET offset = offset + 1 WHERE row > ?1", "DELETE FROM segment WHERE number > 1 + ?1 % 3",
		"UPDATE segment SET place = -place WHERE number > ?1 % 5", "UPDATE segment SET committed = committed - 1 - ?1 % 40",
		"DELETE FROM removal WHERE ?1 >= 0", "DELETE FROM hold WHERE ?1 >= 0",
		"UPDATE hold SET ended_wall_ns = ?1 + 1, ended_who = 'root'", "DELETE FROM act WHERE ?1 >= 0",
		"UPDATE host SET identity = randomblob(32) WHERE ?1 >= 0", "DELETE FROM host WHERE ?1 >= 0",
		"UPDATE host SET last_sequence = last_sequence - 1 WHERE ?1 >= 0", "DELETE FROM leaf WHERE number > ?1",
	};
	query(texts[kind % (sizeof texts / sizeof *texts)], (int64_t)chance(20));
}

/* The log's own key over fewer leaves, or over other ones. */
static void edit_checkpoint(uint64_t kind)
{
	struct checkpoint c;
	struct tile_log tiles;
	struct buffer note;
	char dir[PATH], path[PATH];
	snprintf(dir, sizeof dir, "%s/log", store_life.dir);
	snprintf(path, sizeof path, "%s/log/checkpoint", store_life.dir);
	checkpoint_origin(&store_life.server, c.origin);
	c.size = store_life.seen.size;
	memcpy(c.root, store_life.seen.root, HASH_SIZE);
	buffer_init(&note, NOTE_MAX);
	life_store_must(tile_open(&tiles, dir, c.size) == 0, "tiles");
	if (kind == 0) {
		c.size = 1 + chance(c.size - 1);
		life_store_must(merkle_root(c.size, tile_get, &tiles, c.root) == 0, "root");
	} else {
		c.root[chance(HASH_SIZE)] ^= 1;
	}
	tile_close(&tiles);
	life_store_must(checkpoint_put(&note, &c, &store_life.log) == 0, "note");
	put(path, note.data, note.len);
	buffer_free(&note);
}

/* A removal: its declaration taken out, or one more, signed by another key or
 * by the log's, with no act in the log. */
static void edit_removal(uint64_t kind)
{
	struct sign_key other;
	int r;
	char words[EVIDENCE_REMOVE_ERROR_SIZE];
	struct evidence_removal item = { .declaration = { .act = REMOVAL_REDACTION, .sections = 1 << CHUNK_OUT, .wall_ns = 2,
							  .stream = store_life.stream[1], .who = "root", .reason = "nothing" } };
	sign_keypair(&other);
	struct evidence *e = evidence_open(store_life.dir, &store_life.server, true, &r);
	life_store_must(e != NULL && evidence_begin(e) == 0, "open");
	r = evidence_remove(e, &item, 1, kind == 0 ? &other : &store_life.log, words);
	life_store_must(r == 0 && evidence_commit(e) == 0, "remove");
	evidence_close(e);
}

static void edit(uint64_t kind)
{
	if (kind < 5)
		edit_bytes(kind);
	else if (kind < 8)
		edit_files(kind - 5);
	else if (kind < 11)
		edit_unit(kind - 8);
	else if (kind < 14)
		edit_rows(chance(16));
	else if (kind < 16)
		edit_checkpoint(kind - 14);
	else if (kind < 18)
		edit_removal(kind - 16);
	else /* the whole store made anew, with something else in it */
		store_life_anew((enum store_change)(kind - 18));
}

enum { KINDS = 18 + STORE_CHANGES };

/* ---- runs ---- */

static bool differs(const struct worth *a, const struct worth *b)
{
	return a->verdict != b->verdict || a->flaws != b->flaws;
}

static void edit_once(const struct worth *whole)
{
	uint64_t kind = chance(KINDS);
	edit(kind);
	struct worth w = judge();
	bool same = memcmp(w.content, whole->content, HASH_SIZE) == 0;
	bool rows = memcmp(w.rows, whole->rows, HASH_SIZE) == 0;
	if (differs(&w, whole))
		sum.by_verify++;
	else if (!w.keys)
		sum.by_key++;
	else if (!remembered())
		sum.by_memory++;
	else if (same && rows)
		sum.harmless++;
	else if (same)
		sum.by_acts++;
	else {
		sum.missed++;
		printf("MISSED: kind %" PRIu64 ": %s %s, %" PRIu64 " blocks of %" PRIu64 "\n", kind, verdict_name(w.verdict), w.words,
		       w.blocks, whole->blocks);
	}
	put_back();
}

int main(int argc, char **argv)
{
	uint64_t edits = argc > 1 ? strtoull(argv[1], NULL, 10) : 400, untouched = argc > 2 ? strtoull(argv[2], NULL, 10) : 10;
	uint64_t seed = argc > 3 ? strtoull(argv[3], NULL, 10) : (uint64_t)time(NULL), done = 0, n;
	log_open("store_edits", 0);
	if (getenv("VERBOSE") == NULL && freopen("/dev/null", "w", stderr) == NULL)
		return 1;
	store_life_set_up(seed);
	printf("seed %" PRIu64 "\n", seed);
	for (n = 0; n < untouched || done < edits; n++) {
		store_life_begin();
		life_store_must(nftw(store_life.dir, load_one, 16, FTW_PHYS) == 0, "files");
		struct worth whole = judge();
		enum verdict expected = store_life.redacted ? VERDICT_REDACTED : VERDICT_OK;
		if (whole.verdict != expected || !remembered()) {
			printf("FALSE ALARM: %s: %s\n", verdict_name(whole.verdict), whole.words);
			sum.false_alarms++;
		}
		for (int i = 0; i < EDITS_A_STORE && done < edits; i++, done++)
			edit_once(&whole);
		unload();
		store_life_end();
	}
	printf("%" PRIu64 " untouched stores, %" PRIu64 " false alarms; %" PRIu64 " edits: %" PRIu64 " found by verify, %" PRIu64
	       " by a host's enrolled key, %" PRIu64 " by what hosts and witness remember, %" PRIu64
	       " in rows that only the log's acts tell otherwise, %" PRIu64 " harmless, %" PRIu64 " missed\n", n,
	       sum.false_alarms, done, sum.by_verify, sum.by_key, sum.by_memory, sum.by_acts, sum.harmless, sum.missed);
	return sum.missed > 0 || sum.false_alarms > 0 || sum.by_verify == 0 || sum.by_memory == 0;
}
