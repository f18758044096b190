/* Whether the process monitor is taken for blind. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/watchd/blind.h"

static void test_looks(void **state)
{
	static const struct { uint64_t kernel, seen; bool alert; uint64_t unseen; } looks[] = {
		{ 1000, 0, false, 0 },          /* what was before us is nobody's fault */
		{ 1100, 90, false, 0 },         /* threads of the kernel are not seen */
		{ 1110, 90, false, 0 },         /* few */
		{ 1120, 90, false, 0 },
		{ 1133, 90, true, 33 },         /* they add up */
		{ 2000, 90, false, 0 },         /* said once */
		{ 2100, 150, false, 0 },        /* it sees again */
		{ 0, 150, false, 0 },           /* not readable */
		{ 2200, 150, true, 100 },
	};
	struct blind b = { .stat = -1 };
	(void)state;
	assert_int_equal(blind_kernel(&b), 0);
	for (size_t i = 0; i < sizeof looks / sizeof looks[0]; i++) {
		uint64_t unseen = 0;
		assert_int_equal(blind_look(&b, looks[i].kernel, looks[i].seen, &unseen), looks[i].alert);
		if (looks[i].alert)
			assert_int_equal(unseen, looks[i].unseen);
	}
}

static void test_kernel(void **state)
{
	struct blind b;
	(void)state;
	blind_open(&b);
	uint64_t before = blind_kernel(&b);
	if (before == 0)
		skip();
	if (fork() == 0)
		_exit(0);
	assert_true(blind_kernel(&b) > before);
	close(b.stat);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_looks), cmocka_unit_test(test_kernel) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
