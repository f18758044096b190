/* itm sessions: lists them, newest first. */
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "cli/command.h"
#include "cli/listing.h"
#include "cli/startup.h"
#include "view/when.h"

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

static void state_of(const struct index_session *s, char *out, size_t size)
{
	int status = s->exit_status;

	/* Nothing that is signed is an import, whatever its host says of it. */
	if (!s->ended && s->chunks == 0 && strcmp(s->mode, "imported") == 0)
		snprintf(out, size, "imported");
	else if (!s->ended)
		snprintf(out, size, "%s", s->open_tail ? "cut off" : "live");
	else if (!s->has_exit)
		snprintf(out, size, "ended");
	else if ((status & 0x7f) != 0)
		snprintf(out, size, "signal %d", status & 0x7f);
	else
		snprintf(out, size, "exit %d", status >> 8 & 0xff);
}

static int add_row(struct listing *list, const struct index_session *s)
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
	struct listing *list = context;
	struct json json;

	listing_row(list);
	if (!list->as_json)
		return add_row(list, s);
	json_init(&json, &list->text);
	json_object(&json);
	startup_json_session(&json, s);
	json_object_end(&json);
	listing_print(list);
	return json_result(&json);
}

static int from_spool(struct listing *list, const char *dir, const struct catalog *c)
{
	const struct index_filter *filter = list->filter;
	int r = 0;

	(void)dir;
	for (size_t i = 0; i < c->count && list->count < filter->limit && r == 0; i++)
		if (catalog_matches(&c->sessions[i], filter))
			r = add(list, &c->sessions[i]);
	return r;
}

static int from_index(struct listing *list, struct index *index)
{
	return index_sessions(index, list->filter, add, list);
}

static int run(int argc, char **argv)
{
	struct sessions_options options = { .limit = 100 };
	struct index_filter filter = { 0 };
	struct listing list = { .program = "itm sessions", .nothing = "no session matches", .filter = &filter,
				.from_index = from_index, .from_spool = from_spool };
	struct places places;
	int status;

	if (startup_parse(&command, &argc, argv, &options, &options.places, &places, &status) != 0)
		return status;
	if (listing_time(&list, "after", options.after, &filter.after_wall_ns) != 0 ||
	    listing_time(&list, "before", options.before, &filter.before_wall_ns) != 0)
		return EX_USAGE;
	filter.user = options.user;
	filter.host = options.host;
	filter.service = options.service;
	filter.live_only = options.live;
	filter.all = options.all;
	filter.limit = options.limit;
	list.as_json = options.json;
	return listing_run(&list, &places, columns, COLUMNS);
}

const struct command sessions_command = { "sessions", &command, run };
