#include "format/meta.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"

static int must_escape(uint8_t c)
{
	return c < 0x20 || c == 0x7f || c == '\\';
}

int meta_put_bytes(struct buffer *b, const char *key, const void *value, size_t len)
{
	const uint8_t *p = value;
	size_t before = b->len;
	int r = buffer_put_text(b, key);
	if (r == 0)
		r = buffer_put_u8(b, '=');
	for (size_t i = 0; r == 0 && i < len; i++)
		r = must_escape(p[i]) ? buffer_printf(b, "\\x%02x", p[i]) : buffer_put_u8(b, p[i]);
	if (r == 0)
		r = buffer_put_u8(b, '\n');
	if (r != 0)
		b->len = before;
	return r;
}

int meta_put(struct buffer *b, const char *key, const char *value)
{
	return meta_put_bytes(b, key, value, strlen(value));
}

int meta_put_number(struct buffer *b, const char *key, unsigned long long value)
{
	char text[32];
	snprintf(text, sizeof text, "%llu", value);
	return meta_put(b, key, text);
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

static int unescape(const char *p, size_t len, char *out, size_t out_size)
{
	size_t n = 0;
	for (size_t i = 0; i < len; i++) {
		char c = p[i];
		if (c == '\\') {
			if (len - i < 4 || p[i + 1] != 'x' || hex_value(p[i + 2]) < 0 || hex_value(p[i + 3]) < 0)
				return ITM_EFORMAT;
			c = (char)(hex_value(p[i + 2]) << 4 | hex_value(p[i + 3]));
			i += 3;
		}
		if (n + 1 >= out_size) {
			out[0] = '\0';
			return ITM_ELIMIT;
		}
		out[n++] = c;
	}
	out[n] = '\0';
	return (int)n;
}

int meta_get(const char *text, size_t len, const char *key, size_t n, char *out, size_t out_size)
{
	size_t key_len = strlen(key);
	out[0] = '\0';
	while (len > 0) {
		const char *end = memchr(text, '\n', len);
		size_t line = end ? (size_t)(end - text) : len;
		if (line > key_len && memcmp(text, key, key_len) == 0 && text[key_len] == '=' && n-- == 0)
			return unescape(text + key_len + 1, line - key_len - 1, out, out_size);
		size_t step = line + (end != NULL);
		text += step;
		len -= step;
	}
	return ITM_ENOENT;
}
