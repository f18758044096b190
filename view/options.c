#include "view/options.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "config.h"

enum { HELP_MAX = 64 * 1024 };

/* Every command has these two. */
static const struct options_entry help_entry = { .name = "help", .help = "show this help" };
static const struct options_entry version_entry = { .name = "version", .help = "show the version" };

__attribute__((format(printf, 3, 4)))
static int refuse(const struct options_command *command, char *error, const char *format, ...)
{
	char what[OPTIONS_ERROR_SIZE / 2];
	va_list ap;

	va_start(ap, format);
	vsnprintf(what, sizeof(what), format, ap);
	va_end(ap);
	snprintf(error, OPTIONS_ERROR_SIZE, "%s; see '%s --help'", what, command->name);
	return ITM_EINVAL;
}

static int help_line(struct buffer *out, const struct options_entry *e)
{
	char left[64];

	snprintf(left, sizeof(left), "%s%c%s--%s%s%s", e->letter ? "-" : "  ",
		 e->letter ? e->letter : ' ', e->letter ? ", " : " ", e->name,
		 e->argument ? " " : "", e->argument ? e->argument : "");
	return buffer_printf(out, "  %-24s %s\n", left, e->help);
}

int options_help(const struct options_command *command, struct buffer *out)
{
	const struct options_entry *e;
	int r;

	r = buffer_printf(out, "usage: %s [options]%s%s\n\n%s\n\n", command->name,
			  command->operands[0] ? " " : "", command->operands, command->summary);
	for (e = command->entries; r == 0 && e->name != NULL; e++)
		r = help_line(out, e);
	if (r == 0)
		r = help_line(out, &help_entry);
	if (r == 0)
		r = help_line(out, &version_entry);
	if (r == 0 && command->more != NULL)
		r = buffer_printf(out, "\n%s\n", command->more);
	return r;
}

static int show_help(const struct options_command *command)
{
	struct buffer out;

	buffer_init(&out, HELP_MAX);
	if (options_help(command, &out) == 0)
		fwrite(out.data, 1, out.len, stdout);
	buffer_free(&out);
	return OPTIONS_SHOWN;
}

static int parse_number(const char *text, uint64_t *out)
{
	uint64_t v = 0;
	unsigned digit;

	if (*text == '\0')
		return ITM_EFORMAT;
	for (; *text != '\0'; text++) {
		if (*text < '0' || *text > '9')
			return ITM_EFORMAT;
		digit = (unsigned)(*text - '0');
		if (v > (UINT64_MAX - digit) / 10)
			return ITM_ELIMIT;
		v = v * 10 + digit;
	}
	*out = v;
	return 0;
}

/* value is NULL for a flag. */
static int store(const struct options_command *command, const struct options_entry *e,
		 const char *value, void *settings, char *error)
{
	char *at = (char *)settings + e->offset;
	uint64_t number;

	switch (e->type) {
	case OPTIONS_FLAG:
		*(bool *)(void *)at = true;
		return 0;
	case OPTIONS_TEXT:
		*(const char **)(void *)at = value;
		return 0;
	case OPTIONS_NUMBER:
		if (parse_number(value, &number) != 0 || number < e->min ||
		    (e->max != 0 && number > e->max))
			return refuse(command, error, "--%s: '%.40s' is not a number in its range",
				      e->name, value);
		*(uint64_t *)(void *)at = number;
		return 0;
	}
	return ITM_EINVAL;
}

static const struct options_entry *find_long(const struct options_command *command,
					     const char *name, size_t len)
{
	const struct options_entry *e;

	for (e = command->entries; e->name != NULL; e++)
		if (strlen(e->name) == len && memcmp(e->name, name, len) == 0)
			return e;
	return NULL;
}

/* "--name", "--name=value" or "--name value".  i is the argument's place and
 * is moved on over a value that stands apart. */
static int parse_long(const struct options_command *command, int argc, char **argv, int *i,
		      void *settings, char *error)
{
	const char *name = argv[*i] + 2;
	const char *equals = strchr(name, '=');
	size_t len = equals ? (size_t)(equals - name) : strlen(name);
	const struct options_entry *e = find_long(command, name, len);
	const char *value = equals ? equals + 1 : NULL;

	if (e == NULL && strcmp(name, "help") == 0)
		return show_help(command);
	if (e == NULL && strcmp(name, "version") == 0) {
		printf("%s (ITM) %s\n", command->name, PACKAGE_VERSION);
		return OPTIONS_SHOWN;
	}
	if (e == NULL)
		return refuse(command, error, "unknown option --%.40s", name);
	if (e->type == OPTIONS_FLAG) {
		if (value != NULL)
			return refuse(command, error, "--%s takes no value", e->name);
		return store(command, e, NULL, settings, error);
	}
	if (value == NULL) {
		if (*i + 1 >= argc)
			return refuse(command, error, "--%s needs %s", e->name, e->argument);
		value = argv[++*i];
	}
	return store(command, e, value, settings, error);
}

/* "-x", "-xVALUE", "-x VALUE", "-xy" */
static int parse_short(const struct options_command *command, int argc, char **argv, int *i,
		       void *settings, char *error)
{
	const char *p = argv[*i] + 1;
	const struct options_entry *e;
	int r;

	for (; *p != '\0'; p++) {
		for (e = command->entries; e->name != NULL; e++)
			if (e->letter == *p)
				break;
		if (e->name == NULL)
			return refuse(command, error, "unknown option -%c", *p);
		if (e->type != OPTIONS_FLAG) {
			if (p[1] != '\0')
				return store(command, e, p + 1, settings, error);
			if (*i + 1 >= argc)
				return refuse(command, error, "-%c needs %s", *p, e->argument);
			return store(command, e, argv[++*i], settings, error);
		}
		r = store(command, e, NULL, settings, error);
		if (r != 0)
			return r;
	}
	return 0;
}

int options_parse(const struct options_command *command, int *argc, char **argv, void *settings,
		  char error[OPTIONS_ERROR_SIZE])
{
	int operands = 0, i, r = 0;
	bool ended = false;

	for (i = 1; i < *argc; i++) {
		if (ended || argv[i][0] != '-' || argv[i][1] == '\0')
			argv[operands++] = argv[i];
		else if (strcmp(argv[i], "--") == 0)
			ended = true;
		else if (argv[i][1] == '-')
			r = parse_long(command, *argc, argv, &i, settings, error);
		else
			r = parse_short(command, *argc, argv, &i, settings, error);
		if (r != 0)
			return r;
	}
	if (operands < command->operands_min)
		return refuse(command, error, "%s needs %s", command->name, command->operands);
	if (operands > command->operands_max)
		return refuse(command, error, "'%.40s' is one operand too many",
			      argv[command->operands_max]);
	*argc = operands;
	return 0;
}
