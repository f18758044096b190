/* difference: which lines went and which came instead. */
#ifndef ITM_AGENT_FILED_DIFFERENCE_H
#define ITM_AGENT_FILED_DIFFERENCE_H

#include <stdbool.h>
#include <stddef.h>

struct difference {
	size_t line;                      /* of the first, from 1 */
	const char *before, *after;       /* borrowed from what was given */
	size_t before_len, after_len;     /* bytes */
};

/* All from the first line that differs to the last. */
void difference_find(const char *before, size_t before_len, const char *after, size_t after_len, struct difference *out);
/* Whether after, as passwd(5), has an account with uid 0 that before has not;
 * name: it, cut. */
bool difference_root(const char *before, size_t before_len, const char *after, size_t after_len, char *name, size_t size);

#endif
