#include "itm-shell/recorder/transfer_scp.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum {
	LINE_MAX_BYTES = TRANSFER_NAME_MAX + 64,
	PATH_MAX_BYTES = TRANSFER_NAME_MAX,
	DEPTH_MAX = 128,
	AHEAD_MAX = 64 * 1024,   /* bytes a source may send before it is answered */
};

enum step {
	LINE,                    /* a statement of the source */
	WORDS,                   /* its error message, up to LF */
	DATA,
	STATUS,                  /* the byte after a file: 0, or an error message */
};

struct transfer_scp {
	struct transfer_log *log;
	bool out;
	enum step step;
	bool waiting;            /* the source waits for an answer: for what, line says */
	bool complaining;        /* inside an error message of the sink */
	bool greeted, failed, file_open, ending;
	char line[LINE_MAX_BYTES];
	size_t line_len;
	char path[PATH_MAX_BYTES];   /* folders entered, "/" after each */
	size_t path_len, depth[DEPTH_MAX], depth_len;
	uint64_t left;           /* bytes of the file that are to come */
	uint32_t mode;
	char name[2 * PATH_MAX_BYTES];
	size_t name_len;
	struct transfer_file file;
	struct buffer ahead;
};

struct transfer_scp *transfer_scp_new(struct transfer_log *log, bool out)
{
	struct transfer_scp *s = calloc(1, sizeof *s);

	if (s == NULL)
		return NULL;
	s->log = log;
	s->out = out;
	buffer_init(&s->ahead, AHEAD_MAX);
	return s;
}

void transfer_scp_free(struct transfer_scp *s)
{
	if (s == NULL)
		return;
	transfer_file_free(&s->file);
	buffer_free(&s->ahead);
	free(s);
}

static void log_file(struct transfer_scp *s, const char *result)
{
	const struct transfer_entry e = {
		.name = s->name, .name_len = s->name_len, .result = result, .out = s->out, .mode = s->mode,
		.bytes = &s->file,
	};

	transfer_log_put(s->log, &e);
	transfer_file_free(&s->file);
	s->file_open = s->ending = s->failed = false;
}

/* "0644 1234 name": mode, size and where the name begins. */
static bool parse_statement(const char *line, size_t len, uint32_t *mode, uint64_t *size, size_t *name)
{
	size_t i = 1;
	uint64_t number = 0;

	*mode = 0;
	for (; i < len && i < 9 && line[i] >= '0' && line[i] <= '7'; i++)
		*mode = *mode << 3 | (uint32_t)(line[i] - '0');
	if (i == 1 || i >= len || line[i++] != ' ')
		return false;
	size_t first = i;
	for (; i < len && i - first < 18 && line[i] >= '0' && line[i] <= '9'; i++)
		number = number * 10 + (uint64_t)(line[i] - '0');
	if (i == first || i + 1 >= len || line[i] != ' ')
		return false;
	*size = number;
	*name = i + 1;
	return true;
}

static void set_name(struct transfer_scp *s, const char *name, size_t len)
{
	memcpy(s->name, s->path, s->path_len);
	if (len > sizeof s->name - s->path_len)
		len = sizeof s->name - s->path_len;
	memcpy(s->name + s->path_len, name, len);
	s->name_len = s->path_len + len;
}

/* A folder whose path has no room is counted in depth and left out of names. */
static bool enter(struct transfer_scp *s, const char *name, size_t len)
{
	if (s->depth_len == DEPTH_MAX)
		return false;
	s->depth[s->depth_len++] = s->path_len;
	if (s->path_len + len + 1 > sizeof s->path)
		return true;
	memcpy(s->path + s->path_len, name, len);
	s->path_len += len;
	s->path[s->path_len++] = '/';
	return true;
}

/* The statement in line was taken (or not) by the sink. */
static bool answered(struct transfer_scp *s, bool accepted)
{
	uint64_t size;
	size_t name;

	s->waiting = false;
	if (s->ending) {
		log_file(s, accepted && !s->failed ? NULL : "failed");
		return true;
	}
	if (s->line[0] == 'E' && accepted && s->depth_len > 0)
		s->path_len = s->depth[--s->depth_len];
	if (s->line[0] != 'C' && s->line[0] != 'D')
		return true;
	if (!parse_statement(s->line, s->line_len, &s->mode, &size, &name))
		return false;
	if (s->line[0] == 'D')
		return !accepted || enter(s, s->line + name, s->line_len - name);
	set_name(s, s->line + name, s->line_len - name);
	s->file_open = true;
	s->left = size;
	s->step = size > 0 ? DATA : STATUS;
	if (!accepted) {
		s->step = LINE;
		log_file(s, "refused");
	}
	return true;
}

static bool is_statement(const struct transfer_scp *s)
{
	uint32_t mode;
	uint64_t size;
	size_t name;

	switch (s->line[0]) {
	case 'C':
	case 'D':
		return parse_statement(s->line, s->line_len, &mode, &size, &name);
	case 'E':
		return s->line_len == 1;
	case 'T':
		return true;
	default:
		return false;
	}
}

static bool put_line(struct transfer_scp *s, uint8_t byte)
{
	if (s->line_len == 0 && (byte == 1 || byte == 2)) {
		s->step = WORDS;
		return true;
	}
	if (byte != '\n') {
		if (s->line_len == sizeof s->line)
			return false;
		s->line[s->line_len++] = (char)byte;
		return true;
	}
	if (s->line_len == 0 || !is_statement(s))
		return false;
	s->waiting = true;
	return true;
}

static void end_file(struct transfer_scp *s)
{
	s->ending = s->waiting = true;
	s->step = LINE;
}

static bool put_status(struct transfer_scp *s, uint8_t byte)
{
	if (byte > 2)
		return false;
	s->failed = byte != 0;
	if (byte == 0)
		end_file(s);
	else
		s->step = WORDS;
	return true;
}

/* Bytes of the source up to where an answer is due; returns how many. */
static size_t put_source(struct transfer_scp *s, const uint8_t *data, size_t len, bool *good)
{
	size_t i = 0;

	while (i < len && *good && !s->waiting) {
		if (s->step == DATA) {
			size_t n = len - i < s->left ? len - i : (size_t)s->left;
			transfer_file_put(&s->file, s->file.bytes, data + i, n);
			s->left -= n;
			i += n;
			if (s->left == 0)
				s->step = STATUS;
			continue;
		}
		uint8_t byte = data[i++];
		if (s->step == LINE) {
			*good = put_line(s, byte);
		} else if (s->step == STATUS) {
			*good = put_status(s, byte);
		} else if (byte == '\n') {
			s->step = LINE;
			if (s->file_open)
				end_file(s);
		}
	}
	return i;
}

/* A source that does not wait for answers is taken up again after each. */
static bool go_on(struct transfer_scp *s)
{
	bool good = true;

	s->line_len = 0;
	if (s->ahead.len > 0 && !s->waiting)
		buffer_consume(&s->ahead, put_source(s, s->ahead.data, s->ahead.len, &good));
	return good;
}

static bool put_answer(struct transfer_scp *s, uint8_t byte)
{
	if (s->complaining) {
		s->complaining = byte != '\n';
		if (s->complaining)
			return true;
	} else if (byte == 1 || byte == 2) {
		s->complaining = true;
		return true;
	} else if (byte != 0) {
		return false;
	}
	if (!s->greeted) {
		s->greeted = true;
		return true;
	}
	/* More than one complaint about one statement: the first one counted. */
	if (!s->waiting)
		return true;
	return answered(s, byte == 0) && go_on(s);
}

bool transfer_scp_put(struct transfer_scp *s, bool from_source, const void *data, size_t len)
{
	const uint8_t *at = data;
	bool good = true;

	if (from_source) {
		size_t used = s->ahead.len == 0 ? put_source(s, at, len, &good) : 0;
		return good && (used == len || buffer_put(&s->ahead, at + used, len - used) == 0);
	}
	for (size_t i = 0; good && i < len; i++)
		good = put_answer(s, at[i]);
	return good;
}

void transfer_scp_end(struct transfer_scp *s)
{
	if (s->file_open)
		log_file(s, s->ending ? "unanswered" : "incomplete");
}
