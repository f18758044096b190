#include "base/id.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/error.h"

static const char alphabet[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"; /* Crockford */

struct id id_random(void)
{
	struct id id;
	size_t done = 0;
	while (done < sizeof id.bytes) {
		ssize_t n = getrandom(id.bytes + done, sizeof id.bytes - done, 0);
		if (n < 0 && errno != EINTR)
			abort();
		if (n > 0)
			done += (size_t)n;
	}
	return id;
}

/* 128 bits in 26 characters of 5: the first carries the top 3 bits. */
void id_format(const struct id *id, char out[ID_TEXT_SIZE])
{
	for (int i = 0; i < 26; i++) {
		int v = 0;
		for (int k = 0; k < 5; k++) {
			int bit = i * 5 + k - 2;
			v = v << 1 | (bit < 0 ? 0 : id->bytes[bit / 8] >> (7 - bit % 8) & 1);
		}
		out[i] = alphabet[v];
	}
	out[26] = '\0';
}

static int digit_value(char c)
{
	if (c >= 'a' && c <= 'z')
		c = (char)(c - 'a' + 'A');
	if (c == 'O')
		c = '0';
	if (c == 'I' || c == 'L')
		c = '1';
	const char *p = c ? strchr(alphabet, c) : NULL;
	return p ? (int)(p - alphabet) : -1;
}

int id_parse(const char *text, struct id *out)
{
	struct id id = { { 0 } };
	for (int i = 0; i < 26; i++) {
		int v = digit_value(text[i]);
		if (v < 0 || (i == 0 && v > 7))
			return ITM_EFORMAT;
		for (int k = 0; k < 5; k++) {
			int bit = i * 5 + k - 2;
			if (bit >= 0 && v >> (4 - k) & 1)
				id.bytes[bit / 8] |= (uint8_t)(0x80 >> bit % 8);
		}
	}
	if (text[26] != '\0')
		return ITM_EFORMAT;
	*out = id;
	return 0;
}

bool id_equal(const struct id *a, const struct id *b)
{
	return memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}

bool id_is_zero(const struct id *id)
{
	static const struct id zero;
	return id_equal(id, &zero);
}
