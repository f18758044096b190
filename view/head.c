#include "view/head.h"

#include <string.h>

#include "format/meta.h"
#include "terminal/vt.h"

void head_init(struct head *h)
{
	*h = (struct head){ .columns = 80, .rows = 24 };
}

/* What does not fit or is broken is shown as empty. */
static void read_text(const char *text, size_t len, const char *key, char *out, size_t size)
{
	if (meta_get(text, len, key, 0, out, size) < 0)
		out[0] = '\0';
}

static void read_size(const char *text, size_t len, const char *key, unsigned max, unsigned *out)
{
	char value[16];
	unsigned v = 0;
	const char *p = value;

	if (meta_get(text, len, key, 0, value, sizeof(value)) <= 0)
		return;
	for (; *p >= '0' && *p <= '9' && v <= max; p++)
		v = v * 10 + (unsigned)(*p - '0');
	if (*p == '\0' && v > 0 && v <= max)
		*out = v;
}

void head_read(struct head *h, const void *data, size_t len)
{
	const char *text = data;

	read_text(text, len, "user", h->user, sizeof(h->user));
	read_text(text, len, "hostname", h->hostname, sizeof(h->hostname));
	read_text(text, len, "service", h->service, sizeof(h->service));
	read_text(text, len, "term", h->term, sizeof(h->term));
	read_text(text, len, "shell", h->shell, sizeof(h->shell));
	read_text(text, len, "mode", h->mode, sizeof(h->mode));
	read_size(text, len, "columns", VT_COLUMNS_MAX, &h->columns);
	read_size(text, len, "rows", VT_ROWS_MAX, &h->rows);
	h->pipe = strcmp(h->mode, "pipe") == 0;
}
