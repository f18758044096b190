#include "itm-replay/typed.h"

#include <string.h>

void typed_clear(struct typed *t)
{
	explicit_bzero(t, sizeof *t);
}

void typed_add(struct typed *t, const uint8_t *data, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (t->ended)
			typed_clear(t);
		if (data[i] == '\r' || data[i] == '\n') {
			t->ended = true;
			continue;
		}
		if (data[i] == '\0')
			continue;
		if (t->len == TYPED_SIZE - 1)
			memmove(t->text, t->text + 1, --t->len);
		t->text[t->len++] = (char)data[i];
		t->text[t->len] = '\0';
	}
}
