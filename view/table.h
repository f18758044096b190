/* table: rows of text in columns that fit the terminal; every cell is escaped. */
#ifndef ITM_VIEW_TABLE_H
#define ITM_VIEW_TABLE_H

#include <stddef.h>
#include <stdio.h>

struct table_column {
	const char *title;
	unsigned least;      /* columns it keeps when room is short; 0 = may go */
	unsigned most;       /* longer cells are cut, with "~" */
	unsigned yields;     /* when room is short: highest gives first; 0 = last of all */
};

struct table;
/* columns stay the caller's and must outlive the table.  Owned. */
struct table *table_new(const struct table_column *columns, size_t count);
void table_free(struct table *t);
/* Copies count cells (NULL = empty).  0 or ITM_ENOMEM. */
int table_add(struct table *t, const char *const *cells);
/* width 0: no limit. */
void table_print(const struct table *t, unsigned width, FILE *out);
/* Of standard output; 0 when it is no terminal. */
unsigned table_terminal_width(void);

#endif
