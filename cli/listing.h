/* listing: rows that come from the index where there is one, else from the
 * host's spool, as a table or as one JSON array. */
#ifndef ITM_CLI_LISTING_H
#define ITM_CLI_LISTING_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "view/catalog.h"
#include "view/places.h"
#include "view/table.h"

struct listing {
	const char *program, *nothing; /* "itm sessions"; what is said when no row came */
	bool as_json;
	const void *filter;            /* the two below know its type */
	/* Hand each row to the listing's owner. 0 or ITM_E*. */
	int (*from_index)(struct listing *l, struct index *index);
	int (*from_spool)(struct listing *l, const char *dir, const struct catalog *c);
	struct table *table;           /* rows go here, or as JSON to text */
	struct buffer text;
	uint64_t count;
};

/* A row begins; as JSON: with the comma it needs. */
void listing_row(struct listing *l);
/* What is in text is printed. */
void listing_print(struct listing *l);
/* Everything.  The exit status. */
int listing_run(struct listing *l, const struct places *places, const struct table_column *columns, size_t count);
/* The value of --after or --before; NULL leaves *wall_ns as it is.  0, or
 * ITM_EFORMAT and it was said. */
int listing_time(const struct listing *l, const char *option, const char *text, int64_t *wall_ns);

#endif
