/* Clocks that are set under a running sealer, and a machine that sleeps.
 *
 * Lives of a sealer (sealer_life.h) in which, at a random moment, the wall
 * clock goes back an hour, on by ten years, past 2038, to before 1970, or the
 * boot clock jumps because the machine was suspended; some are killed before
 * and after.  The record must be whole, its blocks in order by number and boot
 * clock, and a step be told just when there was one.  Exit status 0 = all held. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/log.h"
#include "format/block.h"
#include "format/verify.h"
#include "store/spool.h"
#include "tests/crash/sealer_life.h"

#define SECOND_NS INT64_C(1000000000)
#define YEAR_NS (31556952 * SECOND_NS)

struct step { const char *name; int64_t wall_ns, suspend_ns; bool told; };
/* The life's wall clock begins in 1970. */
static const struct step steps[] = {
	{ "no step", 0, 0, false },
	{ "an hour back", -3600 * SECOND_NS, 0, true },
	{ "ten years on", 10 * YEAR_NS, 0, true },
	{ "past 2038", 69 * YEAR_NS, 0, true },
	{ "to before 1970", -YEAR_NS, 0, true },
	{ "suspended for a night", 0, 8 * 3600 * SECOND_NS, false },
	{ "suspended, and the clock not set after it", -8 * 3600 * SECOND_NS, 8 * 3600 * SECOND_NS, true },
};

struct order { uint64_t sequence, boot_ns; };

static void look_at_block(struct order *o, const struct block *b)
{
	life_must(b->sequence == o->sequence + 1, "blocks in order by number");
	life_must(b->boot_ns >= o->boot_ns, "blocks in order by the boot clock");
	o->sequence = b->sequence;
	o->boot_ns = b->boot_ns;
}

static struct verify_result judge(struct order *o)
{
	struct verify_trust trust = { .has_identity = true };
	struct verify_result result;
	struct block_context context = { 0 };
	struct spool_place place;
	struct fault fault;
	struct unit u;
	struct block b;
	memcpy(trust.identity, life_config.identity.public_key, SIGN_PUBLIC_SIZE);
	struct verifier *v = verifier_new(&trust, NULL);
	struct spool_reader *reader = spool_reader_new(life->dir);
	life_must(v != NULL && reader != NULL, "memory");
	for (int r; (r = spool_reader_next(reader, &u, &place, &fault)) != 0; ) {
		if (r == ITM_ETRUNC)
			verifier_torn(v, "spool", place.segment, place.offset);
		else if (r < 0)
			verifier_broken(v, "spool", &fault);
		if (r < 0 && !spool_reader_next_segment(reader))
			break;
		if (r < 0)
			continue;
		(void)verifier_unit(v, &u, "spool", place.offset);
		if (u.type == UNIT_BLOCK && block_decode_after(&context, u.payload, u.len, &b, NULL) == 0)
			look_at_block(o, &b);
	}
	verifier_finish(v, &result);
	verifier_free(v);
	spool_reader_free(reader);
	return result;
}

static void live(const struct step *s, int64_t at_ms, uint64_t kill_at)
{
	struct order order = { 0 };
	life_begin();
	life->step = (struct life_step){ .at_ms = at_ms, .wall_ns = s->wall_ns, .suspend_ns = s->suspend_ns };
	if (kill_at > 0)
		(void)life_run(POINTS_AFTER, kill_at, 0);
	life_must(life_run(POINTS_COUNT, 0, 0) == LIFE_DONE, s->name);
	struct verify_result r = judge(&order);
	if (r.verdict != VERDICT_UNANCHORED || (r.clock_steps > 0) != s->told)
		printf("%s: %s, %s; %" PRIu64 " steps told\n", s->name, verdict_name(r.verdict), r.detail, r.clock_steps);
	life_must(r.verdict == VERDICT_UNANCHORED && r.closed && r.lost_bytes == 0, "the record is whole");
	life_must((r.clock_steps > 0) == s->told, "a step is told, and no other");
	life_must(!s->told || r.clock_step_ns / SECOND_NS == s->wall_ns / SECOND_NS, "by how much");
	life_end();
}

int main(int argc, char **argv)
{
	uint64_t rounds = argc > 1 ? strtoull(argv[1], NULL, 10) : 6, runs = 0;
	log_open("clock_steps", 0);
	log_set_level(LOG_LEVEL_ERROR);
	life_set_up();
	for (uint64_t i = 0; i < rounds; i++)
		for (size_t k = 0; k < sizeof steps / sizeof *steps; k++, runs++)
			live(&steps[k], 4000 + (int64_t)i * 531, i * 7);
	printf("%" PRIu64 " lives with clocks that were set: all whole, in order, and told\n", runs);
	return 0;
}
