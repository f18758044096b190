/* What is done when the spool is full, and how full it is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/sealer/room.h"
#include "local/space.h"

#define S SPACE_STORE
#define T SPACE_THIN
#define H SPACE_HOLD
#define MB (UINT64_C(1) << 20)

/* Levels in a row; of strict, best-effort, break-glass. */
static void test_policies(void **state)
{
	static const struct {
		enum space_policy policy;
		enum users_failure failure;
		enum space_act act[SPACE_LEVELS];
		bool refuses[SPACE_LEVELS];
	} table[] = {
		{ SPACE_DEGRADE, USERS_STRICT, { S, S, T, T }, { 0, 0, 0, 1 } },
		{ SPACE_DEGRADE, USERS_BEST_EFFORT, { S, S, T, T }, { 0, 0, 0, 0 } },
		{ SPACE_DEGRADE, USERS_BREAK_GLASS, { S, S, T, T }, { 0, 0, 0, 0 } },
		{ SPACE_BLOCK, USERS_STRICT, { S, S, H, H }, { 0, 0, 1, 1 } },
		{ SPACE_BLOCK, USERS_BEST_EFFORT, { S, S, H, H }, { 0, 0, 1, 1 } },
		{ SPACE_BLOCK, USERS_BREAK_GLASS, { S, S, T, T }, { 0, 0, 0, 0 } },
		{ SPACE_OPEN, USERS_STRICT, { S, S, S, S }, { 0, 0, 0, 1 } },
		{ SPACE_OPEN, USERS_BEST_EFFORT, { S, S, S, S }, { 0, 0, 0, 0 } },
		{ SPACE_OPEN, USERS_BREAK_GLASS, { S, S, S, S }, { 0, 0, 0, 0 } },
	};
	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
		for (int level = 0; level < SPACE_LEVELS; level++) {
			assert_int_equal(space_act((enum space_level)level, table[i].policy, table[i].failure), table[i].act[level]);
			assert_int_equal(space_refuses((enum space_level)level, table[i].policy, table[i].failure),
					 table[i].refuses[level]);
		}
}

/* Steps of one spool, one after the other. */
static void test_levels(void **state)
{
	static const struct { struct room_measure m; unsigned percent; enum space_level level; bool changed; } steps[] = {
		{ { 10 * MB, 90 * MB, 0, MB, 0 }, 10, SPACE_ROOM, false },
		{ { 79 * MB, 21 * MB, 0, MB, 0 }, 79, SPACE_ROOM, false },
		{ { 80 * MB, 20 * MB, 0, MB, 0 }, 80, SPACE_LOW, true },
		{ { 78 * MB, 22 * MB, 0, MB, 0 }, 78, SPACE_LOW, false },     /* not at every turn */
		{ { 74 * MB, 26 * MB, 0, MB, 0 }, 74, SPACE_ROOM, true },
		{ { 95 * MB, 5 * MB, 0, MB, 0 }, 95, SPACE_FULL, true },
		{ { 95 * MB, 5 * MB, 0, MB, 5 * MB }, 95, SPACE_NONE, true }, /* what was taken needs it all */
		{ { 95 * MB, MB / 2, 0, MB, 0 }, 99, SPACE_NONE, false },
		{ { 95 * MB, MB, 0, MB, 0 }, 98, SPACE_FULL, true },
		{ { 95 * MB, 7 * MB, 0, MB, 0 }, 93, SPACE_FULL, false },
		{ { 85 * MB, 15 * MB, 0, MB, 0 }, 85, SPACE_LOW, true },
		{ { 85 * MB, 900 * MB, 101 * MB, MB, 0 }, 85, SPACE_LOW, false }, /* a quota before the disk */
		{ { 100 * MB, 900 * MB, 100 * MB, MB, 0 }, 100, SPACE_NONE, true },
		{ { 300 * MB, 900 * MB, 100 * MB, MB, 0 }, 100, SPACE_NONE, false },
		{ { 10 * MB, 900 * MB, 100 * MB, MB, 0 }, 10, SPACE_ROOM, true },
		{ { 10 * MB, 0, 0, MB, 0 }, 100, SPACE_NONE, true },          /* others filled the disk */
		{ { 0, 0, 0, 0, 0 }, 100, SPACE_NONE, false },
	};
	struct room r = { .level = SPACE_ROOM };
	for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
		bool changed = room_judge(&r, &steps[i].m);
		assert_int_equal(r.percent, steps[i].percent);
		assert_int_equal(r.level, steps[i].level);
		assert_int_equal(changed, steps[i].changed);
	}
}

static void test_shares(void **state)
{
	struct room r = { .capacity = 80 * MB };
	assert_int_equal(room_segment(&r, 16 * MB), 10 * MB);
	assert_int_equal(room_segment(&r, MB), MB);
	assert_int_equal(room_keep(&r, 64 * MB), 40 * MB);
	assert_int_equal(room_keep(&r, 0), 0);
	r.capacity = 0;
	assert_true(room_segment(&r, 16 * MB) > 0);
	assert_int_equal(room_reserve(0, 1000 * MB, 0), ROOM_RESERVE);
	assert_int_equal(room_reserve(MB, MB, 0), MB / 4);
	assert_int_equal(room_reserve(MB, 1000 * MB, 4 * MB), MB / 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_policies),
		cmocka_unit_test(test_levels),
		cmocka_unit_test(test_shares),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
