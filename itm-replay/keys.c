/* Sequences are those of xterm, rxvt and the Linux console (console_codes(4),
 * terminfo kcub1 kcuf1 kpp knp khome kend). */
#include "itm-replay/keys.h"

#include <string.h>

static const struct { const char *sequence; int key; } table[] = {
	{ "[A", KEYS_UP }, { "[B", KEYS_DOWN }, { "[C", KEYS_RIGHT }, { "[D", KEYS_LEFT },
	{ "OA", KEYS_UP }, { "OB", KEYS_DOWN }, { "OC", KEYS_RIGHT }, { "OD", KEYS_LEFT },
	{ "[5~", KEYS_PAGE_UP }, { "[6~", KEYS_PAGE_DOWN },
	{ "[H", KEYS_HOME }, { "[F", KEYS_END }, { "OH", KEYS_HOME }, { "OF", KEYS_END },
	{ "[1~", KEYS_HOME }, { "[4~", KEYS_END }, { "[7~", KEYS_HOME }, { "[8~", KEYS_END },
};

static int plain(uint8_t byte)
{
	switch (byte) {
	case '\r':
	case '\n': return KEYS_ENTER;
	case 0x7f:
	case 0x08: return KEYS_ERASE;
	case 0x03: return KEYS_INTERRUPT;
	case 0x0c: return KEYS_REDRAW;
	case 0x1a: return KEYS_SUSPEND;
	default: return byte >= 0x20 ? byte : KEYS_NONE;
	}
}

/* held is a whole sequence without its ESC. */
static int look_up(const struct keys *k)
{
	size_t i;

	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (strlen(table[i].sequence) == k->held_len - 1 &&
		    memcmp(table[i].sequence, k->held + 1, k->held_len - 1) == 0)
			return table[i].key;
	return KEYS_NONE;
}

int keys_byte(struct keys *k, uint8_t byte)
{
	int key;

	if (k->held_len == 0 && byte != 0x1b)
		return plain(byte);
	if (byte == 0x1b) {
		key = k->held_len > 0 ? KEYS_ESCAPE : KEYS_NONE;
		k->held[0] = byte;
		k->held_len = 1;
		return key;
	}
	if (k->held_len < sizeof(k->held))
		k->held[k->held_len++] = byte;
	/* ESC x; ESC O x; ESC [ parameters final */
	if (k->held_len == 2 && (byte == '[' || byte == 'O'))
		return KEYS_NONE;
	if (k->held_len > 2 && k->held[1] == '[' && (byte < 0x40 || byte > 0x7e))
		return KEYS_NONE;
	key = look_up(k);
	k->held_len = 0;
	return key;
}

int keys_timeout(struct keys *k)
{
	int key = k->held_len == 1 ? KEYS_ESCAPE : KEYS_NONE;

	k->held_len = 0;
	return key;
}
