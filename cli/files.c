/* itm files: what happened to sensitive files, newest first. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/json.h"
#include "cli/command.h"
#include "cli/listing.h"
#include "cli/startup.h"
#include "store/words.h"
#include "terminal/text.h"
#include "view/activities.h"
#include "view/changed.h"
#include "view/locate.h"
#include "view/say.h"
#include "view/when.h"

enum { SHORT_ID = 8 };

struct files_options {
	struct places_options places;
	const char *host, *path, *after, *before;
	bool json;
	uint64_t limit;
};

static const struct options_entry entries[] = {
	{ "host", 'H', "NAME", OPTIONS_TEXT, offsetof(struct files_options, host), 0, 0, "only on this host (* and ? match any)" },
	{ "path", 'p', "PATH", OPTIONS_TEXT, offsetof(struct files_options, path), 0, 0, "only of this file (* and ? match any)" },
	{ "after", 0, "TIME", OPTIONS_TEXT, offsetof(struct files_options, after), 0, 0, "at or after, as 2026-11-23T18:00 (UTC)" },
	{ "before", 0, "TIME", OPTIONS_TEXT, offsetof(struct files_options, before), 0, 0, "before" },
	{ "limit", 'n', "N", OPTIONS_NUMBER, offsetof(struct files_options, limit), 1, 100000, "at most so many (default 100)" },
	{ "json", 0, NULL, OPTIONS_FLAG, offsetof(struct files_options, json), 0, 0, "one array of objects" },
	PLACES_STORE(files_options, places),
	PLACES_INDEX(files_options, places),
	PLACES_SPOOL(files_options, places),
	PLACES_CONFIG(files_options, places),
	PLACES_AGENT_CONFIG(files_options, places),
	{ 0 },
};

static const struct options_command command = {
	.name = "itm files",
	.operands = "[SESSION]",
	.operands_max = 1,
	.summary = "List changes of sensitive files and who made them, newest first.",
	.entries = entries,
};

static const struct table_column columns[] = {
	{ "TIME (UTC)", 16, 19, 1 },
	{ "HOST", 4, 40, 2 },
	{ "USER", 4, 32, 2 },
	{ "SESSION", 8, 8, 0 },
	{ "WHAT", 7, 7, 0 },
	{ "PATH", 12, 80, 3 },
	{ "BY, AND THE LINES", 0, 300, 4 },
};
enum { COLUMNS = sizeof(columns) / sizeof(columns[0]) };

struct request {
	const struct files_options *options;
	const struct places *places;
	struct changed_filter filter;
	const struct index_session *session;     /* NULL = all */
	struct index_session *streams;           /* of files and of processes */
	size_t count, size;
	struct index *index;                     /* either of these knows the sessions */
	const struct catalog *catalog;
};

static int keep_stream(void *context, const struct index_session *s)
{
	struct request *r = context;
	const char *host = r->options->host;
	char id[ID_TEXT_SIZE];

	id_format(&s->host, id);
	if ((strcmp(s->mode, "files") != 0 && strcmp(s->mode, "processes") != 0) ||
	    (host != NULL && !words_glob(host, s->hostname) && !words_glob(host, id)) ||
	    (r->session != NULL && !id_equal(&s->host, &r->session->host)))
		return 0;
	if (r->count == r->size) {
		size_t size = r->size > 0 ? 2 * r->size : 16;
		struct index_session *more = realloc(r->streams, size * sizeof *more);
		if (more == NULL)
			return ITM_ENOMEM;
		r->streams = more;
		r->size = size;
	}
	r->streams[r->count++] = *s;
	return 0;
}

/* The name of whose session it is, else of the login, by number. */
static void name_user(const struct request *r, const struct changed_file *f, char *out, size_t size)
{
	static struct index_session s;
	char id[ID_TEXT_SIZE];

	id_format(&f->session, id);
	out[0] = '\0';
	if (!id_is_zero(&f->session) && (r->index != NULL ? index_session_find(r->index, id, &s)
							  : catalog_find(r->catalog, id, &s)) == 0)
		snprintf(out, size, "%s", s.user);
	else if (f->loginuid != 0)
		snprintf(out, size, "login %" PRIu64, f->loginuid - 1);
	else if (f->event.number[ACTIVITY_START] != 0)
		snprintf(out, size, "uid %" PRIu64, f->event.number[ACTIVITY_UID]);
}

static const char *what(const struct activity_event *e)
{
	switch (e->kind) {
	case ACTIVITY_FILE_CREATED: return "created";
	case ACTIVITY_FILE_REMOVED: return (e->number[ACTIVITY_FILE_FLAGS] & ACTIVITY_FILE_BRIEF) != 0 ? "brief" : "removed";
	case ACTIVITY_FILE_PLACE: return "folder";
	default: return "changed";
	}
}

static void put_lines(struct buffer *b, const char *sign, const struct activity_event *e, enum activity_tag tag)
{
	if (e->number[tag] == 0)
		return;
	buffer_printf(b, "  %s", sign);
	text_escape(b, e->bytes[tag], e->number[tag] < 120 ? e->number[tag] : 120);
}

static void put_detail(struct buffer *b, const struct changed_file *f)
{
	const struct activity_event *e = &f->event;
	const uint64_t *n = e->number;

	if (f->exe[0] != '\0')
		text_escape(b, f->exe, strlen(f->exe));
	else if (n[ACTIVITY_COMM] > 0)
		text_escape(b, e->bytes[ACTIVITY_COMM], n[ACTIVITY_COMM]);
	if (n[ACTIVITY_PID] > 0)
		buffer_printf(b, " (%" PRIu64 ")", n[ACTIVITY_PID]);
	if ((n[ACTIVITY_FILE_FLAGS] & ACTIVITY_FILE_AWAY) != 0)
		buffer_put_text(b, " while nobody watched");
	if (n[ACTIVITY_REASON] > 0) {
		buffer_put_u8(b, ' ');
		text_escape(b, e->bytes[ACTIVITY_REASON], n[ACTIVITY_REASON]);
	}
	if (n[ACTIVITY_BEFORE_MODE] != n[ACTIVITY_AFTER_MODE] && n[ACTIVITY_BEFORE_MODE] != 0 && n[ACTIVITY_AFTER_MODE] != 0)
		buffer_printf(b, "  mode %" PRIo64 " to %" PRIo64, n[ACTIVITY_BEFORE_MODE] & 07777, n[ACTIVITY_AFTER_MODE] & 07777);
	put_lines(b, "- ", e, ACTIVITY_BEFORE_TEXT);
	put_lines(b, "+ ", e, ACTIVITY_AFTER_TEXT);
}

static int add_row(struct listing *l, const struct request *r, const struct changed_file *f)
{
	char when[WHEN_TEXT_SIZE], user[80], id[ID_TEXT_SIZE];
	struct buffer path, detail;

	buffer_init(&path, 32768);
	buffer_init(&detail, 65536);
	when_format_wall(f->wall_ns, when);
	name_user(r, f, user, sizeof user);
	id_format(&f->session, id);
	id[id_is_zero(&f->session) ? 0 : SHORT_ID] = '\0';
	text_escape(&path, f->event.bytes[ACTIVITY_PATH], f->event.number[ACTIVITY_PATH]);
	put_detail(&detail, f);
	const char *p = buffer_text(&path), *d = buffer_text(&detail);
	const char *row[COLUMNS] = { when, f->hostname, user, id, what(&f->event), p != NULL ? p : "", d != NULL ? d : "" };
	int result = table_add(l->table, row);
	buffer_free(&path);
	buffer_free(&detail);
	return result;
}

static void put_id(struct json *j, const char *key, const struct id *id)
{
	char text[ID_TEXT_SIZE];

	id_format(id, text);
	json_key(j, key);
	json_text(j, id_is_zero(id) ? NULL : text);
}

static void put_bytes(struct json *j, const char *key, const struct activity_event *e, enum activity_tag tag)
{
	json_key(j, key);
	if (e->bytes[tag] != NULL)
		json_bytes(j, e->bytes[tag], e->number[tag]);
	else
		json_null(j);
}

static int add_json(struct listing *l, const struct request *r, const struct changed_file *f)
{
	char time[CLOCK_TEXT_SIZE], user[80];
	struct buffer all;
	struct json j;

	clock_format(f->wall_ns, time);
	name_user(r, f, user, sizeof user);
	json_init(&j, &l->text);
	json_object(&j);
	json_key(&j, "time");
	json_text(&j, time);
	json_key(&j, "what");
	json_text(&j, what(&f->event));
	put_bytes(&j, "path", &f->event, ACTIVITY_PATH);
	json_key(&j, "host");
	json_text(&j, f->hostname);
	put_id(&j, "host_id", &f->host);
	json_key(&j, "user");
	json_text(&j, user);
	put_id(&j, "session", &f->session);
	json_key(&j, "exe");
	json_bytes(&j, f->exe, strlen(f->exe));
	put_bytes(&j, "before_text", &f->event, ACTIVITY_BEFORE_TEXT);
	put_bytes(&j, "after_text", &f->event, ACTIVITY_AFTER_TEXT);
	json_key(&j, "sealed");
	json_bool(&j, f->sealed);
	put_id(&j, "stream", &f->stream);
	json_key(&j, "activity");
	buffer_init(&all, ACTIVITY_EVENT_MAX + 64);
	if (activity_put(&all, &f->event) != 0 || activities_json(&j, all.data, all.len) != 0)
		json_null(&j);
	buffer_free(&all);
	json_object_end(&j);
	listing_print(l);
	return json_result(&j);
}

static int list_changes(struct listing *l, struct request *r, const char *dir)
{
	struct changed c = { .list = NULL };
	uint64_t left = r->options->limit;
	int result = 0;

	for (size_t i = 0; i < r->count && result == 0; i++)
		if (strcmp(r->streams[i].mode, "files") == 0)
			result = changed_read(&c, dir, &r->streams[i], &r->filter);
	changed_sort(&c, r->session != NULL ? CHANGED_MAX : left);
	/* Oldest first: a stream tells what comes after those before it. */
	for (size_t i = r->count; i-- > 0 && result == 0; )
		if (strcmp(r->streams[i].mode, "processes") == 0)
			result = changed_tie(&c, dir, &r->streams[i]);
	for (size_t i = 0; i < c.count && left > 0 && result == 0; i++) {
		const struct changed_file *f = &c.list[i];
		if (r->session != NULL && !id_equal(&f->session, &r->session->stream))
			continue;
		left--;
		listing_row(l);
		result = l->as_json ? add_json(l, r, f) : add_row(l, r, f);
	}
	if (c.cut)
		say_error(l->program, "more than %d changes: the rest is left out; use --after or --before", CHANGED_MAX);
	changed_free(&c);
	return result;
}

static int from_index(struct listing *l, struct index *index)
{
	struct request *r = (struct request *)(uintptr_t)l->filter;
	const struct index_filter all = { .all = true, .limit = 1000000 };

	r->index = index;
	int result = index_sessions(index, &all, keep_stream, r);
	return result == 0 ? list_changes(l, r, r->places->server.store) : result;
}

static int from_spool(struct listing *l, const char *dir, const struct catalog *c)
{
	struct request *r = (struct request *)(uintptr_t)l->filter;
	int result = 0;

	r->catalog = c;
	for (size_t i = 0; i < c->count && result == 0; i++)
		result = keep_stream(r, &c->sessions[i]);
	return result == 0 ? list_changes(l, r, dir) : result;
}

static int run(int argc, char **argv)
{
	struct files_options options = { .limit = 100 };
	struct places places;
	struct request request = { .options = &options, .places = &places };
	struct listing list = { .program = "itm files", .nothing = "no change matches", .filter = &request,
				.from_index = from_index, .from_spool = from_spool };
	char error[LOCATE_ERROR_SIZE];
	static struct located at;
	int status;

	if (startup_parse(&command, &argc, argv, &options, &options.places, &places, &status) != 0)
		return status;
	if (argc > 0) {
		int r = locate_session(&places, argv[0], &at, error);
		if (r != 0) {
			say_error(list.program, "%s", error);
			return say_status(r);
		}
		request.session = &at.session;
		request.filter.after_wall_ns = at.session.start_wall_ns;
		/* No end: what was left in the background may change something later. */
	}
	if (listing_time(&list, "after", options.after, &request.filter.after_wall_ns) != 0 ||
	    listing_time(&list, "before", options.before, &request.filter.before_wall_ns) != 0)
		return EX_USAGE;
	request.filter.path = options.path;
	list.as_json = options.json;
	status = listing_run(&list, &places, columns, COLUMNS);
	free(request.streams);
	return status;
}

const struct command files_command = { "files", &command, run };
