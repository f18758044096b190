/* disabling: takes back what enabling did: byte for byte where nobody else
 * changed a file since, else our lines alone. */
#ifndef ITM_CLI_DISABLING_H
#define ITM_CLI_DISABLING_H

#include <stdbool.h>

#include "cli/changes.h"

enum { DISABLING_WORDS_SIZE = 512 };

struct disabling {
	const struct machine *machine;
	struct changes changes;
	unsigned restored, edited, kept;       /* files put back; ours taken out; as they were anyway */
	char error[DISABLING_WORDS_SIZE];
};

/* 0; ITM_ENOENT: it is not enabled; ITM_E* with error: some files are still
 * changed, and calling it again goes on. */
int disabling_load(struct disabling *d, const struct machine *m);
int disabling_run(struct disabling *d);

#endif
