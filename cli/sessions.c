/* itm sessions: lists them, newest first. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "cli/command.h"
#include "cli/startup.h"
#include "terminal/text.h"
#include "view/catalog.h"
#include "view/locate.h"
#include "view/say.h"
#include "view/table.h"
#include "view/when.h"

static const char *const program = "itm sessions";

struct sessions_options {
	struct places_options places;
	const char *user, *host, *service, *after, *before;
	bool live, all, json;
	uint64_t limit;
};

static const struct options_entry entries[] = {
	{ "user", 'u', "NAME", OPTIONS_TEXT, offsetof(struct sessions_options, user), 0, 0, "only of this account (* and ? match any)" },
	{ "host", 'H', "NAME", OPTIONS_TEXT, offsetof(struct sessions_options, host), 0, 0, "only on this host (* and ? match any)" },
	{ "service", 0, "NAME", OPTIONS_TEXT, offsetof(struct sessions_options, service), 0, 0, "only of this PAM service, as sshd or su" },
	{ "after", 0, "TIME", OPTIONS_TEXT, offsetof(struct sessions_options, after), 0, 0, "begun at or after, as 2026-11-23T18:00 (UTC)" },
	{ "before", 0, "TIME", OPTIONS_TEXT, offsetof(struct sessions_options, before), 0, 0, "begun before" },
	{ "live", 'l', NULL, OPTIONS_FLAG, offsetof(struct sessions_options, live), 0, 0, "only those that go on" },
	{ "all", 'a', NULL, OPTIONS_FLAG, offsetof(struct sessions_options, all), 0, 0, "the hosts' own streams too (see itm events)" },
	{ "limit", 'n', "N", OPTIONS_NUMBER, offsetof(struct sessions_options, limit), 1, 1000000, "at most so many (default 100)" },
	{ "json", 0, NULL, OPTIONS_FLAG, offsetof(struct sessions_options, json), 0, 0, "one array of objects" },
	PLACES_STORE(sessions_options, places),
	PLACES_INDEX(sessions_options, places),
	PLACES_SPOOL(sessions_options, places),
	PLACES_CONFIG(sessions_options, places),
	PLACES_AGENT_CONFIG(sessions_options, places),
	{ 0 },
};

static const struct options_command command = {
	.name = "itm sessions",
	.operands = "",
	.summary = "List recorded sessions, newest first.",
	.entries = entries,
};

static const struct table_column columns[] = {
	{ "SESSION", 8, 26, 0 },
	{ "STARTED (UTC)", 16, 19, 1 },
	{ "LENGTH", 7, 10, 0 },
	{ "USER", 4, 32, 2 },
	{ "HOST", 4, 40, 2 },
	{ "FROM", 0, 40, 3 },
	{ "STATE", 4, 12, 1 },
	{ "WHAT", 0, 200, 4 },
};
enum { COLUMNS = sizeof(columns) / sizeof(columns[0]) };

struct list {
	struct buffer text;
	struct json json;
	struct table *table;
	uint64_t count;
	bool as_json;
};

static void state_of(const struct index_session *s, char *out, size_t size)
{
	int status = s->exit_status;

	if (!s->ended)
		snprintf(out, size, "%s", s->open_tail ? "cut off" : "live");
	else if (!s->has_exit)
		snprintf(out, size, "ended");
	else if ((status & 0x7f) != 0)
		snprintf(out, size, "signal %d", status & 0x7f);
	else
		snprintf(out, size, "exit %d", status >> 8 & 0xff);
}

static int add_row(struct list *list, const struct index_session *s)
{
	char id[ID_TEXT_SIZE], start[WHEN_TEXT_SIZE], length[WHEN_TEXT_SIZE], state[32];
	const char *row[COLUMNS];

	id_format(&s->stream, id);
	when_format_wall(s->start_wall_ns, start);
	when_format_offset(s->duration_ms, length);
	state_of(s, state, sizeof(state));
	row[0] = id;
	row[1] = start;
	row[2] = length;
	row[3] = s->user;
	row[4] = s->hostname;
	row[5] = s->rhost[0] != '\0' ? s->rhost : s->service;
	row[6] = state;
	row[7] = s->command[0] != '\0' ? s->command : s->tty[0] != '\0' ? s->tty : s->mode;
	return table_add(list->table, row);
}

static int add(void *context, const struct index_session *s)
{
	struct list *list = context;

	list->count++;
	if (!list->as_json)
		return add_row(list, s);
	if (list->count > 1)
		buffer_put_text(&list->text, ",\n ");
	json_init(&list->json, &list->text);
	json_object(&list->json);
	startup_json_session(&list->json, s);
	json_object_end(&list->json);
	fwrite(list->text.data, 1, list->text.len, stdout);
	buffer_clear(&list->text);
	return json_result(&list->json);
}

static int from_spool(const struct places *places, const struct index_filter *filter, struct list *list,
		      char *error)
{
	struct catalog c;
	uint64_t taken = 0;
	size_t i;
	int r = catalog_read(&c, places->agent.spool);

	if (r != 0) {
		snprintf(error, LOCATE_ERROR_SIZE, r == ITM_ENOENT ?
			 "no spool at %.200s: is the agent on this machine? try --spool DIR" :
			 "cannot read the spool at %.200s", places->agent.spool);
		return r;
	}
	for (i = 0; i < c.count && taken < filter->limit && r == 0; i++) {
		if (!catalog_matches(&c.sessions[i], filter))
			continue;
		taken++;
		r = add(list, &c.sessions[i]);
	}
	catalog_free(&c);
	return r;
}

static int from_index(const struct places *places, const struct index_filter *filter, struct list *list,
		      char *error)
{
	int r = 0;
	struct index *index = index_open(places->server.index, false, &r);

	if (index == NULL) {
		if (!places_is_store(places->server.store) && places_is_spool(places->agent.spool))
			return from_spool(places, filter, list, error);
		locate_explain(places, r, error);
		return r;
	}
	r = index_sessions(index, filter, add, list);
	index_close(index);
	if (r != 0)
		snprintf(error, LOCATE_ERROR_SIZE, "cannot read the index at %.200s: %s",
			 places->server.index, error_text(r));
	return r;
}

static int parse_time(const char *option, const char *text, int64_t *wall_ns)
{
	if (text == NULL || clock_parse(text, wall_ns) == 0)
		return 0;
	say_error(program, "--%s %s: not a time: use 2026-11-23 or 2026-11-23T18:00:05 (UTC)", option, text);
	return ITM_EFORMAT;
}

static int list_all(const struct places *places, const struct index_filter *filter, struct list *list)
{
	char error[LOCATE_ERROR_SIZE];
	int r;

	if (list->as_json)
		printf("[");
	r = (places->use_spool ? from_spool : from_index)(places, filter, list, error);
	if (list->as_json)
		printf("]\n");
	if (r != 0) {
		say_error(program, "%s", error);
		return say_status(r);
	}
	if (!list->as_json && list->count == 0)
		fprintf(stderr, "no session matches\n");
	else if (!list->as_json)
		table_print(list->table, table_terminal_width(), stdout);
	return 0;
}

static int run(int argc, char **argv)
{
	struct sessions_options options = { .limit = 100 };
	struct index_filter filter = { 0 };
	struct places places;
	struct list list = { 0 };
	int status;

	if (startup_parse(&command, &argc, argv, &options, &options.places, &places, &status) != 0)
		return status;
	if (parse_time("after", options.after, &filter.after_wall_ns) != 0 ||
	    parse_time("before", options.before, &filter.before_wall_ns) != 0)
		return EX_USAGE;
	filter.user = options.user;
	filter.host = options.host;
	filter.service = options.service;
	filter.live_only = options.live;
	filter.all = options.all;
	filter.limit = options.limit;
	list.as_json = options.json;
	list.table = table_new(columns, COLUMNS);
	if (list.table == NULL)
		return EX_OSERR;
	buffer_init(&list.text, 1 << 20);
	status = list_all(&places, &filter, &list);
	buffer_free(&list.text);
	table_free(list.table);
	return say_finish(program, status);
}

const struct command sessions_command = { "sessions", &command, run };
