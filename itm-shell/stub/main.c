/* itm-shell: static, not set-id, mode 0711, run as the user by sshd, login or
 * su.  It may do what the user may; it can't see or alter the record. */
#include <sys/prctl.h>

#include "base/paths.h"
#include "itm-shell/stub/stub.h"

int main(int argc, char **argv)
{
	static const struct stub_paths paths = { .broker = PATHS_SHELL_SOCKET, .users = PATHS_NSS_USERS };

	/* Before anything else: no tracing, no look at memory and descriptors by
	 * other processes of the same user. */
	prctl(PR_SET_DUMPABLE, 0);
	stub_run(&paths, argc, argv);
}
