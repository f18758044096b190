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
#include "terminal/text.h"
#include "view/locate.h"
#include "view/say.h"
#include "view/when.h"

static const char *const program = "itm search";

enum {
	QUERY_MAX = 4096,
	SHORT_ID = 8,           /* characters of an id that are shown; 40 bits */
};

struct search_options {
	struct places_options places;
	uint64_t limit;
	bool json;
};

static const struct options_entry entries[] = {
	{ "limit", 'n', "N", OPTIONS_NUMBER, offsetof(struct search_options, limit), 1, 100000, "at most so many (default 50)" },
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
	.more = "QUERY: words (all must match), \"a phrase\", prefix*, user:NAME host:NAME\n"
		"session:ID after:TIME before:TIME",
};

struct results {
	struct buffer text;
	bool as_json, colour;
	uint64_t count;
};

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
	json_key(&j, "match_start");
	json_uint(&j, hit->match_start);
	json_key(&j, "match_len");
	json_uint(&j, hit->match_len);
	json_key(&j, "shown");
	json_bool(&j, !hit->raw);
	json_key(&j, "hit_sealed");
	json_bool(&j, !hit->provisional);
	json_key(&j, "replay");
	json_text(&j, replay);
	startup_json_session(&j, &hit->session);
	json_object_end(&j);
	return json_result(&j);
}

/* The line with its match lit up; the match is clipped to the line. */
static void put_line(struct results *out, const struct index_hit *hit)
{
	size_t len = strlen(hit->line);
	size_t start = hit->match_start < len ? hit->match_start : len;
	size_t match = hit->match_len < len - start ? hit->match_len : len - start;

	buffer_put_text(&out->text, "    ");
	text_escape(&out->text, hit->line, start);
	if (out->colour && match > 0)
		buffer_put_text(&out->text, "\033[1;31m");
	text_escape(&out->text, hit->line + start, match);
	if (out->colour && match > 0)
		buffer_put_text(&out->text, "\033[0m");
	text_escape(&out->text, hit->line + start + match, len - start - match);
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
		if (hit->raw)
			buffer_put_text(&out->text, "    sent, but never stood on the screen:\n");
		put_line(out, hit);
		r = buffer_put_u8(&out->text, '\n');
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

static int search(struct index *index, const char *query, const struct search_options *o, struct results *out)
{
	struct fault fault = { 0 };
	int r;

	if (o->json)
		printf("[");
	r = index_search(index, query, o->limit, add, out, &fault);
	if (o->json)
		printf("]\n");
	if (r == ITM_EFORMAT || r == ITM_EINVAL || r == ITM_ELIMIT) {
		explain_query(query, &fault);
		return EX_USAGE;
	}
	if (r == ITM_ETIMEOUT) {
		say_error(program, "stopped after %d s: this is what was found until then; narrow it with user: host: after:",
			  INDEX_SEARCH_MS / 1000);
		return EX_UNAVAILABLE;
	}
	if (r != 0) {
		say_error(program, "cannot search: %s", error_text(r));
		return say_status(r);
	}
	if (out->count == 0 && !o->json)
		fprintf(stderr, "nothing found\n");
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
