/* stub: what runs as the user in place of the login shell: hands the
 * terminal to the broker, starts the real shell, reports how it ended. */
#ifndef ITM_SHELL_STUB_STUB_H
#define ITM_SHELL_STUB_STUB_H

/* Fixed when the product is built; tests give their own. */
struct stub_paths {
	const char *broker;   /* socket of the broker */
	const char *users;    /* users.h: failure mode and real shell when the broker is down */
};

/* Does not return. */
_Noreturn void stub_run(const struct stub_paths *paths, int argc, char **argv);

#endif
