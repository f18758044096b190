/* itm hold, itm holds: keep sessions from being removed, release them, list
 * the holds. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/json.h"
#include "cli/command.h"
#include "cli/startup.h"
#include "store/custody.h"
#include "store/evidence_hold.h"
#include "view/approval.h"
#include "view/locate.h"
#include "view/say.h"
#include "view/table.h"
#include "view/when.h"

enum { LINE_SIZE = 600 };

struct hold_options {
	struct places_options places;
	const char *user, *host, *reason, *approval;
	bool release, all, json;
};

static const struct options_entry hold_entries[] = {
	{ "user", 'u', "NAME", OPTIONS_TEXT, offsetof(struct hold_options, user), 0, 0, "hold all sessions of this account, and of its logins" },
	{ "host", 'H', "NAME", OPTIONS_TEXT, offsetof(struct hold_options, host), 0, 0, "hold everything of this host (its name or id)" },
	{ "release", 0, NULL, OPTIONS_FLAG, offsetof(struct hold_options, release), 0, 0, "end the hold with this number" },
	{ "reason", 0, "TEXT", OPTIONS_TEXT, offsetof(struct hold_options, reason), 0, 0, "why; it becomes part of the record" },
	{ "approval", 0, "FILE", OPTIONS_TEXT, offsetof(struct hold_options, approval), 0, 0, "release: request that a second person has signed" },
	PLACES_STORE(hold_options, places),
	PLACES_INDEX(hold_options, places),
	PLACES_CONFIG(hold_options, places),
	PLACES_AGENT_CONFIG(hold_options, places),
	{ 0 },
};

static const struct options_entry list_entries[] = {
	{ "all", 'a', NULL, OPTIONS_FLAG, offsetof(struct hold_options, all), 0, 0, "released ones too" },
	{ "json", 0, NULL, OPTIONS_FLAG, offsetof(struct hold_options, json), 0, 0, "one array of objects" },
	PLACES_STORE(hold_options, places),
	PLACES_INDEX(hold_options, places),
	PLACES_CONFIG(hold_options, places),
	PLACES_AGENT_CONFIG(hold_options, places),
	{ 0 },
};

static const struct options_command hold_options = {
	.name = "itm hold",
	.operands = "[SESSION | NUMBER]",
	.operands_max = 1,
	.summary = "Keep a session, an account's or a host's from being removed.",
	.entries = hold_entries,
	.more = "While a hold stands, nothing it covers is redacted, deleted or removed by\n"
		"retention.  'itm hold --release NUMBER' ends it; 'itm holds' lists them.",
};

static const struct options_command list_options = {
	.name = "itm holds",
	.operands = "",
	.summary = "List legal holds.",
	.entries = list_entries,
};

/* What is to be held, and how the server calls that. */
static int subject(const struct hold_options *o, const struct places *places, const char *operand, const char **kind,
		   char out[ACT_SUBJECT_SIZE])
{
	char error[LOCATE_ERROR_SIZE];
	struct located where;
	struct id id;
	int r;

	if ((o->user != NULL) + (o->host != NULL) + (operand != NULL) != 1) {
		say_error(hold_options.name, "name one: a session, --user NAME or --host NAME");
		return EX_USAGE;
	}
	*kind = o->user != NULL ? "user" : o->host != NULL ? "host" : "session";
	if (operand == NULL) {
		snprintf(out, ACT_SUBJECT_SIZE, "%s", o->user != NULL ? o->user : o->host);
		return 0;
	}
	/* A session may be held before anything of it has come. */
	if (id_parse(operand, &id) != 0) {
		r = locate_session(places, operand, &where, error);
		if (r != 0) {
			say_error(hold_options.name, "%s", error);
			return say_status(r);
		}
		id = where.session.stream;
	}
	id_format(&id, out);
	return 0;
}

static int ask(const struct places *places, const char *verb, const char *what, const struct hold_options *o,
	       const char *line)
{
	char words[AUDIT_ERROR_SIZE];
	struct audit_answer answer;
	struct act act;
	int r = approval_begin(hold_options.name, &act, verb, what, o->reason);

	if (r == 0 && line != NULL)
		r = act_detail(&act, line);
	if (r == 0)
		r = approval_attach(hold_options.name, &places->server, o->approval, &act);
	if (r != 0)
		return r;
	r = custody_ask(places->server.run, &act, &answer, words);
	if (r != 0) {
		say_error(hold_options.name, "%s", words);
		return say_status(r);
	}
	printf("%s; leaf %" PRIu64 " of the log\n", answer.checkpoint, answer.leaf);
	return say_finish(hold_options.name, 0);
}

static int run_hold(int argc, char **argv)
{
	struct hold_options options = { 0 };
	char what[ACT_SUBJECT_SIZE], line[LINE_SIZE];
	const char *kind;
	struct places places;
	int status;

	if (startup_parse(&hold_options, &argc, argv, &options, &options.places, &places, &status) != 0)
		return status;
	if (options.reason == NULL || options.reason[0] == '\0') {
		say_error(hold_options.name, "--reason is needed: why, in words that will stand in the record");
		return EX_USAGE;
	}
	if (options.release) {
		if (argc != 1 || options.user != NULL || options.host != NULL) {
			say_error(hold_options.name, "--release wants the number of a hold: 'itm holds' shows it");
			return EX_USAGE;
		}
		return ask(&places, "release", argv[0], &options, NULL);
	}
	status = subject(&options, &places, argc > 0 ? argv[0] : NULL, &kind, what);
	if (status != 0)
		return status;
	snprintf(line, sizeof(line), "kind=%s", kind);
	return ask(&places, "hold", what, &options, line);
}

/* The list */

static const struct table_column columns[] = {
	{ "NUMBER", 6, 10, 0 },
	{ "SINCE (UTC)", 16, 19, 1 },
	{ "ON", 8, 60, 0 },
	{ "BY", 4, 40, 2 },
	{ "REASON", 0, 300, 4 },
};
enum { COLUMNS = sizeof(columns) / sizeof(columns[0]) };

struct list { struct table *table; struct buffer text; struct json json; bool as_json; uint64_t count; };

static const char *kind_name(enum evidence_hold_kind kind)
{
	return kind == EVIDENCE_HOLD_SESSION ? "session" : kind == EVIDENCE_HOLD_USER ? "user" : "host";
}

static void put_time(struct json *j, const char *key, int64_t wall_ns)
{
	char text[CLOCK_TEXT_SIZE];

	clock_format(wall_ns, text);
	json_key(j, key);
	json_text(j, wall_ns != 0 ? text : NULL);
}

static int add_json(struct json *j, const struct evidence_hold *h)
{
	json_object(j);
	json_key(j, "number");
	json_uint(j, h->number);
	json_key(j, "kind");
	json_text(j, kind_name(h->kind));
	json_key(j, "value");
	json_text(j, h->value);
	json_key(j, "who");
	json_text(j, h->who);
	json_key(j, "reason");
	json_text(j, h->reason);
	put_time(j, "since", h->wall_ns);
	put_time(j, "released", h->ended_wall_ns);
	json_key(j, "released_by");
	json_text(j, h->ended_wall_ns != 0 ? h->ended_who : NULL);
	json_key(j, "released_reason");
	json_text(j, h->ended_wall_ns != 0 ? h->ended_reason : NULL);
	json_object_end(j);
	return 0;
}

static int add(void *context, const struct evidence_hold *h)
{
	struct list *list = context;
	char number[24], when[WHEN_TEXT_SIZE], on[EVIDENCE_HOLD_VALUE_SIZE + 16], reason[LINE_SIZE * 4];
	const char *row[COLUMNS] = { number, when, on, h->who, reason };

	list->count++;
	if (list->as_json)
		return add_json(&list->json, h);
	snprintf(number, sizeof(number), "%" PRIu64, h->number);
	when_format_wall(h->wall_ns, when);
	snprintf(on, sizeof(on), "%s %.255s", kind_name(h->kind), h->value);
	snprintf(reason, sizeof(reason), "%.1000s%s%.1000s", h->reason, h->ended_wall_ns != 0 ? "; released: " : "", h->ended_reason);
	return table_add(list->table, row);
}

static int show(const struct hold_options *o, struct evidence *e)
{
	struct list list = { .as_json = o->json };
	int r;

	buffer_init(&list.text, 256 << 20);
	json_init(&list.json, &list.text);
	list.table = table_new(columns, COLUMNS);
	json_array(&list.json);
	r = list.table != NULL ? evidence_hold_list(e, o->all, add, &list) : ITM_ENOMEM;
	json_array_end(&list.json);
	if (r == 0 && o->json)
		startup_print_line(&list.text);
	else if (r == 0 && list.count > 0)
		table_print(list.table, table_terminal_width(), stdout);
	else if (r == 0)
		printf("There are no holds.\n");
	table_free(list.table);
	buffer_free(&list.text);
	return r;
}

static int run_list(int argc, char **argv)
{
	struct hold_options options = { 0 };
	struct evidence *e;
	struct places places;
	int status, r;

	if (startup_parse(&list_options, &argc, argv, &options, &options.places, &places, &status) != 0)
		return status;
	e = evidence_open(places.server.store, NULL, false, &r);
	if (e != NULL)
		r = show(&options, e);
	evidence_close(e);
	if (r != 0)
		say_error(list_options.name, "%s: %s", places.server.store, r == ITM_ENOENT ? "there is no store there" :
			  "may not be read: run as root, or as a member of itm-store");
	return r != 0 ? say_status(r) : say_finish(list_options.name, 0);
}

const struct command hold_command = { "hold", &hold_options, run_hold };
const struct command hold_list_command = { "holds", &list_options, run_list };
