#include "base/json.h"

#include <stdio.h>
#include <string.h>

void json_init(struct json *j, struct buffer *out)
{
	*j = (struct json){ .out = out };
}

static void put(struct json *j, const char *s, size_t len)
{
	if (j->error == 0)
		j->error = buffer_put(j->out, s, len);
}

static void separate(struct json *j)
{
	if (j->comma)
		put(j, ",", 1);
	j->comma = true;
}

static void open_with(struct json *j, char c)
{
	separate(j);
	put(j, &c, 1);
	j->comma = false;
}

static void close_with(struct json *j, char c)
{
	put(j, &c, 1);
	j->comma = true;
}

void json_object(struct json *j) { open_with(j, '{'); }
void json_object_end(struct json *j) { close_with(j, '}'); }
void json_array(struct json *j) { open_with(j, '['); }
void json_array_end(struct json *j) { close_with(j, ']'); }

/* Length of the valid UTF-8 sequence at p (RFC 3629), or 0. */
static size_t utf8_len(const uint8_t *p, size_t left)
{
	size_t n;
	uint32_t v, least;
	if (p[0] < 0x80)
		return 1;
	if (p[0] >= 0xc2 && p[0] <= 0xdf) { n = 2; v = p[0] & 0x1f; least = 0x80; }
	else if (p[0] >= 0xe0 && p[0] <= 0xef) { n = 3; v = p[0] & 0x0f; least = 0x800; }
	else if (p[0] >= 0xf0 && p[0] <= 0xf4) { n = 4; v = p[0] & 0x07; least = 0x10000; }
	else return 0;
	if (n > left)
		return 0;
	for (size_t i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		v = v << 6 | (p[i] & 0x3f);
	}
	if (v < least || v > 0x10ffff || (v >= 0xd800 && v <= 0xdfff))
		return 0;
	return n;
}

static void put_string(struct json *j, const uint8_t *p, size_t len)
{
	put(j, "\"", 1);
	for (size_t i = 0; i < len; ) {
		size_t plain = i;
		while (plain < len && p[plain] >= 0x20 && p[plain] < 0x7f && p[plain] != '"' && p[plain] != '\\')
			plain++;
		if (plain > i) {
			put(j, (const char *)p + i, plain - i);
			i = plain;
			continue;
		}
		char escape[8];
		size_t n = utf8_len(p + i, len - i);
		if (n == 2 && p[i] == 0xc2 && p[i + 1] < 0xa0) {
			/* U+0080..U+009F: terminals obey them as they do ESC sequences. */
			snprintf(escape, sizeof escape, "\\u%04x", p[i + 1]);
			put(j, escape, 6);
		} else if (n > 1) {
			put(j, (const char *)p + i, n);
		} else if (n == 0) {
			put(j, "\xef\xbf\xbd", 3);
			n = 1;
		} else if (p[i] == '"' || p[i] == '\\') {
			escape[0] = '\\';
			escape[1] = (char)p[i];
			put(j, escape, 2);
		} else {
			snprintf(escape, sizeof escape, "\\u%04x", p[i]);
			put(j, escape, 6);
		}
		i += n;
	}
	put(j, "\"", 1);
}

void json_key(struct json *j, const char *name)
{
	separate(j);
	put_string(j, (const uint8_t *)name, strlen(name));
	put(j, ":", 1);
	j->comma = false;
}

void json_text(struct json *j, const char *s)
{
	if (s == NULL)
		json_null(j);
	else
		json_bytes(j, s, strlen(s));
}

void json_bytes(struct json *j, const void *data, size_t len)
{
	separate(j);
	put_string(j, data, len);
}

static void put_word(struct json *j, const char *word)
{
	separate(j);
	put(j, word, strlen(word));
}

void json_int(struct json *j, int64_t v)
{
	char text[32];
	snprintf(text, sizeof text, "%lld", (long long)v);
	put_word(j, text);
}

void json_uint(struct json *j, uint64_t v)
{
	char text[32];
	snprintf(text, sizeof text, "%llu", (unsigned long long)v);
	put_word(j, text);
}

void json_seconds(struct json *j, uint64_t us)
{
	char text[48];
	snprintf(text, sizeof text, "%llu.%06llu", (unsigned long long)(us / 1000000), (unsigned long long)(us % 1000000));
	put_word(j, text);
}

void json_bool(struct json *j, bool v)
{
	put_word(j, v ? "true" : "false");
}

void json_null(struct json *j)
{
	put_word(j, "null");
}

int json_result(const struct json *j)
{
	return j->error;
}
