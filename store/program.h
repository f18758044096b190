/* program: what a host's process monitor saw run in a session, as one line of
 * text in the index: the session's id, the length of the path, the path, and
 * the arguments (beginning with the program's own name), a blank between. */
#ifndef ITM_STORE_PROGRAM_H
#define ITM_STORE_PROGRAM_H

#include <stddef.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/id.h"

/* Appends the line of a RECORD_ACTIVITY event.  0; ITM_ENOENT: no program
 * that began in a session; ITM_ENOMEM, ITM_ELIMIT. */
int program_put(struct buffer *out, const void *data, size_t len);

struct program {
	struct id session;
	const char *text;                /* path, blank, arguments; borrowed from the line */
	size_t len, path_len;
};
/* 0 or ITM_EFORMAT. */
int program_read(const char *line, size_t len, struct program *out);

#endif
