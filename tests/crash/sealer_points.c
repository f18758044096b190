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
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/sealer/slot.h"
#include "base/log.h"
#include "format/block.h"
#include "format/verify.h"
#include "store/spool.h"
#include "tests/crash/sealer_life.h"

enum { BLOCKS_MAX = 512, RETRIES_MAX = 64, STEPS_MAX = 1000 };
static struct { bool there; uint8_t hash[HASH_SIZE]; } blocks[BLOCKS_MAX];
static uint64_t runs;

static void remember(const struct block *b)
{
	uint8_t hash[HASH_SIZE];
	block_hash(b, hash);
	life_must(b->sequence < BLOCKS_MAX, "few blocks");
	life_must(!blocks[b->sequence].there || memcmp(blocks[b->sequence].hash, hash, HASH_SIZE) == 0, "a number has two blocks");
	blocks[b->sequence].there = true;
	memcpy(blocks[b->sequence].hash, hash, HASH_SIZE);
}

static void look_at_slot(void)
{
	struct slot_state slot;
	struct block b;
	int r = slot_read(life_config.slot, &slot);
	/* The very first state may be torn: nothing was signed with it. */
	life_must(r == 0 || !blocks[1].there, "the slot is whole");
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
	uint64_t there[LIFE_STREAMS] = { 0 }, met = 0;
	struct block_context context = { 0 };
	memcpy(trust.identity, life_config.identity.public_key, SIGN_PUBLIC_SIZE);
	struct verifier *v = verifier_new(&trust, NULL);
	struct spool_reader *reader = spool_reader_new(life->dir);
	life_must(v != NULL && reader != NULL, "memory");
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
		for (int i = 0; i < LIFE_STREAMS; i++) {
			if (u.type == UNIT_CHUNK && chunk_decode(u.payload, u.len, &c, NULL) == 0 &&
			    id_equal(&c.stream, &life_ids[i]) && c.last_frame > there[i])
				there[i] = c.last_frame;
			if (u.type == UNIT_FRAME && frame_decode(u.payload, u.len, &f, NULL) == 0 &&
			    id_equal(&f.stream, &life_ids[i]) && f.number > there[i])
				there[i] = f.number;
		}
	}
	verifier_finish(v, &result);
	verifier_free(v);
	spool_reader_free(reader);
	for (int i = 0; i < LIFE_STREAMS; i++)
		life_must(there[i] >= life->acked[i], "an acknowledged frame is gone");
	life_must(met == result.blocks, "every block is read");
	look_at_slot();
	enum verdict v1 = result.verdict;
	if (finished && v1 != VERDICT_UNANCHORED)
		printf("%s: %s\n", verdict_name(v1), result.detail);
	life_must(finished ? v1 == VERDICT_UNANCHORED && result.closed : v1 <= VERDICT_OPEN_TAIL, "the verdict");
	life_must(result.lost_bytes == 0, "nothing was lost");
}

static void begin(void)
{
	life_begin();
	memset(blocks, 0, sizeof blocks);
	runs++;
}

/* False: there are fewer steps than n. */
static bool killed_at(enum points_mode mode, uint64_t n)
{
	begin();
	int r = life_run(mode, n, 0);
	bool hit = r == LIFE_KILLED;
	for (uint64_t m = 1; r == LIFE_KILLED; m++) {
		look(false);
		life_must(m < STEPS_MAX, "an end");
		/* Once recovery has been killed at all its steps the next one may live. */
		r = life_run(m > 1 && life->opened ? POINTS_COUNT : mode, m, 0);
	}
	life_must(r == LIFE_DONE, "it goes on after being killed");
	look(true);
	life_end();
	return hit;
}

static bool fails_at(enum points_mode mode, uint64_t n, int error)
{
	begin();
	int r = life_run(mode, n, error);
	bool hit = strcmp(life->point, "none") != 0;
	for (int i = 0; r == LIFE_AGAIN; i++) {
		look(false);
		life_must(i < RETRIES_MAX, "it goes on after a failure");
		r = life_run(POINTS_COUNT, 0, 0);
	}
	look(true);
	life_end();
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
	life_set_up();
	for (size_t i = 0; i < sizeof kills / sizeof *kills; i++)
		for (n = first; n <= last && killed_at(kills[i], n); n++)
			steps++;
	for (size_t i = 0; i < sizeof errors / sizeof *errors; i++)
		for (n = first; n <= last && fails_at(POINTS_FAIL, n, errors[i]); n++)
			failures++;
	for (n = first; n <= last && fails_at(POINTS_FAIL_MEMORY, n, ENOMEM); n++)
		starved++;
	printf("%" PRIu64 " steps killed at, %" PRIu64 " calls failed, %" PRIu64 " allocations failed; %" PRIu64
		" runs; 0 lost, 0 twice\n", steps, failures, starved, runs);
	return steps == 0 || failures == 0 || starved == 0;
}
