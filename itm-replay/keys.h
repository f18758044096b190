/* keys: bytes from the viewer's keyboard to what they ask for. */
#ifndef ITM_REPLAY_KEYS_H
#define ITM_REPLAY_KEYS_H

#include <stddef.h>
#include <stdint.h>

enum keys_code {
	/* 0x20..0x7e: that character */
	KEYS_NONE = 0,
	KEYS_ENTER = 0x100, KEYS_ESCAPE, KEYS_ERASE, KEYS_INTERRUPT, KEYS_REDRAW, KEYS_SUSPEND,
	KEYS_LEFT, KEYS_RIGHT, KEYS_UP, KEYS_DOWN, KEYS_PAGE_UP, KEYS_PAGE_DOWN, KEYS_HOME, KEYS_END,
};

/* Plain data: zeroed is the start. */
struct keys {
	uint8_t held[16];
	size_t held_len;
};

/* Next byte: a key, KEYS_NONE (part of one, or none of ours), or the code of
 * a character of the query (0x80..0xff: part of a UTF-8 character). */
int keys_byte(struct keys *k, uint8_t byte);
/* Nothing came for a while: a lone ESC is the Escape key. */
int keys_timeout(struct keys *k);

#endif
