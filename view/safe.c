/* States and names follow ECMA-48 and Paul Williams' parser of DEC terminals
 * (vt100.net/emu/dec_ansi_parser).  Departures: 8-bit controls are taken only
 * as UTF-8 (U+0080..U+009F) and always dropped; ESC inside a sequence begins a
 * new one, also inside strings. */
#include "view/safe.h"

#include <string.h>

enum {
	GROUND,
	CHARACTER,   /* inside a UTF-8 character */
	ESCAPE,      /* after ESC and its intermediates */
	CONTROL,     /* after CSI */
	STRING,      /* OSC, DCS, APC, PM, SOS: up to ST or BEL, dropped */
	STRING_END,  /* ESC inside a string */
};

/* U+FFFD */
static const uint8_t replacement[3] = { 0xef, 0xbf, 0xbd };

static bool in_set(uint8_t c, const char *set)
{
	return c != 0 && strchr(set, c) != NULL;
}

/* How many bytes the character that begins with c has; 0 = c begins none. */
static size_t character_len(uint8_t c)
{
	if (c >= 0xc2 && c <= 0xdf)
		return 2;
	if (c >= 0xe0 && c <= 0xef)
		return 3;
	if (c >= 0xf0 && c <= 0xf4)
		return 4;
	return 0;
}

/* Can c stand at place held_len (1..3)?  Overlong forms, surrogates and what
 * is over U+10FFFF are refused by the second byte (RFC 3629 section 4). */
static bool continues(const struct safe *s, uint8_t c)
{
	uint8_t low = 0x80, high = 0xbf;

	if (s->held_len == 1) {
		switch (s->held[0]) {
		case 0xe0: low = 0xa0; break;
		case 0xed: high = 0x9f; break;
		case 0xf0: low = 0x90; break;
		case 0xf4: high = 0x8f; break;
		default: break;
		}
	}
	return c >= low && c <= high;
}

/* Private modes that only change how the picture is drawn: DECCKM (1) is in
 * for programs that redraw by it; mouse, focus, paste and the like are not. */
static bool mode_allowed(const struct safe *s)
{
	static const char *const modes[] = {
		"1", "5", "6", "7", "12", "25", "45", "47", "1047", "1048", "1049", "2026",
	};
	const char *p = (const char *)s->held + 3, *end = (const char *)s->held + s->held_len - 1;
	size_t i, len;

	while (p < end) {
		len = 0;
		while (p + len < end && p[len] != ';')
			len++;
		for (i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
			if (strlen(modes[i]) == len && memcmp(modes[i], p, len) == 0)
				break;
		if (i == sizeof(modes) / sizeof(modes[0]))
			return false;
		p += len + 1;
	}
	return true;
}

/* held is ESC [ ... final. */
static bool control_allowed(const struct safe *s)
{
	uint8_t final = s->held[s->held_len - 1], first = s->held[2];
	uint8_t before = s->held[s->held_len - 2];

	if (first >= '<' && first <= '?')
		return first == '?' && in_set(final, "hlJK") && before >= '0' &&
		       (in_set(final, "JK") || mode_allowed(s));
	if (before >= 0x20 && before <= 0x2f)
		return (before == ' ' && final == 'q') || (before == '!' && final == 'p');
	return in_set(final, "@ABCDEFGHIJKLMPSTXZ`abdefgmrsu") ||
	       /* insert mode and new-line mode */
	       (in_set(final, "hl") && s->held_len == 4 && in_set(first, "4"));
}

/* held is ESC intermediates final. */
static bool escape_allowed(const struct safe *s)
{
	uint8_t final = s->held[s->held_len - 1];

	if (s->held_len == 2)
		return in_set(final, "78=>DEHMNOc");
	return s->held_len == 3 &&
	       ((s->held[1] == '#' && in_set(final, "34568")) ||
		(in_set(s->held[1], "()*+") && in_set(final, "0AB12")));
}

static int release(struct safe *s, bool allowed, struct buffer *out)
{
	int r = allowed && !s->too_long ? buffer_put(out, s->held, s->held_len) : 0;

	s->held_len = 0;
	s->too_long = false;
	s->state = GROUND;
	return r;
}

static void hold(struct safe *s, uint8_t c)
{
	if (s->held_len < sizeof(s->held))
		s->held[s->held_len++] = c;
	else
		s->too_long = true;
}

static void begin(struct safe *s, uint8_t state, uint8_t c)
{
	s->state = state;
	s->held_len = 0;
	s->too_long = false;
	hold(s, c);
}

static int ground(struct safe *s, uint8_t c, struct buffer *out)
{
	if (c == 0x1b) {
		begin(s, ESCAPE, c);
		return 0;
	}
	if (c >= 0x80) {
		if (character_len(c) == 0)
			return buffer_put(out, replacement, sizeof(replacement));
		begin(s, CHARACTER, c);
		return 0;
	}
	/* BS HT LF VT FF CR SO SI; ENQ would make a terminal answer, BEL is noise. */
	if (c >= 0x20 ? c != 0x7f : c >= 0x08 && c <= 0x0f)
		return buffer_put_u8(out, c);
	return 0;
}

static int character(struct safe *s, uint8_t c, struct buffer *out)
{
	int r;

	if (!continues(s, c)) {
		s->state = GROUND;
		s->held_len = 0;
		r = buffer_put(out, replacement, sizeof(replacement));
		return r != 0 ? r : ground(s, c, out);
	}
	hold(s, c);
	if (s->held_len < character_len(s->held[0]))
		return 0;
	return release(s, !(s->held[0] == 0xc2 && s->held[1] < 0xa0), out);
}

static int escape(struct safe *s, uint8_t c, struct buffer *out)
{
	if (s->held_len == 1 && c == '[') {
		hold(s, c);
		s->state = CONTROL;
	} else if (s->held_len == 1 && in_set(c, "]PX^_")) {
		begin(s, STRING, c);
	} else if (c >= 0x20 && c <= 0x2f) {
		hold(s, c);
	} else if (c >= 0x30 && c <= 0x7e) {
		hold(s, c);
		return release(s, escape_allowed(s), out);
	} else {
		release(s, false, out);
		return ground(s, c, out);
	}
	return 0;
}

static int control(struct safe *s, uint8_t c, struct buffer *out)
{
	if (c >= 0x20 && c <= 0x3f) {
		hold(s, c);
		return 0;
	}
	if (c >= 0x40 && c <= 0x7e) {
		hold(s, c);
		return release(s, control_allowed(s), out);
	}
	/* C0 inside a sequence acts at once and the sequence goes on, as in a
	 * terminal; CAN and SUB end it. */
	if (c < 0x20 && c != 0x1b && c != 0x18 && c != 0x1a)
		return c >= 0x08 && c <= 0x0d ? buffer_put_u8(out, c) : 0;
	release(s, false, out);
	return ground(s, c, out);
}

static int string(struct safe *s, uint8_t c, struct buffer *out)
{
	if (s->state == STRING_END) {
		if (c == '\\')
			return release(s, false, out);
		begin(s, ESCAPE, 0x1b);
		return escape(s, c, out);
	}
	if (c == 0x1b)
		s->state = STRING_END;
	else if (c == 0x07 || c == 0x18 || c == 0x1a)
		return release(s, false, out);
	return 0;
}

int safe_put(struct safe *s, const void *data, size_t len, struct buffer *out)
{
	const uint8_t *p = data;
	size_t i;
	int r = 0;

	for (i = 0; i < len && r == 0; i++) {
		switch (s->state) {
		case GROUND: r = ground(s, p[i], out); break;
		case CHARACTER: r = character(s, p[i], out); break;
		case ESCAPE: r = escape(s, p[i], out); break;
		case CONTROL: r = control(s, p[i], out); break;
		default: r = string(s, p[i], out); break;
		}
	}
	return r;
}
