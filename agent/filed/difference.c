#include "agent/filed/difference.h"

#include <stdio.h>
#include <string.h>

void difference_find(const char *before, size_t before_len, const char *after, size_t after_len, struct difference *out)
{
	size_t same = 0, start = 0, line = 1, tail = 0, end = 0;

	while (same < before_len && same < after_len && before[same] == after[same]) {
		if (before[same++] == '\n') {
			start = same;
			line++;
		}
	}
	/* Equal texts differ nowhere, also without a line end at the last. */
	if (same == before_len && same == after_len)
		start = same;
	while (tail < before_len - start && tail < after_len - start &&
	       before[before_len - 1 - tail] == after[after_len - 1 - tail]) {
		tail++;
		/* What is equal counts from behind a line end. */
		size_t b = before_len - tail, a = after_len - tail;
		if ((b == start || before[b - 1] == '\n') && (a == start || after[a - 1] == '\n'))
			end = tail;
	}
	*out = (struct difference){ line, before + start, after + start, before_len - start - end, after_len - start - end };
}

/* The name of a line of passwd(5) whose uid is 0, whatever its zeros look like. */
static bool root_line(const char *line, size_t len, size_t *name_len)
{
	const char *end = line + len, *at = memchr(line, ':', len);

	*name_len = at != NULL ? (size_t)(at - line) : 0;
	at = at != NULL ? memchr(at + 1, ':', (size_t)(end - at - 1)) : NULL;
	const char *uid = at != NULL ? at + 1 : NULL;
	const char *stop = uid != NULL ? memchr(uid, ':', (size_t)(end - uid)) : NULL;
	if (stop == NULL || stop == uid || *name_len == 0 || line[0] == '#')
		return false;
	for (; uid < stop; uid++)
		if (strchr("0 +-", *uid) == NULL || *uid == '\0')
			return false;
	return true;
}

static bool has_root(const char *text, size_t len, const char *name, size_t name_len)
{
	while (len > 0) {
		const char *end = memchr(text, '\n', len);
		size_t line = end != NULL ? (size_t)(end - text) : len, n;
		if (root_line(text, line, &n) && n == name_len && memcmp(text, name, n) == 0)
			return true;
		text += end != NULL ? line + 1 : line;
		len -= end != NULL ? line + 1 : line;
	}
	return false;
}

bool difference_root(const char *before, size_t before_len, const char *after, size_t after_len, char *name, size_t size)
{
	while (after_len > 0) {
		const char *end = memchr(after, '\n', after_len);
		size_t line = end != NULL ? (size_t)(end - after) : after_len, n;
		if (root_line(after, line, &n) && !has_root(before, before_len, after, n)) {
			snprintf(name, size, "%.*s", (int)(n < 64 ? n : 64), after);
			return true;
		}
		after += end != NULL ? line + 1 : line;
		after_len -= end != NULL ? line + 1 : line;
	}
	return false;
}
