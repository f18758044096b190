#include "view/foreign.h"

#include <string.h>

#include "terminal/vt.h"

enum { PIECE = 32 * 1024 }; /* bytes of one event: fits into a frame */

static const struct foreign *const formats[] = {
	&foreign_cast, &foreign_ttyrec, &foreign_script, &foreign_tlog, &foreign_sudo,
};

const struct foreign *foreign_find(const char *name)
{
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++)
		if (strcmp(formats[i]->name, name) == 0)
			return formats[i];
	return NULL;
}

static bool begins(const uint8_t *data, size_t len, const char *word)
{
	return len >= strlen(word) && memcmp(data, word, strlen(word)) == 0;
}

const struct foreign *foreign_guess(const void *data, size_t len)
{
	const uint8_t *p = data, *line = len > 0 ? memchr(p, '\n', len) : NULL;
	size_t first = line != NULL ? (size_t)(line - p) : len;

	if (begins(p, len, "Script started on "))
		return &foreign_script;
	if (begins(p, len, "{") && memmem(p, first, "\"ver\"", 5) != NULL)
		return &foreign_tlog;
	if (begins(p, len, "{") && memmem(p, first, "\"version\"", 9) != NULL)
		return &foreign_cast;
	/* Microseconds below a million are in 20 bits: the upper byte is zero. */
	if (len >= 12 && p[7] == 0 && p[6] < 0x10 && p[11] == 0)
		return &foreign_ttyrec;
	return NULL;
}

int foreign_bytes(const struct foreign_taker *to, const struct foreign_clock *c, enum record_kind kind, const void *data,
		  size_t len)
{
	const uint8_t *p = data;
	int r = 0;

	while (len > 0 && r == 0) {
		size_t n = len < PIECE ? len : PIECE;
		struct record_event e = { .time_ms = c->time_ms, .kind = kind, .code = n, .data = p, .len = n };

		r = to->event(to->context, &e);
		p += n;
		len -= n;
	}
	return r;
}

int foreign_number(const struct foreign_taker *to, const struct foreign_clock *c, enum record_kind kind, uint64_t code)
{
	struct record_event e = { .time_ms = c->time_ms, .kind = kind, .code = code };

	return to->event(to->context, &e);
}

/* Stream 0 is the keyboard. */
int foreign_typed(const struct foreign_taker *to, const struct foreign_clock *c, uint64_t len)
{
	return len > 0 ? foreign_number(to, c, RECORD_COUNTED, len << 2) : 0;
}

static bool size_allowed(uint64_t columns, uint64_t rows)
{
	return columns > 0 && columns <= VT_COLUMNS_MAX && rows > 0 && rows <= VT_ROWS_MAX;
}

int foreign_resize(const struct foreign_taker *to, const struct foreign_clock *c, uint64_t columns, uint64_t rows)
{
	return size_allowed(columns, rows) ? foreign_number(to, c, RECORD_RESIZE, columns << 16 | rows) : 0;
}

void foreign_head_size(struct foreign_head *head, uint64_t columns, uint64_t rows)
{
	if (!size_allowed(columns, rows))
		return;
	head->columns = (unsigned)columns;
	head->rows = (unsigned)rows;
}

int64_t foreign_wall(int64_t us)
{
	/* The year 2100: nobody records later, and sums stay in 63 bits of ns. */
	return us > 0 && us < INT64_C(4102444800000000) ? us * 1000 : 0;
}

void foreign_text(char *out, size_t size, const void *data, size_t len)
{
	size_t n = len < size ? len : size - 1;

	if (n > 0)
		memcpy(out, data, n);
	out[n] = '\0';
}

bool foreign_decimal(const uint8_t **at, const uint8_t *end, uint64_t max, uint64_t *out)
{
	const uint8_t *p = *at;
	uint64_t v = 0;

	for (; p < end && *p >= '0' && *p <= '9'; p++) {
		unsigned d = (unsigned)(*p - '0');

		if (v > (max - d) / 10)
			return false;
		v = v * 10 + d;
	}
	if (p == *at)
		return false;
	*at = p;
	*out = v;
	return true;
}

bool foreign_seconds(const uint8_t **at, const uint8_t *end, uint64_t *ns)
{
	uint64_t whole, unit = 1000000000, part = 0;

	/* 136 years */
	if (!foreign_decimal(at, end, UINT32_MAX, &whole))
		return false;
	if (*at < end && **at == '.')
		for (++*at; *at < end && **at >= '0' && **at <= '9'; ++*at) {
			unit /= 10;
			part += unit * (uint64_t)(**at - '0');
		}
	*ns = whole * 1000000000 + part;
	return true;
}
