/* Kills the sealer at each of its steps, one after the other, and fails each
 * of its calls and allocations once; then it goes on and is looked at.
 *
 *   sealer_points [FIRST [LAST]]
 *
 * A run: two streams send frames, one ends, blocks are signed, a receipt
 * comes, the sealer stops.  For step n = 1, 2, ... a child is killed there,
 * the next one is killed at its step 1, then 2, ..., until all of recovery was
 * interrupted, then one comes through.  After each: everything
 * acknowledged is there, no number has two blocks (on disk or in the key
 * slot), the verdict is as FORMAT.md says.  Exit status 0 = all held. */
#include <errno.h>
#include <ftw.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/sealer/sealer.h"
#include "agent/sealer/slot.h"
#include "base/log.h"
#include "format/block.h"
#include "format/verify.h"
#include "store/spool.h"
#include "tests/crash/points.h"

enum { STREAMS = 2, FRAMES = 12, BLOCKS_MAX = 512, RETRIES_MAX = 64, STEPS_MAX = 1000, CHILD_PATIENCE_S = 30 };
enum { CHILD_DONE = 0, CHILD_AGAIN = 7, CHILD_LOST = 8 };

/* What outlives a child. */
struct kept {
	uint64_t acked[STREAMS];
	bool gone[STREAMS];          /* its END was acknowledged: its recorder has left */
	bool opened;                 /* recovery was over */
	int64_t time_ms;
	uint64_t calls, allocations;
	char point[32];
};
static struct kept *kept;
static struct sealer_config config;
static char dir[64];
static struct { bool there; uint8_t hash[HASH_SIZE]; } blocks[BLOCKS_MAX];
static uint64_t runs, children;

static int64_t fake_ms(void) { return kept->time_ms; }
static uint64_t fake_boot_ns(void) { return (uint64_t)kept->time_ms * 1000000; }
static int64_t fake_wall_ns(void) { return kept->time_ms * 1000000 + 1000000000; }
static struct id fake_boot_id(void) { return (struct id){ { 7 } }; }
static const struct sealer_clock fake_clock = { fake_ms, fake_boot_ns, fake_wall_ns, fake_boot_id };
static const struct id ids[STREAMS] = { { { 1 } }, { { 2 } } };

static void must(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "FAILED: %s (%s, call %" PRIu64 ", allocation %" PRIu64 ", last point %s); kept: %s\n", what,
		points.mode == POINTS_FAIL ? "failing" : points.mode == POINTS_FAIL_MEMORY ? "memory" : "killed",
		points.at, points.at, kept->point, dir);
	exit(1);
}

/* The key slot is memory: its steps are points like the calls.  Each half holds
 * a copy; the one that is not current takes the new state, then the other is
 * wiped (slot.c). */
void __real_slot_write(void *map, const struct slot_state *state);
void __wrap_slot_write(void *map, const struct slot_state *state);

void __wrap_slot_write(void *map, const struct slot_state *state)
{
	static const uint8_t zeros[SLOT_SIZE / 2];
	static uint8_t after[SLOT_SIZE];
	memcpy(after, map, SLOT_SIZE);
	__real_slot_write(after, state);
	size_t fresh = memcmp(after, zeros, sizeof zeros) == 0 ? SLOT_SIZE / 2 : 0, old = SLOT_SIZE / 2 - fresh;
	points_copy("slot", (uint8_t *)map + fresh, after + fresh, SLOT_SIZE / 2);
	points_copy("slot wipe", (uint8_t *)map + old, after + old, SLOT_SIZE / 2);
}

/* ---- the child ---- */

static int send_frame(struct sealer *s, struct stream *st, uint64_t number)
{
	struct buffer run, payload;
	struct fault fault;
	uint64_t last = 0;
	char text[200];
	memset(text, 'a' + (int)(number % 26), sizeof text);
	buffer_init(&run, FRAME_RUN_MAX);
	buffer_init(&payload, 2 * FRAME_RUN_MAX);
	struct frame f = { .stream = st->id, .number = number, .boot_ns = fake_boot_ns(), .wall_ns = fake_wall_ns(),
			   .flags = number == FRAMES ? FRAME_END : 0 };
	int r = record_put(&run, &last, 0, RECORD_OUT, sizeof text, text);
	f.run = run.data;
	f.run_len = run.len;
	if (r == 0)
		r = frame_encode(&payload, &f);
	if (r == 0)
		r = sealer_frame(s, st, payload.data, payload.len, &fault);
	buffer_free(&run);
	buffer_free(&payload);
	return r;
}

static int take_answers(struct sealer *s)
{
	for (int i = 0; i < STREAMS; i++) {
		if (kept->gone[i])
			continue;
		struct stream *st = sealer_stream(s, &ids[i]);
		if (st == NULL)
			return ITM_ENOMEM;
		if (st->durable > kept->acked[i])
			kept->acked[i] = st->durable;
		st->acked = st->durable;
		if (sealer_done(st) && st->durable == FRAMES) {
			kept->gone[i] = true;
			sealer_forget(s, st);
		}
	}
	return 0;
}

static int turns(struct sealer *s, int64_t ms)
{
	int64_t until = kept->time_ms + ms, wait;
	bool progress;
	for (;;) {
		int r = sealer_turn(s, &wait, &progress);
		if (r == 0)
			r = take_answers(s);
		if (r != 0 || kept->time_ms >= until)
			return r;
		kept->time_ms += wait < 1 ? 1 : wait > until - kept->time_ms ? until - kept->time_ms : wait;
	}
}

/* One more frame of each recorder that is still there. */
static int feed(struct sealer *s, bool *more)
{
	*more = false;
	for (int i = 0; i < STREAMS; i++) {
		if (kept->gone[i])
			continue;
		struct stream *st = sealer_stream(s, &ids[i]);
		if (st == NULL)
			return ITM_ENOMEM;
		if (st->accepted < kept->acked[i])
			_exit(CHILD_LOST);
		*more = true;
		if (st->accepted >= FRAMES || !sealer_accepting(s))
			continue;
		int r = send_frame(s, st, st->accepted + 1);
		if (r != 0)
			return r;
	}
	return 0;
}

static int live_through(struct sealer *s)
{
	bool more = true;
	int r = 0;
	for (int i = 0; r == 0 && more; i++) {
		if (i > 1000)
			return ITM_ELIMIT;
		r = feed(s, &more);
		if (r == 0)
			r = turns(s, 700);
	}
	return r == 0 ? sealer_stop(s, 1000) : r;
}

static int child(enum points_mode mode, uint64_t at, int error)
{
	struct id live[STREAMS];
	size_t count = 0;
	int r = 0;
	alarm(CHILD_PATIENCE_S);
	/* It has much to complain of. */
	if (getenv("VERBOSE") == NULL && freopen("/dev/null", "w", stderr) == NULL)
		return CHILD_LOST;
	for (int i = 0; i < STREAMS; i++)
		if (!kept->gone[i])
			live[count++] = ids[i];
	points_start(mode, at, error);
	struct sealer *s = sealer_open(&config, live, count, &r);
	if (s != NULL) {
		kept->opened = true;
		r = live_through(s);
		sealer_free(s);
	}
	kept->calls = points.calls;
	kept->allocations = points.allocations;
	snprintf(kept->point, sizeof kept->point, "%s", points.name != NULL ? points.name : "none");
	return r == 0 ? CHILD_DONE : CHILD_AGAIN;
}

/* ---- looking at what it left ---- */

static void remember(const struct block *b)
{
	uint8_t hash[HASH_SIZE];
	block_hash(b, hash);
	must(b->sequence < BLOCKS_MAX, "few blocks");
	must(!blocks[b->sequence].there || memcmp(blocks[b->sequence].hash, hash, HASH_SIZE) == 0, "a number has two blocks");
	blocks[b->sequence].there = true;
	memcpy(blocks[b->sequence].hash, hash, HASH_SIZE);
}

static void look_at_slot(void)
{
	struct slot_state slot;
	struct block b;
	int r = slot_read(config.slot, &slot);
	/* The very first state may be torn: nothing was signed with it. */
	must(r == 0 || !blocks[1].there, "the slot is whole");
	if (r == 0 && slot.phase == SLOT_SIGNED && block_decode(slot.payload, slot.payload_len, &b, NULL) == 0)
		remember(&b);
}

static void look(bool finished)
{
	struct verify_trust trust = { .has_identity = true };
	struct verify_result result;
	struct spool_place place;
	struct fault fault;
	struct unit u;
	uint64_t there[STREAMS] = { 0 }, met = 0;
	struct block_context context = { 0 };
	memcpy(trust.identity, config.identity.public_key, SIGN_PUBLIC_SIZE);
	struct verifier *v = verifier_new(&trust, NULL);
	struct spool_reader *reader = spool_reader_new(dir);
	must(v != NULL && reader != NULL, "memory");
	for (int r; (r = spool_reader_next(reader, &u, &place, &fault)) != 0; ) {
		struct chunk c;
		struct frame f;
		struct block b;
		if (r == ITM_ETRUNC)
			verifier_torn(v, "spool", place.segment, place.offset);
		else if (r < 0)
			verifier_broken(v, "spool", &fault);
		if (r < 0 && !spool_reader_next_segment(reader))
			break;
		if (r < 0)
			continue;
		(void)verifier_unit(v, &u, "spool", place.offset);
		if (u.type == UNIT_BLOCK && block_decode_after(&context, u.payload, u.len, &b, NULL) == 0) {
			remember(&b);
			met++;
		}
		for (int i = 0; i < STREAMS; i++) {
			if (u.type == UNIT_CHUNK && chunk_decode(u.payload, u.len, &c, NULL) == 0 &&
			    id_equal(&c.stream, &ids[i]) && c.last_frame > there[i])
				there[i] = c.last_frame;
			if (u.type == UNIT_FRAME && frame_decode(u.payload, u.len, &f, NULL) == 0 &&
			    id_equal(&f.stream, &ids[i]) && f.number > there[i])
				there[i] = f.number;
		}
	}
	verifier_finish(v, &result);
	verifier_free(v);
	spool_reader_free(reader);
	for (int i = 0; i < STREAMS; i++)
		must(there[i] >= kept->acked[i], "an acknowledged frame is gone");
	must(met == result.blocks, "every block is read");
	look_at_slot();
	enum verdict v1 = result.verdict;
	if (finished && v1 != VERDICT_UNANCHORED)
		fprintf(stderr, "%s: %s\n", verdict_name(v1), result.detail);
	must(finished ? v1 == VERDICT_UNANCHORED && result.closed : v1 <= VERDICT_OPEN_TAIL, "the verdict");
	must(result.lost_bytes == 0, "nothing was lost");
}

/* ---- runs ---- */

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	return remove(path);
}

static void begin(void)
{
	/* Memory: what survives the process is looked at, not what survives the power. */
	snprintf(dir, sizeof dir, "%s/itm-points.XXXXXX", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	must(mkdtemp(dir) != NULL, "folder");
	memset(config.slot, 0, SLOT_SIZE);
	memset(kept, 0, sizeof *kept);
	memset(blocks, 0, sizeof blocks);
	kept->time_ms = 1000;
	runs++;
}

static void end(void)
{
	must(nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS) == 0, "remove");
}

/* The child's exit status; -1: it was killed where it had to be. */
static int run_child(enum points_mode mode, uint64_t at, int error)
{
	int status;
	fflush(NULL);
	kept->opened = false;
	pid_t pid = fork();
	children++;
	if (pid == 0)
		exit(child(mode, at, error));
	must(pid > 0 && waitpid(pid, &status, 0) == pid, "fork");
	if (WIFSIGNALED(status)) {
		must(WTERMSIG(status) == SIGKILL, WTERMSIG(status) == SIGALRM ? "hangs" : "crashed");
		must(mode == POINTS_BEFORE || mode == POINTS_WITHIN || mode == POINTS_AFTER, "killed by itself");
		return -1;
	}
	must(WEXITSTATUS(status) != CHILD_LOST, "the sealer took up before what it had acknowledged");
	must(WEXITSTATUS(status) == CHILD_DONE || WEXITSTATUS(status) == CHILD_AGAIN, "exit status: a leak or worse");
	return WEXITSTATUS(status);
}

/* False: there are fewer steps than n. */
static bool killed_at(enum points_mode mode, uint64_t n)
{
	begin();
	int r = run_child(mode, n, 0);
	bool hit = r == -1;
	for (uint64_t m = 1; r == -1; m++) {
		look(false);
		must(m < STEPS_MAX, "an end");
		/* Once recovery has been killed at all its steps the next one may live. */
		r = run_child(m > 1 && kept->opened ? POINTS_COUNT : mode, m, 0);
	}
	must(r == CHILD_DONE, "it goes on after being killed");
	look(true);
	end();
	return hit;
}

static bool fails_at(enum points_mode mode, uint64_t n, int error)
{
	begin();
	int r = run_child(mode, n, error);
	bool hit = strcmp(kept->point, "none") != 0;
	for (int i = 0; r == CHILD_AGAIN; i++) {
		look(false);
		must(i < RETRIES_MAX, "it goes on after a failure");
		r = run_child(POINTS_COUNT, 0, 0);
	}
	look(true);
	end();
	return hit;
}

int main(int argc, char **argv)
{
	uint64_t first = argc > 1 ? strtoull(argv[1], NULL, 10) : 1, last = argc > 2 ? strtoull(argv[2], NULL, 10) : UINT64_MAX;
	static const enum points_mode kills[] = { POINTS_BEFORE, POINTS_WITHIN, POINTS_AFTER };
	static const int errors[] = { EIO, ENOSPC };
	uint64_t steps = 0, failures = 0, starved = 0, n;

	log_open("sealer_points", 0);
	log_set_level(LOG_LEVEL_ERROR);
	if (freopen("/dev/null", "w", stdout) == NULL || sign_init() != 0)
		return 1;
	config = (struct sealer_config){ .spool = dir, .host = { { 9 } }, .block_interval_ms = 2000, .heartbeat_ms = 30000,
					 .clock = &fake_clock };
	sign_keypair(&config.identity);
	config.slot = mmap(NULL, SLOT_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	kept = mmap(NULL, sizeof *kept, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	must(config.slot != MAP_FAILED && kept != MAP_FAILED, "memory");
	for (size_t i = 0; i < sizeof kills / sizeof *kills; i++)
		for (n = first; n <= last && killed_at(kills[i], n); n++)
			steps++;
	for (size_t i = 0; i < sizeof errors / sizeof *errors; i++)
		for (n = first; n <= last && fails_at(POINTS_FAIL, n, errors[i]); n++)
			failures++;
	for (n = first; n <= last && fails_at(POINTS_FAIL_MEMORY, n, ENOMEM); n++)
		starved++;
	fprintf(stderr, "%" PRIu64 " steps killed at, %" PRIu64 " calls failed, %" PRIu64 " allocations failed; %" PRIu64
		" runs, %" PRIu64 " sealers; 0 lost, 0 twice\n", steps, failures, starved, runs, children);
	return steps == 0 || failures == 0 || starved == 0;
}
