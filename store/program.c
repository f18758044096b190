#include "store/program.h"

#include <string.h>

#include "format/activity.h"
#include "terminal/text.h"

enum { ID_LETTERS = ID_TEXT_SIZE - 1, DIGITS = 5 };      /* of a path's length */
enum { HEAD = ID_LETTERS + 1 + DIGITS + 1 };
enum { PATH_BYTES_MAX = 4096, ARGUMENTS_BYTES_MAX = 8192 };   /* before escaping; four times that after */

static int put_arguments(struct buffer *out, const uint8_t *data, size_t len)
{
	int result = 0;
	if (len > ARGUMENTS_BYTES_MAX)
		len = ARGUMENTS_BYTES_MAX;
	while (len > 0 && result == 0) {
		const uint8_t *end = memchr(data, '\0', len);
		size_t n = end != NULL ? (size_t)(end - data) : len;
		result = buffer_put_u8(out, ' ');
		if (result == 0)
			result = text_escape(out, (const char *)data, n);
		n += end != NULL;
		data += n;
		len -= n;
	}
	return result;
}

int program_put(struct buffer *out, const void *data, size_t len)
{
	struct activity_event e;
	struct id session;
	char id[ID_TEXT_SIZE];
	if (activity_decode(data, len, &e, NULL) != 0 || e.kind != ACTIVITY_EXEC || e.number[ACTIVITY_SESSION] != ID_SIZE ||
	    e.number[ACTIVITY_EXE] == 0)
		return ITM_ENOENT;
	memcpy(session.bytes, e.bytes[ACTIVITY_SESSION], ID_SIZE);
	id_format(&session, id);
	struct buffer path;
	size_t path_len = e.number[ACTIVITY_EXE] < PATH_BYTES_MAX ? (size_t)e.number[ACTIVITY_EXE] : PATH_BYTES_MAX;
	buffer_init(&path, PATH_BYTES_MAX * 8);
	int result = text_escape(&path, (const char *)e.bytes[ACTIVITY_EXE], path_len);
	if (result == 0)
		result = buffer_printf(out, "%s %0*zu ", id, DIGITS, path.len);
	if (result == 0)
		result = buffer_put(out, path.data, path.len);
	buffer_free(&path);
	return result == 0 ? put_arguments(out, e.bytes[ACTIVITY_ARGUMENTS], (size_t)e.number[ACTIVITY_ARGUMENTS]) : result;
}

int program_read(const char *line, size_t len, struct program *out)
{
	char id[ID_TEXT_SIZE] = "";
	size_t path_len = 0;
	if (len <= HEAD)
		return ITM_EFORMAT;
	memcpy(id, line, ID_LETTERS);
	for (size_t i = 0; i < DIGITS; i++) {
		uint8_t digit = (uint8_t)(line[ID_LETTERS + 1 + i] - '0');
		if (digit > 9)
			return ITM_EFORMAT;
		path_len = path_len * 10 + digit;
	}
	*out = (struct program){ .text = line + HEAD, .len = len - HEAD, .path_len = path_len };
	return path_len <= out->len && id_parse(id, &out->session) == 0 ? 0 : ITM_EFORMAT;
}
