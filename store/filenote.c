#include "store/filenote.h"

#include <stdbool.h>

#include "base/error.h"
#include "format/meta.h"
#include "terminal/text.h"

enum { VALUE_SIZE = 8192 }; /* the recorder cuts names at 4096 bytes */

struct note { struct buffer *b; const char *text; size_t len; };

static int put_value(const struct note *n, const char *before, const char *key, const char *after)
{
	char value[VALUE_SIZE];
	int len = meta_get(n->text, n->len, key, 0, value, sizeof value);

	if (len < 0)
		return 0;
	int r = buffer_put_text(n->b, before);
	if (r == 0)
		r = text_escape(n->b, value, (size_t)len);
	return r != 0 ? r : buffer_put_text(n->b, after);
}

static bool has(const struct note *n, const char *key)
{
	char value[VALUE_SIZE];
	int len = meta_get(n->text, n->len, key, 0, value, sizeof value);
	return len >= 0 || len == ITM_ELIMIT;
}

static int put_file(const struct note *n)
{
	int r = put_value(n, "file ", has(n, "file_operation") ? "file_operation" : "file_direction", ": ");

	if (r == 0)
		r = put_value(n, "", "file", "");
	if (r == 0)
		r = put_value(n, " to ", "file_to", "");
	if (r == 0)
		r = put_value(n, " ", "file_size", " bytes");
	if (r == 0)
		r = put_value(n, " sha256 ", "file_sha256", "");
	if (r == 0)
		r = put_value(n, " mode ", "file_mode", "");
	if (r == 0)
		r = put_value(n, " (", "file_result", ")");
	return r;
}

int filenote_put(struct buffer *b, const void *note, size_t len)
{
	const struct note n = { b, note, len };
	size_t before = b->len;
	int r = ITM_ENOENT;

	if (has(&n, "file")) {
		r = put_file(&n);
	} else if (has(&n, "transfer")) {
		r = put_value(&n, "file transfer by ", "transfer", "");
		if (r == 0)
			r = put_value(&n, ", ", "file_program", "");
	} else if (has(&n, "transfer_files")) {
		r = put_value(&n, "files of this transfer: ", "transfer_files", "");
	} else if (has(&n, "transfer_left_out")) {
		r = put_value(&n, "left out of this list of files: ", "transfer_left_out", "");
	}
	if (r != 0)
		b->len = before;
	return r;
}
