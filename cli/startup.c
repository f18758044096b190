#include "cli/startup.h"

#include <stdio.h>
#include <sysexits.h>

#include "base/clock.h"
#include "base/error.h"
#include "view/say.h"

int startup_parse(const struct options_command *command, int *argc, char **argv, void *settings,
		  const struct places_options *options, struct places *places, int *status)
{
	char error[CONFIG_ERROR_SIZE];
	int r = options_parse(command, argc, argv, settings, error);

	if (r == OPTIONS_SHOWN) {
		*status = say_finish(command->name, 0);
		return r;
	}
	if (r == 0) {
		r = places_load(options, places, error);
		*status = r == ITM_EINVAL ? EX_USAGE : EX_CONFIG;
	} else {
		*status = EX_USAGE;
	}
	if (r != 0)
		say_error(command->name, "%s", error);
	return r;
}

static void json_wall(struct json *j, const char *key, int64_t wall_ns)
{
	char text[CLOCK_TEXT_SIZE];

	clock_format(wall_ns, text);
	json_key(j, key);
	json_text(j, text);
}

static void json_pair(struct json *j, const char *key, const char *value)
{
	json_key(j, key);
	json_text(j, value);
}

static void json_number(struct json *j, const char *key, uint64_t value)
{
	json_key(j, key);
	json_uint(j, value);
}

static void json_id(struct json *j, const char *key, const struct id *id)
{
	char text[ID_TEXT_SIZE];

	id_format(id, text);
	json_key(j, key);
	json_text(j, id_is_zero(id) ? NULL : text);
}

static void json_flag(struct json *j, const char *key, bool value)
{
	json_key(j, key);
	json_bool(j, value);
}

/* wait(2) status, as a shell would say it. */
static void json_exit(struct json *j, const struct index_session *s)
{
	int status = s->exit_status;

	json_key(j, "exit_status");
	if (!s->has_exit)
		json_null(j);
	else
		json_int(j, (status & 0x7f) != 0 ? 128 + (status & 0x7f) : status >> 8 & 0xff);
}

void startup_json_session(struct json *j, const struct index_session *s)
{
	json_id(j, "session", &s->stream);
	json_id(j, "host_id", &s->host);
	json_id(j, "login_id", &s->login);
	json_pair(j, "host", s->hostname);
	json_pair(j, "user", s->user);
	json_number(j, "uid", s->uid);
	json_pair(j, "service", s->service);
	json_pair(j, "rhost", s->rhost);
	json_pair(j, "tty", s->tty);
	json_pair(j, "mode", s->mode);
	json_pair(j, "shell", s->shell);
	json_pair(j, "command", s->command);
	json_wall(j, "start", s->start_wall_ns);
	json_wall(j, "last", s->last_wall_ns);
	json_key(j, "duration");
	json_seconds(j, s->duration_ms * 1000);
	json_flag(j, "ended", s->ended);
	json_exit(j, s);
	json_number(j, "out_bytes", s->out_bytes);
	json_number(j, "keys", s->keys);
	json_number(j, "masked", s->masked);
	json_number(j, "lost_bytes", s->lost_bytes);
	json_number(j, "columns", s->columns);
	json_number(j, "rows", s->rows);
	json_flag(j, "sealed", !s->provisional);
}

void startup_print_line(struct buffer *b)
{
	fwrite(b->data, 1, b->len, stdout);
	putchar('\n');
	buffer_clear(b);
}
