/* Memory that peers share: whole or not at all, and all of it comes back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "store/ingestd/lending.h"

static void test_bound(void **state)
{
	struct lending l = { .max = 100 };
	struct loan a = { 0 }, b = { 0 }, c = { 0 };
	assert_true(lending_take(&l, &a, 60));
	assert_true(lending_take(&l, &a, 60)); /* has it */
	assert_int_equal(l.lent, 60);
	assert_false(lending_take(&l, &b, 41));
	assert_false(lending_take(&l, &b, 41));
	assert_true(b.waits && l.waiting == 1);
	assert_true(lending_take(&l, &c, 40));
	assert_false(lending_take(&l, &a, 61)); /* gives back first */
	assert_int_equal(l.lent, 100);
	lending_repay(&l, &a);
	assert_true(lending_take(&l, &b, 41));
	assert_true(!b.waits && l.waiting == 0 && l.lent == 81);
	assert_false(lending_take(&l, &a, SIZE_MAX));
	lending_repay(&l, &a);
	lending_repay(&l, &b);
	lending_repay(&l, &b);
	lending_repay(&l, &c);
	assert_true(l.lent == 0 && l.waiting == 0);
}

/* Peers come, wait, leave in any order: never over the bound, never stuck. */
static void test_crowd(void **state)
{
	enum { PEERS = 40, TURNS = 20000 };
	struct lending l = { .max = 1000 };
	struct loan loan[PEERS] = { { 0 } };
	size_t want[PEERS] = { 0 }, served = 0;
	srand(1);
	for (int turn = 0; turn < TURNS; turn++) {
		int i = rand() % PEERS;
		if (want[i] == 0)
			want[i] = 1 + (size_t)rand() % l.max;
		if (rand() % 10 == 0 || lending_take(&l, &loan[i], want[i])) {
			served += loan[i].bytes > 0;
			lending_repay(&l, &loan[i]); /* done, or gone */
			want[i] = 0;
		}
		size_t lent = 0, waiting = 0;
		for (int k = 0; k < PEERS; k++) {
			lent += loan[k].bytes;
			waiting += loan[k].waits;
		}
		assert_true(lent == l.lent && lent <= l.max && waiting == l.waiting);
	}
	assert_true(served > TURNS / 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_bound), cmocka_unit_test(test_crowd) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
