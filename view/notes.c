#include "view/notes.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "format/meta.h"
#include "store/hostnote.h"
#include "terminal/text.h"

enum { SHORT_ID = 12, WORDS_MAX = 2048 };

void notes_words(const struct index_event *e, char *out, size_t size)
{
	/* What a person wants to know, in this order. */
	static const char *const keys[] = { "reason", "service", "rhost", "tty", "shells", "seconds", "count",
					    "accounts", "pid",
					    "part", "path", "by" };
	char value[256];
	size_t used = 0;
	int n;

	out[0] = '\0';
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		if (meta_get(e->text, e->text_len, keys[i], 0, value, sizeof(value)) <= 0)
			continue;
		n = snprintf(out + used, size - used, "%s%s%s%s", used > 0 ? ", " : "", i > 0 ? keys[i] : "",
			     i > 0 ? " " : "", value);
		if (n < 0 || (size_t)n >= size - used)
			return;
		used += (size_t)n;
	}
	if (!id_is_zero(&e->about)) {
		char id[ID_TEXT_SIZE];
		id_format(&e->about, id);
		snprintf(out + used, size - used, "%ssession %.*s", used > 0 ? ", " : "", SHORT_ID, id);
	}
}

/* Whether the line at `at` is the first of its key: a key said twice (argv) is
 * one array. */
static bool is_first(const struct index_event *e, size_t at, const char *key, size_t key_len)
{
	size_t pos = 0;

	while (pos < at) {
		const char *end = memchr(e->text + pos, '\n', e->text_len - pos);
		if (e->text_len - pos > key_len && memcmp(e->text + pos, key, key_len) == 0 &&
		    e->text[pos + key_len] == '=')
			return false;
		if (end == NULL)
			break;
		pos = (size_t)(end - e->text) + 1;
	}
	return true;
}

static void put_values(struct json *j, const struct index_event *e, const char *key)
{
	static char value[META_MAX];
	bool many = meta_get(e->text, e->text_len, key, 1, value, sizeof(value)) != ITM_ENOENT;
	int len;

	json_key(j, key);
	if (many)
		json_array(j);
	for (size_t n = 0; n == 0 || many; n++) {
		len = meta_get(e->text, e->text_len, key, n, value, sizeof(value));
		if (len == ITM_ENOENT)
			break;
		json_bytes(j, value, len > 0 ? (size_t)len : 0);
	}
	if (many)
		json_array_end(j);
}

void notes_json(struct json *j, const struct index_event *e)
{
	char key[64];
	size_t pos = 0;

	json_object(j);
	while (pos < e->text_len) {
		const char *line = e->text + pos;
		const char *end = memchr(line, '\n', e->text_len - pos);
		size_t len = end != NULL ? (size_t)(end - line) : e->text_len - pos;
		const char *equals = memchr(line, '=', len);
		size_t key_len = equals != NULL ? (size_t)(equals - line) : 0;
		if (key_len > 0 && key_len < sizeof(key) && is_first(e, pos, line, key_len)) {
			memcpy(key, line, key_len);
			key[key_len] = '\0';
			put_values(j, e, key);
		}
		pos += len + 1;
	}
	json_object_end(j);
}

int notes_line(const struct record_event *note, int64_t wall_ns, struct buffer *out)
{
	struct index_event e = { 0 };
	char words[WORDS_MAX];
	int r = hostnote_read(note, wall_ns, &e);

	if (r != 0)
		return r;
	notes_words(&e, words, sizeof(words));
	r = buffer_put_text(out, e.kind);
	if (r == 0 && e.user[0] != '\0')
		r = buffer_printf(out, " %s", e.user);
	if (r == 0 && words[0] != '\0')
		r = buffer_put_text(out, ": ");
	return r == 0 ? text_escape(out, words, strlen(words)) : r;
}
