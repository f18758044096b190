/* config: reads `key = value` files (# comments, blank lines) against a table
 * of known keys.  An unknown key, a bad value or a broken line is an error
 * with file:line, and nothing is taken over: the old settings stay. */
#ifndef ITM_BASE_CONFIG_H
#define ITM_BASE_CONFIG_H

#include <stddef.h>
#include <stdint.h>

enum config_type {
	CONFIG_TEXT,       /* char[size]: refused when it does not fit */
	CONFIG_NUMBER,     /* uint64_t, min..max */
	CONFIG_SIZE,       /* uint64_t bytes, with K M G (1024) */
	CONFIG_DURATION,   /* uint64_t ms, with ms s m h d; no unit = s */
	CONFIG_BOOL,       /* bool: yes no true false on off */
	CONFIG_WORD,       /* int: index into words (NULL-ended) */
	CONFIG_LIST,       /* char[size]: as text, but a repeated key appends with a space */
};

struct config_key {
	const char *name;
	enum config_type type;
	size_t offset;               /* in the caller's struct */
	size_t size;                 /* of a TEXT or LIST member */
	uint64_t min, max;           /* NUMBER, SIZE, DURATION; max 0 = no limit */
	const char *const *words;
};

enum { CONFIG_ERROR_SIZE = 512 };

/* Reads path, then path.d slash *.conf in byte order when that folder is
 * there.  settings is a copy holding the defaults; on success it is changed
 * and 0 returned; on failure it is untouched, error says "file:line: what:
 * what to do".  A missing file is ITM_ENOENT.  keys ends with a NULL name. */
int config_read(const char *path, const struct config_key *keys, void *settings,
		size_t settings_size, char error[CONFIG_ERROR_SIZE]);

/* The same for text in memory (tests, fuzzing); name is shown in errors. */
int config_parse(const char *name, const char *text, size_t len, const struct config_key *keys,
		 void *settings, size_t settings_size, char error[CONFIG_ERROR_SIZE]);

#endif
