/* verify [HOURS]: how long it takes to verify a session of that many hours
 * (8) with a block every 5 s, and how many blocks a second that is on one core.
 * The best of five runs: the machine may be doing something else. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/error.h"
#include "tests/unit/chain.h"

enum { BLOCKS_PER_HOUR = 720, RUNS = 5, TEXT_SIZE = 512 };

static double now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* What an administrator's screen shows in 5 s: some lines that look alike. */
static void make_text(char text[TEXT_SIZE], unsigned n)
{
	snprintf(text, TEXT_SIZE, "[admin@db1 ~]$ systemctl status unit-%u\r\n   Active: active (running) since %u; %u h ago\r\n"
		 "   Main PID: %u (unit)\r\n[admin@db1 ~]$ tail -n 1 /var/log/unit.log\r\n%u: request %u served in %u ms\r\n",
		 n * 7919 % 97, n, n / 720, n * 31 + 1000, n, n * 104729, n * 17 % 211);
}

static void make_session(struct chain *c, unsigned blocks)
{
	char text[TEXT_SIZE];
	unsigned i;

	chain_init(c);
	buffer_free(&c->units);
	buffer_init(&c->units, 1 << 30);
	chain_block(c, BLOCK_GENESIS);
	for (i = 0; i < blocks; i++) {
		make_text(text, i);
		c->now_ms += 4000;
		chain_chunk(c, text, i + 1 == blocks ? CHUNK_END : 0);
		chain_block(c, i + 1 == blocks ? BLOCK_CLOSE : 0);
	}
}

int main(int argc, char **argv)
{
	unsigned hours = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 8, i;
	struct verify_result result = { 0 };
	double best = 0, began, took;
	struct chain c;

	make_session(&c, hours * BLOCKS_PER_HOUR);
	for (i = 0; i < RUNS; i++) {
		began = now_s();
		result = chain_verify(&c, c.units.data, c.units.len);
		took = now_s() - began;
		if (best == 0 || took < best)
			best = took;
	}
	printf("verify: %u h, %" PRIu64 " blocks, %" PRIu64 " chunks, %zu bytes: %s in %.3f s of one core, %.0f blocks/s\n", hours,
	       result.blocks, result.chunks, c.units.len, verdict_name(result.verdict), best, (double)result.blocks / best);
	chain_free(&c);
	return 0;
}
