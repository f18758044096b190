#include "cli/nsswitch.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"

static const char name[] = "itm";
static const char blanks[] = " \t\r";

/* What follows "passwd:", or NULL.  glibc takes the last such line. */
static const char *sources(const char *text)
{
	const char *found = NULL;
	for (const char *line = text; *line != '\0'; ) {
		const char *at = line + strspn(line, blanks);
		if (strncmp(at, "passwd", 6) == 0) {
			at += 6 + strspn(at + 6, blanks);
			if (*at == ':')
				found = at + 1;
		}
		line += strcspn(line, "\n");
		line += *line == '\n';
	}
	return found;
}

/* The next source of a line; what stands in [brackets] says what to do after
 * one, and is none. */
static const char *next_source(const char *at, size_t *len)
{
	for (;;) {
		at += strspn(at, blanks);
		if (*at == '[') {
			at += strcspn(at, "]\n");
			at += *at == ']';
			continue;
		}
		*len = strcspn(at, " \t\r\n#[");
		return *len > 0 ? at : NULL;
	}
}

static bool is_ours(const char *at, size_t len)
{
	return len == sizeof name - 1 && memcmp(at, name, len) == 0;
}

int nsswitch_position(const char *text)
{
	const char *at = sources(text);
	size_t len = 0;
	if (at == NULL)
		return NSSWITCH_NO_LINE;
	for (int i = 0; (at = next_source(at, &len)) != NULL; i++, at += len)
		if (is_ours(at, len))
			return i;
	return NSSWITCH_ABSENT;
}

void nsswitch_first(const char *text, char *out, size_t size)
{
	const char *at = sources(text);
	size_t len = 0;
	if (at != NULL)
		at = next_source(at, &len);
	snprintf(out, size, "%.*s", at != NULL ? (int)len : 0, at != NULL ? at : "");
}

int nsswitch_add(const char *text, struct buffer *out)
{
	const char *line = sources(text), *at;
	size_t len = 0;
	if (line == NULL)
		return ITM_ENOENT;
	at = next_source(line, &len);
	if (at == NULL)
		at = line + strspn(line, blanks);
	int r = buffer_put(out, text, (size_t)(at - text));
	if (r == 0 && at[-1] == ':')
		r = buffer_put_u8(out, ' ');
	if (r == 0)
		r = buffer_put_text(out, name);
	if (r == 0 && len > 0)
		r = buffer_put_u8(out, ' ');
	return r == 0 ? buffer_put_text(out, at) : r;
}

int nsswitch_remove(const char *text, struct buffer *out)
{
	const char *at = sources(text), *from = text;
	size_t len = 0;
	int r = 0;
	if (at == NULL)
		return ITM_ENOENT;
	for (; r == 0 && (at = next_source(at, &len)) != NULL; at += len) {
		if (!is_ours(at, len))
			continue;
		r = buffer_put(out, from, (size_t)(at - from));
		from = at + len;
		/* What "itm" was told to do goes with it, and the blank after it. */
		const char *action = from + strspn(from, blanks);
		if (*action == '[' && strcspn(action, "]") < strcspn(action, "\n"))
			from = action + strcspn(action, "]") + 1;
		from += strspn(from, blanks);
	}
	return r == 0 ? buffer_put_text(out, from) : r;
}
