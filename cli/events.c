/* itm events: what happened on hosts beside the sessions, newest first. */
#include <stdio.h>
#include <sysexits.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/json.h"
#include "cli/command.h"
#include "cli/hostnotes.h"
#include "cli/listing.h"
#include "cli/startup.h"
#include "store/index.h"
#include "view/notes.h"
#include "view/when.h"

enum { WORDS_MAX = 2048 };

struct events_options {
	struct places_options places;
	const char *user, *host, *event, *after, *before;
	bool json;
	uint64_t limit;
};

static const struct options_entry entries[] = {
	{ "user", 'u', "NAME", OPTIONS_TEXT, offsetof(struct events_options, user), 0, 0, "only of this account (* and ? match any)" },
	{ "host", 'H', "NAME", OPTIONS_TEXT, offsetof(struct events_options, host), 0, 0, "only on this host (* and ? match any)" },
	{ "event", 'e', "WORD", OPTIONS_TEXT, offsetof(struct events_options, event), 0, 0, "only of this kind, as login-refused (* and ? match any)" },
	{ "after", 0, "TIME", OPTIONS_TEXT, offsetof(struct events_options, after), 0, 0, "at or after, as 2026-11-23T18:00 (UTC)" },
	{ "before", 0, "TIME", OPTIONS_TEXT, offsetof(struct events_options, before), 0, 0, "before" },
	{ "limit", 'n', "N", OPTIONS_NUMBER, offsetof(struct events_options, limit), 1, 1000000, "at most so many (default 100)" },
	{ "json", 0, NULL, OPTIONS_FLAG, offsetof(struct events_options, json), 0, 0, "one array of objects" },
	PLACES_STORE(events_options, places),
	PLACES_INDEX(events_options, places),
	PLACES_SPOOL(events_options, places),
	PLACES_CONFIG(events_options, places),
	PLACES_AGENT_CONFIG(events_options, places),
	{ 0 },
};

static const struct options_command command = {
	.name = "itm events",
	.operands = "",
	.summary = "List logins, refusals and restarts on recorded hosts, newest first.",
	.entries = entries,
};

static const struct table_column columns[] = {
	{ "TIME (UTC)", 16, 19, 1 },
	{ "HOST", 4, 40, 2 },
	{ "EVENT", 8, 24, 0 },
	{ "USER", 4, 32, 2 },
	{ "WHAT", 0, 300, 4 },
};
enum { COLUMNS = sizeof(columns) / sizeof(columns[0]) };

static int add_row(struct listing *list, const struct index_event *e)
{
	char when[WHEN_TEXT_SIZE], words[WORDS_MAX];
	const char *row[COLUMNS] = { when, e->hostname, e->kind, e->user, words };

	when_format_wall(e->wall_ns, when);
	notes_words(e, words, sizeof(words));
	return table_add(list->table, row);
}

static void put_id(struct json *j, const char *key, const struct id *id)
{
	char text[ID_TEXT_SIZE];

	id_format(id, text);
	json_key(j, key);
	json_text(j, id_is_zero(id) ? NULL : text);
}

static int add_json(struct listing *list, const struct index_event *e)
{
	struct json j;
	char time[CLOCK_TEXT_SIZE];

	clock_format(e->wall_ns, time);
	json_init(&j, &list->text);
	json_object(&j);
	json_key(&j, "time");
	json_text(&j, time);
	json_key(&j, "event");
	json_text(&j, e->kind);
	json_key(&j, "host");
	json_text(&j, e->hostname);
	put_id(&j, "host_id", &e->host);
	json_key(&j, "user");
	json_text(&j, e->user);
	put_id(&j, "login_id", &e->login);
	put_id(&j, "session", &e->about);
	put_id(&j, "stream", &e->stream);
	json_key(&j, "number");
	json_uint(&j, e->number);
	json_key(&j, "sealed");
	json_bool(&j, !e->provisional);
	json_key(&j, "note");
	notes_json(&j, e);
	json_object_end(&j);
	listing_print(list);
	return json_result(&j);
}

static int add(void *context, const struct index_event *e)
{
	struct listing *list = context;

	listing_row(list);
	return list->as_json ? add_json(list, e) : add_row(list, e);
}

static int from_spool(struct listing *list, const char *dir, const struct catalog *c)
{
	return hostnotes_read(dir, c, list->filter, add, list);
}

static int from_index(struct listing *list, struct index *index)
{
	return index_events(index, list->filter, add, list);
}

static int run(int argc, char **argv)
{
	struct events_options options = { .limit = 100 };
	struct index_event_filter filter = { 0 };
	struct listing list = { .program = "itm events", .nothing = "no event matches", .filter = &filter,
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
	filter.kind = options.event;
	filter.limit = options.limit;
	list.as_json = options.json;
	return listing_run(&list, &places, columns, COLUMNS);
}

const struct command events_command = { "events", &command, run };
