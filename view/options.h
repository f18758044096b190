/* options: one table a command that feeds its parser, its --help and the
 * check against its man page (tests/lint/options). */
#ifndef ITM_VIEW_OPTIONS_H
#define ITM_VIEW_OPTIONS_H

#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"

enum options_type {
	OPTIONS_FLAG,    /* bool */
	OPTIONS_TEXT,    /* const char *, borrowed from argv */
	OPTIONS_NUMBER,  /* uint64_t, min..max (max 0 = no limit) */
};

struct options_entry {
	const char *name;      /* "store": --store; NULL ends the table */
	char letter;           /* 'o': -o; 0 = none */
	const char *argument;  /* "DIR"; NULL for a FLAG */
	enum options_type type;
	size_t offset;         /* in the command's settings */
	uint64_t min, max;
	const char *help;      /* one line */
};

struct options_command {
	const char *name;      /* "itm sessions" */
	const char *operands;  /* "SESSION"; "" = none */
	int operands_min, operands_max;
	const char *summary;   /* one sentence */
	const struct options_entry *entries;
	const char *more;      /* shown at the end of --help; NULL = nothing */
};

enum { OPTIONS_SHOWN = 1, OPTIONS_ERROR_SIZE = 256 };

/* argv[0] is skipped; options may stand before and after operands, "--" ends
 * them.  Afterwards *argc and argv hold the operands only.  0;
 * OPTIONS_SHOWN: --help or --version was printed; ITM_EINVAL: error says what
 * is wrong and how to get help (settings may be partly filled). */
int options_parse(const struct options_command *command, int *argc, char **argv, void *settings,
		  char error[OPTIONS_ERROR_SIZE]);
int options_help(const struct options_command *command, struct buffer *out);

#endif
