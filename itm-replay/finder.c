#include "itm-replay/finder.h"

#include <stdio.h>
#include <string.h>

#include "view/row.h"

/* A screen of the largest size, each cell with a combining mark. */
enum { TEXT_MAX = VT_COLUMNS_MAX * VT_ROWS_MAX * 8, LINE_TEXT_MAX = 1 << 20 };

static char small(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

void finder_init(struct finder *f)
{
	*f = (struct finder){ 0 };
	buffer_init(&f->text, TEXT_MAX);
	buffer_init(&f->line, LINE_TEXT_MAX);
}

void finder_free(struct finder *f)
{
	buffer_free(&f->text);
	buffer_free(&f->line);
}

void finder_set(struct finder *f, const char *query)
{
	size_t i;

	snprintf(f->query, sizeof(f->query), "%s", query);
	for (i = 0; f->query[i] != '\0'; i++)
		f->query[i] = small(f->query[i]);
}

static uint64_t count_in(struct finder *f, struct buffer *text)
{
	size_t len = strlen(f->query), i;
	uint64_t n = 0;
	const uint8_t *p, *end;

	for (i = 0; i < text->len; i++)
		text->data[i] = (uint8_t)small((char)text->data[i]);
	p = text->data;
	end = p + text->len;
	while (len > 0 && p != NULL && (p = memmem(p, (size_t)(end - p), f->query, len)) != NULL) {
		n++;
		p += len;
	}
	return n;
}

void finder_line(struct finder *f, const struct vt_cell *cells, unsigned columns, bool wrapped)
{
	if (f->query[0] == '\0')
		return;
	/* A line too long for the buffer is searched in pieces. */
	if (row_put(&f->line, cells, columns, wrapped) == 0 && wrapped)
		return;
	f->scrolled += count_in(f, &f->line);
	buffer_clear(&f->line);
}

uint64_t finder_count(struct finder *f, const struct vt *v)
{
	unsigned y, rows = vt_rows(v), columns = vt_columns(v);
	bool wrapped;

	buffer_clear(&f->text);
	for (y = 0; y < rows; y++) {
		wrapped = vt_row_wrapped(v, y);
		if (row_put(&f->text, vt_row(v, y), columns, wrapped) != 0)
			break;
		if (!wrapped && buffer_put_u8(&f->text, '\n') != 0)
			break;
	}
	return f->scrolled + count_in(f, &f->text);
}
