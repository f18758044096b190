#include "view/row.h"

#include "terminal/text.h"

int row_put(struct buffer *b, const struct vt_cell *cells, unsigned columns, bool wrapped)
{
	unsigned blanks = 0;
	int r = text_row(b, cells, columns);

	while (wrapped && blanks < columns && cells[columns - 1 - blanks].width == 1 &&
	       (cells[columns - 1 - blanks].rune == 0 || cells[columns - 1 - blanks].rune == ' '))
		blanks++;
	for (; r == 0 && blanks > 0; blanks--)
		r = buffer_put_u8(b, ' ');
	return r;
}
