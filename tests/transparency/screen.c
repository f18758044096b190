/* screen COLUMNS ROWS: what a terminal that was sent standard input shows:
 * its rows, the attributes of each, and the cursor.  Two programs that wrote
 * other bytes for the same picture are equal here. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/buffer.h"
#include "terminal/text.h"
#include "terminal/vt.h"

static bool same(const struct vt_cell *a, const struct vt_cell *b)
{
	return a->fg == b->fg && a->bg == b->bg && a->attributes == b->attributes;
}

static void put_row(const struct vt_cell *cells, unsigned columns)
{
	struct buffer text;
	unsigned from = 0;

	buffer_init(&text, 1 << 20);
	if (text_row(&text, cells, columns) == 0 && buffer_text(&text) != NULL)
		printf("%s\n", buffer_text(&text));
	buffer_free(&text);
	for (unsigned x = 1; x <= columns; x++) {
		if (x < columns && same(&cells[x], &cells[from]))
			continue;
		if (x - from < columns || cells[from].fg != 0 || cells[from].bg != 0 || cells[from].attributes != 0)
			printf("  {%u-%u fg=%" PRIx32 " bg=%" PRIx32 " at=%x}", from, x, cells[from].fg, cells[from].bg,
			       cells[from].attributes);
		from = x;
	}
	printf("\n");
}

int main(int argc, char **argv)
{
	unsigned x = 0, y = 0;
	bool visible = false;
	char data[65536];
	ssize_t n;

	if (argc != 3)
		return 64;
	struct vt *vt = vt_new((unsigned)strtoul(argv[1], NULL, 10), (unsigned)strtoul(argv[2], NULL, 10));
	if (vt == NULL)
		return 71;
	while ((n = read(STDIN_FILENO, data, sizeof data)) > 0)
		vt_feed(vt, data, (size_t)n);
	for (unsigned row = 0; row < vt_rows(vt); row++)
		put_row(vt_row(vt, row), vt_columns(vt));
	vt_cursor(vt, &x, &y, &visible);
	printf("cursor %u,%u %s\n", x, y, visible ? "shown" : "hidden");
	vt_free(vt);
	return 0;
}
