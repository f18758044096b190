/* itm alerts: what the recorder raised by itself, on hosts and on the server,
 * newest first. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>
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
#include "view/say.h"
#include "view/when.h"

enum { WORDS_MAX = 2048 };

struct alerts_options {
	struct places_options places;
	const char *host, *alert, *severity, *session, *after, *before;
	bool json;
	uint64_t limit;
};

static const struct options_entry entries[] = {
	{ "host", 'H', "NAME", OPTIONS_TEXT, offsetof(struct alerts_options, host), 0, 0, "only of this host (* and ? match any)" },
	{ "session", 's', "ID", OPTIONS_TEXT, offsetof(struct alerts_options, session), 0, 0, "only about this session, named by its first characters" },
	{ "alert", 'a', "WORD", OPTIONS_TEXT, offsetof(struct alerts_options, alert), 0, 0, "only of this kind, as host-silent (* and ? match any)" },
	{ "severity", 0, "WORD", OPTIONS_TEXT, offsetof(struct alerts_options, severity), 0, 0, "this or worse: low, medium, high, critical" },
	{ "after", 0, "TIME", OPTIONS_TEXT, offsetof(struct alerts_options, after), 0, 0, "at or after, as 2026-11-23T18:00 (UTC)" },
	{ "since", 0, "TIME", OPTIONS_TEXT, offsetof(struct alerts_options, after), 0, 0, "the same" },
	{ "before", 0, "TIME", OPTIONS_TEXT, offsetof(struct alerts_options, before), 0, 0, "before" },
	{ "limit", 'n', "N", OPTIONS_NUMBER, offsetof(struct alerts_options, limit), 1, 1000000, "at most so many (default 100)" },
	{ "json", 0, NULL, OPTIONS_FLAG, offsetof(struct alerts_options, json), 0, 0, "one array of objects" },
	PLACES_STORE(alerts_options, places),
	PLACES_INDEX(alerts_options, places),
	PLACES_SPOOL(alerts_options, places),
	PLACES_CONFIG(alerts_options, places),
	PLACES_AGENT_CONFIG(alerts_options, places),
	{ 0 },
};

static const struct options_command command = {
	.name = "itm alerts",
	.operands = "",
	.summary = "List what was raised by the recorder itself, newest first.",
	.entries = entries,
};

static const struct table_column columns[] = {
	{ "TIME (UTC)", 16, 19, 1 },
	{ "HOST", 4, 40, 2 },
	{ "SEVERITY", 8, 8, 0 },
	{ "ALERT", 8, 24, 0 },
	{ "WHAT", 0, 400, 4 },
};
enum { COLUMNS = sizeof(columns) / sizeof(columns[0]) };

/* What it means, then the facts. */
static void describe(const struct index_alert *a, char *out, size_t size)
{
	const struct alert_kind *kind = alert_find(a->name);
	const struct index_event facts = { .about = a->about, .text = a->text, .text_len = a->text_len };
	int n = snprintf(out, size, "%s: ", kind != NULL ? kind->words : "an alert of another version");

	notes_words(&facts, out + n, size - (size_t)n);
	if (out[n] == '\0')
		out[n - 2] = '\0';
}

static int add_row(struct listing *list, const struct index_alert *a)
{
	char when[WHEN_TEXT_SIZE], words[WORDS_MAX];
	const char *row[COLUMNS] = { when, a->hostname, alert_severity_word(a->severity), a->name, words };

	when_format_wall(a->wall_ns, when);
	describe(a, words, sizeof(words));
	return table_add(list->table, row);
}

static void put_id(struct json *j, const char *key, const struct id *id)
{
	char text[ID_TEXT_SIZE];

	id_format(id, text);
	json_key(j, key);
	json_text(j, id_is_zero(id) ? NULL : text);
}

static void put_text(struct json *j, const char *key, const char *text)
{
	json_key(j, key);
	json_text(j, text);
}

static int add_json(struct listing *list, const struct index_alert *a)
{
	const struct alert_kind *kind = alert_find(a->name);
	const struct index_event facts = { .text = a->text, .text_len = a->text_len };
	struct json j;
	char time[CLOCK_TEXT_SIZE];

	clock_format(a->wall_ns, time);
	json_init(&j, &list->text);
	json_object(&j);
	put_text(&j, "time", time);
	put_text(&j, "alert", a->name);
	put_text(&j, "severity", alert_severity_word(a->severity));
	put_text(&j, "means", kind != NULL ? kind->words : NULL);
	put_text(&j, "state", a->state);
	put_text(&j, "host", a->hostname);
	put_id(&j, "host_id", &a->host);
	put_id(&j, "session", &a->about);
	put_id(&j, "stream", &a->stream);
	put_text(&j, "by", id_is_zero(&a->stream) ? "server" : "host");
	json_key(&j, "number");
	json_uint(&j, a->number);
	json_key(&j, "sealed");
	json_bool(&j, !a->provisional);
	json_key(&j, "facts");
	notes_json(&j, &facts);
	json_object_end(&j);
	listing_print(list);
	return json_result(&j);
}

static int add(void *context, const struct index_alert *a)
{
	struct listing *list = context;

	listing_row(list);
	return list->as_json ? add_json(list, a) : add_row(list, a);
}

static int from_index(struct listing *list, struct index *index)
{
	return index_alerts(index, list->filter, add, list);
}

struct wanted { struct listing *list; uint64_t left; };

static int add_note(void *context, const struct index_event *e)
{
	struct wanted *w = context;
	struct index_alert a = { .host = e->host, .stream = e->stream, .number = e->number, .wall_ns = e->wall_ns,
				 .provisional = e->provisional, .state = "new" };

	snprintf(a.hostname, sizeof(a.hostname), "%s", e->hostname);
	if (w->left == 0 || index_alert_read(e->text, e->text_len, &a) != 0 || !index_alert_wanted(w->list->filter, &a))
		return 0;
	w->left--;
	return add(w->list, &a);
}

/* What the server noticed is not there. */
static int from_spool(struct listing *list, const char *dir, const struct catalog *c)
{
	const struct index_alert_filter *filter = list->filter;
	const struct index_event_filter all = { .kind = "alert", .host = filter->host, .limit = HOSTNOTES_MAX };
	struct wanted w = { list, filter->limit };

	return hostnotes_read(dir, c, &all, add_note, &w);
}

/* As ids are written: capitals, and 1 1 0 for I L O. */
static void normalise(const char *name, char out[ID_TEXT_SIZE])
{
	size_t i = 0;

	for (; name[i] != '\0' && i < ID_TEXT_SIZE - 1; i++) {
		char c = (char)toupper((unsigned char)name[i]);
		out[i] = c == 'I' || c == 'L' ? '1' : c == 'O' ? '0' : c;
	}
	out[i] = '\0';
}

static int run(int argc, char **argv)
{
	struct alerts_options options = { .limit = 100 };
	struct index_alert_filter filter = { 0 };
	struct listing list = { .program = "itm alerts", .nothing = "no alert matches", .filter = &filter,
				.from_index = from_index, .from_spool = from_spool };
	struct places places;
	char session[ID_TEXT_SIZE];
	int status;

	if (startup_parse(&command, &argc, argv, &options, &options.places, &places, &status) != 0)
		return status;
	if (listing_time(&list, "after", options.after, &filter.after_wall_ns) != 0 ||
	    listing_time(&list, "before", options.before, &filter.before_wall_ns) != 0)
		return EX_USAGE;
	if (options.severity != NULL && (filter.severity = alert_severity_read(options.severity)) == 0) {
		say_error(list.program, "--severity %s: use low, medium, high or critical", options.severity);
		return EX_USAGE;
	}
	if (options.session != NULL) {
		normalise(options.session, session);
		filter.session = session;
	}
	filter.host = options.host;
	filter.name = options.alert;
	filter.limit = options.limit;
	list.as_json = options.json;
	return listing_run(&list, &places, columns, COLUMNS);
}

const struct command alerts_command = { "alerts", &command, run };
