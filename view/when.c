#include "view/when.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"

/* Longest offset taken: a thousand years in ms; keeps every sum in range. */
#define OFFSET_MAX (UINT64_C(1000) * 366 * 24 * 3600 * 1000)

struct scan {
	const char *p;
};

/* Digits as a number; false when there are none or too many. */
static bool scan_number(struct scan *s, uint64_t *out)
{
	uint64_t v = 0;

	if (!isdigit((unsigned char)*s->p))
		return false;
	for (; isdigit((unsigned char)*s->p); s->p++) {
		v = v * 10 + (uint64_t)(*s->p - '0');
		if (v > OFFSET_MAX)
			return false;
	}
	*out = v;
	return true;
}

/* ".5" after whole seconds, as ms; further digits are read and dropped. */
static uint64_t scan_fraction_ms(struct scan *s)
{
	uint64_t ms = 0, unit = 100;

	if (*s->p != '.')
		return 0;
	for (s->p++; isdigit((unsigned char)*s->p); s->p++) {
		ms += (uint64_t)(*s->p - '0') * unit;
		unit /= 10;
	}
	return ms;
}

/* "1h2m30s": units in falling order, each once. */
static int parse_units(const char *text, uint64_t *ms)
{
	static const struct { const char *name; uint64_t ms; } units[] = {
		{ "d", 86400000 }, { "h", 3600000 }, { "m", 60000 }, { "s", 1000 }, { "ms", 1 },
	};
	struct scan s = { text };
	size_t next = 0, letters, i;
	uint64_t v, fraction, sum = 0;

	while (*s.p != '\0') {
		if (!scan_number(&s, &v))
			return ITM_EFORMAT;
		fraction = scan_fraction_ms(&s);
		letters = strspn(s.p, "dhms");
		for (i = next; i < sizeof(units) / sizeof(units[0]); i++)
			if (strlen(units[i].name) == letters && memcmp(units[i].name, s.p, letters) == 0)
				break;
		if (i == sizeof(units) / sizeof(units[0]) || v > OFFSET_MAX / units[i].ms)
			return ITM_EFORMAT;
		sum += v * units[i].ms + fraction * units[i].ms / 1000;
		s.p += letters;
		next = i + 1;
	}
	if (sum > OFFSET_MAX || next == 0)
		return ITM_EFORMAT;
	*ms = sum;
	return 0;
}

/* "90.5", "1:30", "2:01:30" */
static int parse_colons(const char *text, uint64_t *ms)
{
	struct scan s = { text };
	uint64_t part, sum = 0;
	int parts;

	for (parts = 1; parts <= 3; parts++) {
		if (!scan_number(&s, &part) || (parts > 1 && part > 59))
			return ITM_EFORMAT;
		sum = sum * 60 + part;
		if (*s.p != ':')
			break;
		s.p++;
	}
	if (parts > 3 || sum > OFFSET_MAX / 1000)
		return ITM_EFORMAT;
	sum = sum * 1000 + scan_fraction_ms(&s);
	if (*s.p != '\0')
		return ITM_EFORMAT;
	*ms = sum;
	return 0;
}

int when_parse_offset(const char *text, uint64_t *ms)
{
	if (parse_colons(text, ms) == 0)
		return 0;
	return parse_units(text, ms);
}

int when_parse(const char *text, int64_t start_wall_ns, uint64_t *ms)
{
	int64_t wall_ns;

	if (when_parse_offset(text, ms) == 0)
		return 0;
	if (clock_parse(text, &wall_ns) != 0)
		return ITM_EFORMAT;
	*ms = wall_ns > start_wall_ns ? ((uint64_t)wall_ns - (uint64_t)start_wall_ns) / 1000000 : 0;
	return 0;
}

void when_format_offset(uint64_t ms, char out[WHEN_TEXT_SIZE])
{
	uint64_t s = ms / 1000;

	snprintf(out, WHEN_TEXT_SIZE, "%" PRIu64 ":%02u:%02u", s / 3600,
		 (unsigned)(s / 60 % 60), (unsigned)(s % 60));
}

void when_format_wall(int64_t wall_ns, char out[WHEN_TEXT_SIZE])
{
	char text[CLOCK_TEXT_SIZE];
	char *t;

	clock_format(wall_ns, text);
	t = strchr(text, 'T');
	if (t != NULL)
		*t = ' ';
	t = strpbrk(text, ".Z");
	if (t != NULL)
		*t = '\0';
	snprintf(out, WHEN_TEXT_SIZE, "%s", text);
}
