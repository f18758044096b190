#include "base/base64.h"

#include <string.h>

#include "base/error.h"

static const char base64_digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

int base64_put(struct buffer *b, const void *data, size_t len)
{
	const uint8_t *p = data;
	int e = buffer_reserve(b, (len + 2) / 3 * 4);
	for (size_t i = 0; e == 0 && i < len; i += 3) {
		size_t n = len - i < 3 ? len - i : 3;
		uint32_t v = (uint32_t)p[i] << 16 | (n > 1 ? (uint32_t)p[i + 1] << 8 : 0) | (n > 2 ? p[i + 2] : 0);
		char out[4] = { base64_digits[v >> 18], base64_digits[v >> 12 & 63], base64_digits[v >> 6 & 63],
				base64_digits[v & 63] };
		for (size_t k = n + 1; k < 4; k++)
			out[k] = '=';
		e = buffer_put(b, out, sizeof out);
	}
	return e;
}

static int base64_value(char c)
{
	const char *at = c == '\0' ? NULL : strchr(base64_digits, c);
	return at == NULL ? -1 : (int)(at - base64_digits);
}

int base64_decode(const char *text, size_t len, uint8_t *out, size_t size, size_t *out_len)
{
	size_t pad = 0, n = 0;
	if (len % 4 != 0)
		return ITM_EFORMAT;
	while (pad < 2 && pad < len && text[len - 1 - pad] == '=')
		pad++;
	if (len / 4 * 3 - pad > size)
		return ITM_ELIMIT;
	for (size_t i = 0; i < len; i += 4) {
		size_t digits = i + 4 == len ? 4 - pad : 4;
		uint32_t v = 0;
		for (size_t k = 0; k < 4; k++) {
			int d = k < digits ? base64_value(text[i + k]) : 0;
			if (d < 0)
				return ITM_EFORMAT;
			v = v << 6 | (uint32_t)d;
		}
		/* Bits that no byte holds must be zero. */
		if ((digits == 3 && (v & 0xff) != 0) || (digits == 2 && (v & 0xffff) != 0))
			return ITM_EFORMAT;
		for (size_t k = 0; k + 1 < digits; k++)
			out[n++] = (uint8_t)(v >> (16 - 8 * k));
	}
	*out_len = n;
	return 0;
}
