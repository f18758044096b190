#include "base/config.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/atomicfile.h"
#include "base/buffer.h"
#include "base/error.h"

enum { FILE_MAX = 1 << 20, DROPINS_MAX = 64 };

struct place {
	const char *name;
	unsigned line;
	char *error;
};

static int refuse(const struct place *at, const char *what, const char *value)
{
	snprintf(at->error, CONFIG_ERROR_SIZE, "%s:%u: %s: \"%.100s\"", at->name, at->line, what, value);
	return ITM_EFORMAT;
}

struct suffix { const char *text; uint64_t factor; };
static const struct suffix size_suffixes[] = { { "", 1 }, { "K", 1 << 10 }, { "M", 1 << 20 }, { "G", 1 << 30 }, { NULL, 0 } };
static const struct suffix time_suffixes[] = { { "", 1000 }, { "ms", 1 }, { "s", 1000 }, { "m", 60000 }, { "h", 3600000 }, { "d", 86400000 }, { NULL, 0 } };
static const struct suffix plain_suffixes[] = { { "", 1 }, { NULL, 0 } };

static int parse_number(const struct config_key *key, const char *value, const struct suffix *suffix,
			const struct place *at, uint64_t *out)
{
	char *end;
	if (!isdigit((unsigned char)value[0]))
		return refuse(at, "not a number", value);
	errno = 0;
	unsigned long long v = strtoull(value, &end, 10);
	if (errno != 0)
		return refuse(at, "number is too large", value);
	while (suffix->text != NULL && strcmp(suffix->text, end) != 0)
		suffix++;
	if (suffix->text == NULL)
		return refuse(at, "unknown unit (sizes take K M G, times ms s m h d)", value);
	if (v > UINT64_MAX / suffix->factor)
		return refuse(at, "number is too large", value);
	v *= suffix->factor;
	if (v < key->min || (key->max != 0 && v > key->max)) {
		snprintf(at->error, CONFIG_ERROR_SIZE, "%s:%u: %s must be %llu to %llu%s, is \"%.60s\"", at->name, at->line,
			 key->name, (unsigned long long)key->min,
			 (unsigned long long)(key->max ? key->max : UINT64_MAX),
			 key->type == CONFIG_DURATION ? " ms" : "", value);
		return ITM_EFORMAT;
	}
	*out = v;
	return 0;
}

static int parse_bool(const char *value, const struct place *at, bool *out)
{
	static const char *const yes[] = { "yes", "true", "on" }, *const no[] = { "no", "false", "off" };
	for (size_t i = 0; i < 3; i++) {
		if (strcmp(value, yes[i]) == 0 || strcmp(value, no[i]) == 0) {
			*out = strcmp(value, yes[i]) == 0;
			return 0;
		}
	}
	return refuse(at, "must be yes or no", value);
}

static int parse_word(const struct config_key *key, const char *value, const struct place *at, int *out)
{
	for (int i = 0; key->words[i] != NULL; i++) {
		if (strcmp(key->words[i], value) == 0) {
			*out = i;
			return 0;
		}
	}
	char known[200] = "";
	for (int i = 0; key->words[i] != NULL; i++) {
		size_t n = strlen(known);
		snprintf(known + n, sizeof known - n, "%s%s", i ? ", " : "", key->words[i]);
	}
	snprintf(at->error, CONFIG_ERROR_SIZE, "%s:%u: %s must be one of %s, is \"%.60s\"", at->name, at->line,
		 key->name, known, value);
	return ITM_EFORMAT;
}

static int set_text(const struct config_key *key, char *member, const char *value, const struct place *at)
{
	size_t old = key->type == CONFIG_LIST ? strlen(member) : 0;
	int n = snprintf(member + old, key->size - old, "%s%s", old ? " " : "", value);
	if (n < 0 || (size_t)n >= key->size - old)
		return refuse(at, "value is too long", value);
	return 0;
}

static int set_value(const struct config_key *key, char *settings, const char *value, const struct place *at)
{
	void *member = settings + key->offset;
	switch (key->type) {
	case CONFIG_TEXT:
	case CONFIG_LIST:
		return set_text(key, member, value, at);
	case CONFIG_NUMBER:
		return parse_number(key, value, plain_suffixes, at, member);
	case CONFIG_SIZE:
		return parse_number(key, value, size_suffixes, at, member);
	case CONFIG_DURATION:
		return parse_number(key, value, time_suffixes, at, member);
	case CONFIG_BOOL:
		return parse_bool(value, at, member);
	case CONFIG_WORD:
		return parse_word(key, value, at, member);
	}
	return ITM_EINVAL;
}

static char *trim(char *s)
{
	while (isspace((unsigned char)*s))
		s++;
	size_t n = strlen(s);
	while (n > 0 && isspace((unsigned char)s[n - 1]))
		s[--n] = '\0';
	return s;
}

static int parse_line(char *line, const struct config_key *keys, char *settings, const struct place *at)
{
	char *text = trim(line);
	if (text[0] == '\0' || text[0] == '#')
		return 0;
	char *equals = strchr(text, '=');
	if (equals == NULL)
		return refuse(at, "expected key = value", text);
	*equals = '\0';
	char *name = trim(text), *value = trim(equals + 1);
	for (; keys->name != NULL; keys++)
		if (strcmp(keys->name, name) == 0)
			return set_value(keys, settings, value, at);
	return refuse(at, "unknown key", name);
}

static int parse_into(const char *name, const char *text, size_t len, const struct config_key *keys,
		      char *settings, char error[CONFIG_ERROR_SIZE])
{
	struct place at = { .name = name, .error = error };
	char line[8192];

	for (size_t pos = 0; pos < len; ) {
		const char *end = memchr(text + pos, '\n', len - pos);
		size_t n = end ? (size_t)(end - text) - pos : len - pos;
		at.line++;
		if (n >= sizeof line)
			return refuse(&at, "line is over 8191 bytes", "");
		if (memchr(text + pos, '\0', n) != NULL)
			return refuse(&at, "line holds a NUL byte", "");
		memcpy(line, text + pos, n);
		line[n] = '\0';
		int r = parse_line(line, keys, settings, &at);
		if (r != 0)
			return r;
		pos += n + (end != NULL);
	}
	return 0;
}

int config_parse(const char *name, const char *text, size_t len, const struct config_key *keys,
		 void *settings, size_t settings_size, char error[CONFIG_ERROR_SIZE])
{
	char *copy = malloc(settings_size);
	if (copy == NULL)
		return ITM_ENOMEM;
	memcpy(copy, settings, settings_size);
	int r = parse_into(name, text, len, keys, copy, error);
	if (r == 0)
		memcpy(settings, copy, settings_size);
	free(copy);
	return r;
}

static int read_one(const char *path, const struct config_key *keys, char *settings, char error[CONFIG_ERROR_SIZE])
{
	struct buffer b;
	buffer_init(&b, FILE_MAX);
	int r = atomicfile_read(path, &b);
	if (r == 0)
		r = parse_into(path, b.data ? (const char *)b.data : "", b.len, keys, settings, error);
	else
		snprintf(error, CONFIG_ERROR_SIZE, "%s:0: cannot read: %s", path, error_text(r));
	buffer_free(&b);
	return r;
}

static int is_dropin(const struct dirent *e)
{
	size_t n = strlen(e->d_name);
	return e->d_name[0] != '.' && n > 5 && strcmp(e->d_name + n - 5, ".conf") == 0;
}

static int by_bytes(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int read_dropins(const char *dir, const struct config_key *keys, char *settings, char error[CONFIG_ERROR_SIZE])
{
	struct dirent **list;
	int count = scandir(dir, &list, is_dropin, by_bytes), r = 0;
	if (count < 0)
		return errno == ENOENT ? 0 : ITM_ESYS;
	for (int i = 0; i < count; i++) {
		char path[PATH_MAX];
		int n = snprintf(path, sizeof path, "%s/%s", dir, list[i]->d_name);
		if (r == 0 && i < DROPINS_MAX && n > 0 && (size_t)n < sizeof path)
			r = read_one(path, keys, settings, error);
		free(list[i]);
	}
	free(list);
	return r;
}

int config_read(const char *path, const struct config_key *keys, void *settings,
		size_t settings_size, char error[CONFIG_ERROR_SIZE])
{
	char dir[PATH_MAX];
	char *copy = malloc(settings_size);
	if (copy == NULL)
		return ITM_ENOMEM;
	memcpy(copy, settings, settings_size);
	snprintf(dir, sizeof dir, "%s.d", path);
	int r = read_one(path, keys, copy, error);
	if (r == 0)
		r = read_dropins(dir, keys, copy, error);
	if (r == 0)
		memcpy(settings, copy, settings_size);
	free(copy);
	return r;
}
