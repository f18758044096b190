#include "view/table.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/error.h"
#include "terminal/text.h"
#include "terminal/utf8.h"
#include "terminal/width.h"

enum { CELL_MAX = 16384, COLUMNS_MAX = 16, GAP = 2 };

struct table {
	const struct table_column *columns;
	size_t count;
	char **cells;         /* rows * count, escaped */
	size_t used, size;    /* cells */
};

struct table *table_new(const struct table_column *columns, size_t count)
{
	struct table *t = count <= COLUMNS_MAX ? calloc(1, sizeof(*t)) : NULL;

	if (t != NULL) {
		t->columns = columns;
		t->count = count;
	}
	return t;
}

void table_free(struct table *t)
{
	size_t i;

	if (t == NULL)
		return;
	for (i = 0; i < t->used; i++)
		free(t->cells[i]);
	free(t->cells);
	free(t);
}

static char *escaped(const char *cell)
{
	struct buffer b;
	const char *text;
	char *copy = NULL;

	buffer_init(&b, CELL_MAX * 16);
	if (cell == NULL || text_escape(&b, cell, strnlen(cell, CELL_MAX)) == 0) {
		text = buffer_text(&b);
		copy = text ? strdup(text) : NULL;
	}
	buffer_free(&b);
	return copy;
}

int table_add(struct table *t, const char *const *cells)
{
	char **grown;
	size_t i, size;

	if (t->used + t->count > t->size) {
		size = t->size ? t->size * 2 : 64 * t->count;
		grown = realloc(t->cells, size * sizeof(*grown));
		if (grown == NULL)
			return ITM_ENOMEM;
		t->cells = grown;
		t->size = size;
	}
	for (i = 0; i < t->count; i++) {
		t->cells[t->used + i] = escaped(cells[i]);
		if (t->cells[t->used + i] == NULL) {
			while (i > 0)
				free(t->cells[t->used + --i]);
			return ITM_ENOMEM;
		}
	}
	t->used += t->count;
	return 0;
}

/* Bytes of text that fit into columns; *used = the columns they take. */
static size_t fit(const char *text, unsigned columns, unsigned *used)
{
	const uint8_t *p = (const uint8_t *)text;
	size_t len = strlen(text), i = 0;
	uint32_t rune;
	unsigned n;
	int width;

	for (*used = 0; i < len; i += n) {
		n = utf8_decode(p + i, len - i, &rune);
		width = n > 0 ? width_of(rune) : -1;
		if (width < 0 || *used + (unsigned)width > columns)
			break;
		*used += (unsigned)width;
	}
	return i;
}

static unsigned natural_width(const struct table *t, size_t column)
{
	unsigned most = 0, used;
	size_t i;

	for (i = column; i < t->used; i += t->count) {
		fit(t->cells[i], t->columns[column].most, &used);
		if (used > most)
			most = used;
	}
	/* A column without content is left out. */
	fit(t->columns[column].title, t->columns[column].most, &used);
	return most == 0 ? 0 : most > used ? most : used;
}

/* Take columns back, from those that yield first, until all fit. */
static void shrink(const struct table *t, unsigned *widths, unsigned width)
{
	unsigned total, i, level, over, give;

	for (level = 9; level > 0; level--) {
		for (i = 0; i < t->count; i++) {
			if (t->columns[i].yields != level - 1)
				continue;
			total = 0;
			for (unsigned k = 0; k < t->count; k++)
				total += widths[k] ? widths[k] + GAP : 0;
			over = total > width + GAP ? total - width - GAP : 0;
			give = widths[i] > t->columns[i].least ? widths[i] - t->columns[i].least : 0;
			widths[i] -= over < give ? over : give;
			/* Too narrow to say anything. */
			if (t->columns[i].least == 0 && widths[i] < 4)
				widths[i] = 0;
		}
	}
}

/* The last column that is shown gets no padding. */
static void print_row(const struct table *t, const unsigned *widths, const char *const *cells, FILE *out)
{
	unsigned used, gap = 0;
	size_t i, len;
	bool cut;

	for (i = 0; i < t->count; i++) {
		if (widths[i] == 0)
			continue;
		fprintf(out, "%*s", (int)gap, "");
		len = fit(cells[i], widths[i], &used);
		cut = cells[i][len] != '\0';
		/* An id's beginning is a name of its own; everything else says that it was cut. */
		if (cut && i > 0)
			len = fit(cells[i], widths[i] - 1, &used);
		fwrite(cells[i], 1, len, out);
		if (cut && i > 0) {
			putc('~', out);
			used++;
		}
		gap = widths[i] - used + GAP;
	}
	putc('\n', out);
}

void table_print(const struct table *t, unsigned width, FILE *out)
{
	const char *titles[COLUMNS_MAX];
	unsigned widths[COLUMNS_MAX];
	size_t i;

	for (i = 0; i < t->count; i++) {
		titles[i] = t->columns[i].title;
		widths[i] = natural_width(t, i);
	}
	if (width > 0)
		shrink(t, widths, width);
	print_row(t, widths, titles, out);
	for (i = 0; i < t->used; i += t->count)
		print_row(t, widths, (const char *const *)(t->cells + i), out);
}

unsigned table_terminal_width(void)
{
	struct winsize size;

	if (!isatty(STDOUT_FILENO))
		return 0;
	return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}
