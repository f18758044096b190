/* itm search: finds text that was shown. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "cli/command.h"
#include "cli/startup.h"
#include "store/query.h"
#include "terminal/text.h"
#include "view/locate.h"
#include "view/say.h"
#include "view/when.h"

static const char *const program = "itm search";

enum {
	SHORT_ID = 8,           /* characters of an id that are shown; 40 bits */
};

struct search_options {
	struct places_options places;
	uint64_t limit, offset, context;
	bool json;
};

static const struct options_entry entries[] = {
	{ "limit", 'n', "N", OPTIONS_NUMBER, offsetof(struct search_options, limit), 1, 100000, "at most so many (default 50)" },
	{ "offset", 0, "N", OPTIONS_NUMBER, offsetof(struct search_options, offset), 0, 100000000, "pass over the first N" },
	{ "context", 'C', "N", OPTIONS_NUMBER, offsetof(struct search_options, context), 0, INDEX_CONTEXT_MAX, "and N lines on each side" },
	{ "json", 0, NULL, OPTIONS_FLAG, offsetof(struct search_options, json), 0, 0, "one array of objects" },
	PLACES_STORE(search_options, places),
	PLACES_INDEX(search_options, places),
	PLACES_CONFIG(search_options, places),
	PLACES_AGENT_CONFIG(search_options, places),
	{ 0 },
};

static const struct options_command command = {
	.name = "itm search",
	.operands = "QUERY...",
	.operands_min = 1,
	.operands_max = 256,
	.summary = "Find text that was shown in a session, newest first.",
	.entries = entries,
	.more = "QUERY: words, \"a phrase\", prefix*, *inside*, /regex/; and, or, not, ( );\n"
		"in one place: out: cmd: file: in: exe: argv: alert:; of sessions: user: host:\n"
		"session: tty: src: after:TIME before:TIME",
};

struct results {
	struct buffer text;
	bool as_json, colour;
	uint64_t count;
};

static const char *const kinds[] = {
	[LINES_SHOWN] = "shown", [LINES_RAW] = "sent", [LINES_FILE] = "file", [LINES_COMMAND] = "command",
	[LINES_PROGRAM] = "program",
};

static void add_json_lines(struct json *j, const char *key, const struct index_line *lines, size_t count)
{
	json_key(j, key);
	json_array(j);
	for (size_t i = 0; i < count; i++)
		json_bytes(j, lines[i].text, lines[i].len);
	json_array_end(j);
}

static int add_json(struct results *out, const struct index_hit *hit, const char *replay)
{
	char wall[CLOCK_TEXT_SIZE];
	struct json j;

	clock_format(hit->wall_ns, wall);
	if (out->count > 1)
		buffer_put_text(&out->text, ",\n ");
	json_init(&j, &out->text);
	json_object(&j);
	json_key(&j, "time");
	json_seconds(&j, hit->time_ms * 1000);
	json_key(&j, "wall");
	json_text(&j, wall);
	json_key(&j, "line");
	json_text(&j, hit->line);
	json_key(&j, "kind");
	json_text(&j, kinds[hit->kind]);
	if (hit->has_exit) {
		json_key(&j, "command_exit_status");
		json_uint(&j, hit->exit_status);
	}
	json_key(&j, "matches");
	json_array(&j);
	for (size_t i = 0; i < hit->span_count; i++) {
		json_array(&j);
		json_uint(&j, hit->spans[i].start);
		json_uint(&j, hit->spans[i].len);
		json_array_end(&j);
	}
	json_array_end(&j);
	add_json_lines(&j, "before", hit->before, hit->before_count);
	add_json_lines(&j, "after", hit->after, hit->after_count);
	json_key(&j, "hit_sealed");
	json_bool(&j, !hit->provisional);
	json_key(&j, "replay");
	json_text(&j, replay);
	startup_json_session(&j, &hit->session);
	json_object_end(&j);
	return json_result(&j);
}

/* The line with what matched lit up. */
static void put_line(struct results *out, const struct index_hit *hit)
{
	size_t len = strlen(hit->line), pos = 0;

	buffer_put_text(&out->text, "    ");
	for (size_t i = 0; out->colour && i < hit->span_count; i++) {
		const struct query_span *span = &hit->spans[i];
		text_escape(&out->text, hit->line + pos, span->start - pos);
		buffer_put_text(&out->text, "\033[1;31m");
		text_escape(&out->text, hit->line + span->start, span->len);
		buffer_put_text(&out->text, "\033[0m");
		pos = span->start + span->len;
	}
	text_escape(&out->text, hit->line + pos, len - pos);
	buffer_put_u8(&out->text, '\n');
}

static void put_context(struct results *out, const struct index_line *lines, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		buffer_put_text(&out->text, "  - ");
		text_escape(&out->text, lines[i].text, lines[i].len);
		buffer_put_u8(&out->text, '\n');
	}
}

/* Where a hit stands, when it is no line of the screen. */
static const char *said_of(enum lines_kind kind)
{
	switch (kind) {
	case LINES_RAW: return "    sent, but never stood on the screen:\n";
	case LINES_FILE: return "    a file that passed:\n";
	case LINES_COMMAND: return "    typed at a prompt:\n";
	case LINES_PROGRAM: return "    a program that ran:\n";
	default: return "";
	}
}

static int add(void *context, const struct index_hit *hit)
{
	struct results *out = context;
	char id[ID_TEXT_SIZE], at[WHEN_TEXT_SIZE], wall[WHEN_TEXT_SIZE], replay[128];
	int r = 0;

	id_format(&hit->session.stream, id);
	when_format_offset(hit->time_ms, at);
	when_format_wall(hit->wall_ns, wall);
	snprintf(replay, sizeof(replay), "itm-replay %.*s@%s", SHORT_ID, id, at);
	out->count++;
	if (out->as_json) {
		r = add_json(out, hit, replay);
	} else {
		buffer_printf(&out->text, "%s  ", wall);
		text_escape(&out->text, hit->session.user, strlen(hit->session.user));
		buffer_put_u8(&out->text, '@');
		text_escape(&out->text, hit->session.hostname, strlen(hit->session.hostname));
		buffer_printf(&out->text, "  %s%s\n", replay, hit->provisional ? "  (not yet sealed)" : "");
		put_context(out, hit->before, hit->before_count);
		buffer_put_text(&out->text, said_of(hit->kind));
		if (hit->has_exit)
			buffer_printf(&out->text, "    exit status %u:\n", hit->exit_status);
		put_line(out, hit);
		put_context(out, hit->after, hit->after_count);
	}
	fwrite(out->text.data, 1, out->text.len, stdout);
	buffer_clear(&out->text);
	return r;
}

/* The query on a line of its own and a caret below the character. */
static void explain_query(const char *query, const struct fault *fault)
{
	struct buffer line;
	size_t at = fault->offset < strlen(query) ? (size_t)fault->offset : strlen(query);
	int caret;

	say_error(program, "%s", fault->reason ? fault->reason : "the query cannot be read");
	buffer_init(&line, QUERY_MAX * 16);
	text_escape(&line, query, at);
	/* Characters before it, each taken as one column. */
	caret = 0;
	for (size_t i = 0; i < line.len; i++)
		caret += (line.data[i] & 0xc0) != 0x80;
	text_escape(&line, query + at, strlen(query + at));
	fprintf(stderr, "  %.*s\n  %*s^\n", (int)line.len, (const char *)line.data, caret, "");
	buffer_free(&line);
}

/* Operands as one query. */
static int join(char **words, int count, char *out, size_t size)
{
	size_t used = 0;
	int i, n;

	for (i = 0; i < count; i++) {
		n = snprintf(out + used, size - used, "%s%s", i > 0 ? " " : "", words[i]);
		if (n < 0 || (size_t)n >= size - used)
			return ITM_ELIMIT;
		used += (size_t)n;
	}
	return 0;
}

static int refused(const char *query, int r, const struct fault *fault)
{
	switch (r) {
	case ITM_EFORMAT:
	case ITM_EINVAL:
	case ITM_ELIMIT:
		explain_query(query, fault);
		return EX_USAGE;
	case ITM_ENOENT:
	case ITM_EBUSY:
		explain_query(query, fault);
		return EX_NOINPUT;
	case ITM_ETIMEOUT:
		say_error(program, "stopped after %d s: this is what was found until then; narrow it with user: host: after:",
			  INDEX_SEARCH_MS / 1000);
		return EX_UNAVAILABLE;
	default:
		say_error(program, "cannot search: %s", error_text(r));
		return say_status(r);
	}
}

/* What the list itself doesn't say. */
static void remark(const struct search_options *o, const struct index_search *how, const struct results *out)
{
	if (how->unanswered)
		say_error(program, "in: and alert: match nothing here: keystrokes are not in the index; alerts: see itm alerts");
	if (how->given_up > 0)
		say_error(program, "on %llu lines the regular expression took too long: they were not searched",
			  (unsigned long long)how->given_up);
	if (o->json)
		return;
	if (out->count == 0)
		fprintf(stderr, "nothing found\n");
	else if (how->more)
		fprintf(stderr, "there is more: --offset %llu\n", (unsigned long long)(o->offset + out->count));
}

static int search(struct index *index, const char *query, const struct search_options *o, struct results *out)
{
	struct index_search how = { .limit = o->limit, .offset = o->offset, .context = (unsigned)o->context };
	struct fault fault = { 0 };
	int r;

	if (o->json)
		printf("[");
	r = index_search(index, query, &how, add, out, &fault);
	if (o->json)
		printf("]\n");
	if (r != 0)
		return refused(query, r, &fault);
	remark(o, &how, out);
	return 0;
}

static int run(int argc, char **argv)
{
	struct search_options options = { .limit = 50 };
	char error[LOCATE_ERROR_SIZE], query[QUERY_MAX];
	struct results out = { 0 };
	struct index *index;
	struct places places;
	int status, r = 0;

	if (startup_parse(&command, &argc, argv, &options, &options.places, &places, &status) != 0)
		return status;
	if (join(argv, argc, query, sizeof(query)) != 0) {
		say_error(program, "the query is over %d bytes", QUERY_MAX - 1);
		return EX_USAGE;
	}
	index = index_open(places.server.index, false, &r);
	if (index == NULL) {
		locate_explain(&places, r, error);
		say_error(program, "%s", error);
		return say_status(r);
	}
	out.as_json = options.json;
	out.colour = isatty(STDOUT_FILENO) && (getenv("NO_COLOR") == NULL || getenv("NO_COLOR")[0] == '\0');
	buffer_init(&out.text, 4 << 20);
	status = search(index, query, &options, &out);
	buffer_free(&out.text);
	index_close(index);
	return say_finish(program, status);
}

const struct command search_command = { "search", &command, run };
