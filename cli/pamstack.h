/* pamstack: reads the PAM files of a service with everything they include,
 * and says whether a module of it is reached (pam.d(5)). */
#ifndef ITM_CLI_PAMSTACK_H
#define ITM_CLI_PAMSTACK_H

#include <stdbool.h>
#include <stddef.h>

#include "cli/machine.h"

enum { PAMSTACK_RULES_MAX = 256, PAMSTACK_DEPTH_MAX = 16, PAMSTACK_WORD_SIZE = 256, PAMSTACK_ERROR_SIZE = 384 };

/* One line, include lines replaced by what they include. */
struct pamstack_rule {
	char control[PAMSTACK_WORD_SIZE];  /* "required", "success=1 default=ignore" */
	char module[PAMSTACK_WORD_SIZE];
	char file[PAMSTACK_WORD_SIZE];     /* on the machine */
	unsigned line, depth;              /* depth: of substacks */
};

struct pamstack {
	struct pamstack_rule *rule;        /* owned */
	size_t count;
};

/* type: "session".  A service without a file gets that of "other", as libpam
 * does.  0, ITM_ENOENT (not even "other"), ITM_EFORMAT, ITM_ELIMIT,
 * ITM_ENOMEM, ITM_ESYS; error says where and why. */
int pamstack_load(const struct machine *m, const char *service, const char *type, struct pamstack *out,
		  char error[PAMSTACK_ERROR_SIZE]);
void pamstack_free(struct pamstack *s);
/* Whether the service has a file of its own. */
bool pamstack_has(const struct machine *m, const char *service);

enum pamstack_place {
	PAMSTACK_ABSENT,
	PAMSTACK_LAST,       /* reached, the last rule of its file */
	PAMSTACK_EARLY,      /* reached, other rules of its file follow */
	PAMSTACK_SKIPPABLE,  /* a rule before it may end the stack or jump over it */
	PAMSTACK_SKIPPED,    /* a rule before it does when it succeeds */
};

struct pamstack_found {
	enum pamstack_place place;
	const struct pamstack_rule *rule;  /* unless ABSENT */
	const struct pamstack_rule *other; /* of EARLY the next, of SKIP* the one to blame */
};

/* module: "pam_itm.so", wherever it lies. */
struct pamstack_found pamstack_find(const struct pamstack *s, const char *module);

#endif
