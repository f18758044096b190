#include "format/checkpoint.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/base64.h"

enum { CHECKPOINT_TEXT_MAX = 512 };

void checkpoint_origin(const struct id *server, char out[NOTE_NAME_SIZE])
{
	char id[ID_TEXT_SIZE];
	id_format(server, id);
	snprintf(out, NOTE_NAME_SIZE, "itm/%s", id);
}

static int checkpoint_text(struct buffer *b, const struct checkpoint *c)
{
	int e = buffer_printf(b, "%s\n%" PRIu64 "\n", c->origin, c->size);
	e = e ? e : base64_put(b, c->root, HASH_SIZE);
	return e ? e : buffer_put_u8(b, '\n');
}

int checkpoint_put(struct buffer *b, const struct checkpoint *c, const struct sign_key *log_key)
{
	struct note_key key;
	struct buffer text;
	int e = note_key_init(&key, c->origin, NOTE_ED25519, log_key->public_key);
	buffer_init(&text, CHECKPOINT_TEXT_MAX);
	if (e == 0)
		e = checkpoint_text(&text, c);
	if (e == 0)
		e = buffer_put(b, text.data, text.len);
	if (e == 0)
		e = buffer_put_u8(b, '\n');
	if (e == 0)
		e = note_put_signature(b, (const char *)text.data, text.len, &key, log_key, 0);
	buffer_free(&text);
	return e;
}

/* A line without its end; NULL when there is none. */
static const char *checkpoint_line(const char **at, const char *end, size_t *len)
{
	const char *line = *at, *stop = memchr(line, '\n', (size_t)(end - line));
	if (stop == NULL)
		return NULL;
	*len = (size_t)(stop - line);
	*at = stop + 1;
	return line;
}

static int checkpoint_number(const char *s, size_t len, uint64_t *out)
{
	uint64_t v = 0;
	if (len == 0 || len > 18 || (len > 1 && s[0] == '0'))
		return ITM_EFORMAT;
	for (size_t i = 0; i < len; i++) {
		if (s[i] < '0' || s[i] > '9')
			return ITM_EFORMAT;
		v = v * 10 + (uint64_t)(s[i] - '0');
	}
	*out = v;
	return 0;
}

int checkpoint_decode(const char *text, size_t len, struct checkpoint *out, struct fault *fault)
{
	const char *at = text, *end = text + len;
	struct checkpoint c = { 0 };
	size_t n, got;
	const char *line = checkpoint_line(&at, end, &n);
	if (line == NULL || n == 0 || n >= sizeof c.origin || memchr(line, '\0', n) != NULL)
		return error_fault(fault, ITM_EFORMAT, 0, "checkpoint without an origin");
	memcpy(c.origin, line, n);
	line = checkpoint_line(&at, end, &n);
	if (line == NULL || checkpoint_number(line, n, &c.size) != 0)
		return error_fault(fault, ITM_EFORMAT, 0, "size of a checkpoint");
	line = checkpoint_line(&at, end, &n);
	if (line == NULL || base64_decode(line, n, c.root, HASH_SIZE, &got) != 0 || got != HASH_SIZE)
		return error_fault(fault, ITM_EFORMAT, 0, "root of a checkpoint");
	if (at != end)
		return error_fault(fault, ITM_EFORMAT, (uint64_t)(at - text), "lines after a checkpoint's root");
	*out = c;
	return 0;
}

int checkpoint_open(const void *data, size_t len, const uint8_t log_key[SIGN_PUBLIC_SIZE], struct checkpoint *out,
		    struct note *note, struct fault *fault)
{
	struct checkpoint c;
	struct note_key key;
	struct note n;
	int e = note_decode(data, len, &n, fault);
	if (e == 0)
		e = checkpoint_decode(n.text, n.text_len, &c, fault);
	if (e != 0)
		return e;
	if (note_key_init(&key, c.origin, NOTE_ED25519, log_key) != 0 || note_check(&n, &key, NULL) != 0)
		return error_fault(fault, ITM_ECRYPTO, n.text_len, "checkpoint is not signed by the log's key");
	*out = c;
	if (note != NULL)
		*note = n;
	return 0;
}
