/* agent/forwardd/walk.h over a spool made by the spool's own writer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/forwardd/walk.h"
#include "base/log.h"
#include "chain.h"
#include "net/forward.h"
#include "store/spool.h"

struct fixture {
	char dir[64];
	struct chain chain;
	size_t taken;
	struct spool *spool;
	struct walk *walk;
	struct buffer out;
	uint8_t head[16][HASH_SIZE]; /* by sequence */
};

static const uint8_t nothing[HASH_SIZE];

/* What the chain made since the last call goes into the spool. */
static void spool(struct fixture *f)
{
	uint64_t segment, offset;
	while (f->taken < f->chain.units.len) {
		struct unit u;
		assert_int_equal(unit_decode(f->chain.units.data + f->taken, f->chain.units.len - f->taken, &u, NULL), 0);
		assert_int_equal(spool_append(f->spool, u.type, u.version, u.payload, u.len), 0);
		f->taken += u.size;
	}
	assert_int_equal(spool_sync(f->spool), 0);
	memcpy(f->head[f->chain.sequence], f->chain.head, HASH_SIZE);
	spool_durable(f->spool, &segment, &offset);
	walk_limit(f->walk, segment, offset);
}

static void block(struct fixture *f, const char *text, uint16_t flags)
{
	if (text != NULL)
		chain_chunk(&f->chain, text, 0);
	chain_block(&f->chain, flags);
	spool(f);
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);
	int error;
	log_open("test_forwardd", 0);
	snprintf(f->dir, sizeof f->dir, "/tmp/itm-forwardd-XXXXXX");
	if (mkdtemp(f->dir) == NULL)
		return -1;
	chain_init(&f->chain);
	f->spool = spool_open(f->dir, &f->chain.host, &error);
	if (f->spool == NULL || spool_begin(f->spool) != 0)
		return -1;
	f->walk = walk_new(f->dir);
	buffer_init(&f->out, FORWARD_MAX + 1024);
	*state = f;
	return f->walk == NULL ? -1 : 0;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	return remove(path);
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	walk_free(f->walk);
	spool_close(f->spool);
	chain_free(&f->chain);
	buffer_free(&f->out);
	nftw(f->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	free(f);
	return 0;
}

/* The next message: its sequence, 0 for a frame, -1 for none, else the error. */
static int next(struct fixture *f)
{
	struct walk_message m;
	buffer_clear(&f->out);
	int rc = walk_next(f->walk, &f->out, &m);
	if (rc != 1)
		return rc == 0 ? -1 : 100 * rc;
	struct forward_message message;
	assert_int_equal(forward_next(f->out.data, f->out.len, &message, NULL), 0);
	assert_int_equal(message.type, m.group ? FORWARD_GROUP : FORWARD_TAIL);
	return m.group ? (int)m.sequence : 0;
}

static void groups_and_tail(void **state)
{
	struct fixture *f = *state;
	block(f, NULL, BLOCK_GENESIS);
	block(f, "old", 0);
	assert_int_equal(walk_resume(f->walk, 0, nothing), 0);
	assert_int_equal(next(f), 1);
	assert_int_equal(next(f), 2);
	assert_int_equal(next(f), -1);   /* the frame of block 2 is covered: not sent */
	chain_chunk(&f->chain, "new", 0); /* frame and chunk, no block yet */
	size_t all = f->chain.units.len;
	struct unit u;
	assert_int_equal(unit_decode(f->chain.units.data + f->taken, all - f->taken, &u, NULL), 0);
	f->chain.units.len = f->taken + u.size;
	spool(f);
	assert_int_equal(next(f), 0);    /* the frame, at once */
	assert_int_equal(next(f), -1);
	f->chain.units.len = all;
	block(f, NULL, 0);
	assert_int_equal(next(f), 3);
	assert_int_equal(next(f), -1);
}

static void resumes(void **state)
{
	struct fixture *f = *state;
	block(f, NULL, BLOCK_GENESIS);
	for (int i = 0; i < 4; i++)
		block(f, "text", 0);
	/* The server has 3, none has a receipt: all are sent, 1 to 3 again. */
	assert_int_equal(walk_resume(f->walk, 3, f->head[3]), 0);
	for (int i = 1; i <= 5; i++)
		assert_int_equal(next(f), i);
	assert_int_equal(next(f), -1);
	/* With receipts up to 2 only what follows, the same over a new process. */
	walk_receipt(f->walk, 2);
	assert_int_equal(walk_resume(f->walk, 3, f->head[3]), 0);
	assert_int_equal(next(f), 3);
	assert_int_equal(next(f), 4);
	f->chain.sequence = 4;
	memcpy(f->chain.head, f->head[4], HASH_SIZE);
	chain_receipt(&f->chain, RECEIPT_BLOCK); /* for 4, in the spool */
	f->chain.sequence = 5;
	memcpy(f->chain.head, f->head[5], HASH_SIZE);
	spool(f);
	walk_free(f->walk);
	f->walk = walk_new(f->dir);
	assert_int_equal(walk_resume(f->walk, 5, f->head[5]), 0);
	assert_int_equal(next(f), 5);
	assert_int_equal(next(f), -1);
	/* A server that lost blocks gets them again. */
	assert_int_equal(walk_resume(f->walk, 1, f->head[1]), 0);
	assert_int_equal(next(f), 2);
}

static void fork_and_gap(void **state)
{
	struct fixture *f = *state;
	block(f, NULL, BLOCK_GENESIS);
	block(f, "text", 0);
	assert_int_equal(walk_resume(f->walk, 2, nothing), 0);
	assert_int_equal(next(f), 1);
	assert_int_equal(next(f), 100 * ITM_EBUSY);
	assert_non_null(strstr(walk_words(f->walk), "FORK"));
	f->chain.sequence = 6;
	block(f, "text", 0);
	assert_int_equal(walk_resume(f->walk, 2, f->head[2]), 0);
	assert_int_equal(next(f), 1);
	assert_int_equal(next(f), 2);
	assert_int_equal(next(f), 100 * ITM_ENOENT);
	assert_non_null(strstr(walk_words(f->walk), "GAP"));
}

static void durable_limit(void **state)
{
	struct fixture *f = *state;
	uint64_t segment, offset;
	block(f, NULL, BLOCK_GENESIS);
	spool_durable(f->spool, &segment, &offset);
	block(f, "text", 0);
	walk_limit(f->walk, segment, offset);
	assert_int_equal(walk_resume(f->walk, 0, nothing), 0);
	assert_int_equal(next(f), 1);
	assert_int_equal(next(f), -1);
	spool_durable(f->spool, &segment, &offset);
	walk_limit(f->walk, segment, offset);
	assert_int_equal(next(f), 2);
}

#define ONE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = { ONE(groups_and_tail), ONE(resumes), ONE(fork_and_gap), ONE(durable_limit) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
