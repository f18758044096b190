/* The stub of the product, with its two paths from the environment. */
#include <stdlib.h>
#include <sys/prctl.h>

#include "itm-shell/stub/stub.h"

int main(int argc, char **argv)
{
	const struct stub_paths paths = { .broker = getenv("TEST_BROKER"), .users = getenv("TEST_USERS") };

	if (paths.broker == NULL || paths.users == NULL)
		return 64;
	prctl(PR_SET_DUMPABLE, 0);
	stub_run(&paths, argc, argv);
}
