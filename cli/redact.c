/* itm redact, itm delete: ask the server to take a part of a session away, or
 * all of it, by declaration. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "base/error.h"
#include "cli/command.h"
#include "cli/startup.h"
#include "store/custody.h"
#include "view/approval.h"
#include "view/locate.h"
#include "view/say.h"
#include "view/when.h"

enum { LINE_SIZE = 600 };

struct redact_options {
	struct places_options places;
	const char *section, *from, *to, *reason, *approval;
};

#define REASONS \
	{ "reason", 0, "TEXT", OPTIONS_TEXT, offsetof(struct redact_options, reason), 0, 0, "why; it becomes part of the record" }, \
	{ "approval", 0, "FILE", OPTIONS_TEXT, offsetof(struct redact_options, approval), 0, 0, "request that a second person has signed" }, \
	PLACES_STORE(redact_options, places), \
	PLACES_INDEX(redact_options, places), \
	PLACES_CONFIG(redact_options, places), \
	PLACES_AGENT_CONFIG(redact_options, places), \
	{ 0 }

static const struct options_entry redact_entries[] = {
	{ "section", 's', "NAMES", OPTIONS_TEXT, offsetof(struct redact_options, section), 0, 0, "out (shown), in (typed), meta (notes, commands); several with commas" },
	{ "from", 0, "TIME", OPTIONS_TEXT, offsetof(struct redact_options, from), 0, 0, "from there on: 1:30 into it, or 2026-11-23T18:00 (UTC)" },
	{ "to", 0, "TIME", OPTIONS_TEXT, offsetof(struct redact_options, to), 0, 0, "up to there" },
	REASONS,
};

static const struct options_entry delete_entries[] = { REASONS };

static const struct options_command redact_options = {
	.name = "itm redact",
	.operands = "SESSION",
	.operands_min = 1,
	.operands_max = 1,
	.summary = "Remove what a session showed, took or noted, by signed declaration.",
	.entries = redact_entries,
	.more = "It cannot be undone.  Output goes by whole runs of up to 5 minutes or 1 MiB, so\n"
		"that the rest can still be read.  The chain still verifies, as REDACTED.",
};

static const struct options_command delete_options = {
	.name = "itm delete",
	.operands = "SESSION",
	.operands_min = 1,
	.operands_max = 1,
	.summary = "Remove a whole session, by signed declaration.",
	.entries = delete_entries,
	.more = "It cannot be undone.  The chain still verifies, as REDACTED.",
};

/* The session's id.  What cannot be undone is not done to 'last'. */
static int find(const char *program, const struct places *places, const char *name, struct index_session *out)
{
	char error[LOCATE_ERROR_SIZE];
	struct located where;
	int r;

	if (strcmp(name, "last") == 0) {
		say_error(program, "what is removed is gone: name the session by its id ('itm sessions' shows it)");
		return EX_USAGE;
	}
	*out = (struct index_session){ 0 };
	r = locate_session(places, name, &where, error);
	if (r == 0)
		*out = where.session;
	else if (id_parse(name, &out->stream) != 0) {
		say_error(program, "%s", error);
		return say_status(r);
	}
	return 0;
}

static int put_time(const char *program, const char *option, const char *text, int64_t start_wall_ns, char line[LINE_SIZE])
{
	uint64_t ms;

	line[0] = '\0';
	if (text == NULL)
		return 0;
	if (start_wall_ns == 0 || when_parse(text, start_wall_ns, &ms) != 0) {
		say_error(program, "--%s %s: %s", option, text, start_wall_ns == 0 ? "when the session began is not known"
			  : "a time is 1:30 into the session, or 2026-11-23T18:00 (UTC)");
		return EX_USAGE;
	}
	snprintf(line, LINE_SIZE, "%s=%" PRId64, option, start_wall_ns + (int64_t)(ms * 1000000));
	return 0;
}

static int ask(const char *program, const char *verb, const struct redact_options *o, const struct places *places,
	       const struct index_session *s)
{
	char lines[3][LINE_SIZE] = { "" }, words[AUDIT_ERROR_SIZE], id[ID_TEXT_SIZE];
	struct audit_answer answer;
	struct act act;
	size_t i;
	int r;

	id_format(&s->stream, id);
	r = approval_begin(program, &act, verb, id, o->reason);
	if (o->section != NULL)
		snprintf(lines[0], LINE_SIZE, "section=%.64s", o->section);
	if (r == 0)
		r = put_time(program, "from", o->from, s->start_wall_ns, lines[1]);
	if (r == 0)
		r = put_time(program, "to", o->to, s->start_wall_ns, lines[2]);
	for (i = 0; r == 0 && i < 3; i++)
		if (lines[i][0] != '\0')
			r = act_detail(&act, lines[i]);
	if (r == 0)
		r = approval_attach(program, &places->server, o->approval, &act);
	if (r != 0)
		return r;
	r = custody_ask(places->server.run, &act, &answer, words);
	if (r != 0) {
		say_error(program, "%s", words);
		return say_status(r);
	}
	printf("%s; leaf %" PRIu64 " of the log\n", answer.checkpoint, answer.leaf);
	return say_finish(program, 0);
}

static int run(const struct options_command *command, const char *verb, int argc, char **argv)
{
	struct redact_options options = { 0 };
	struct index_session session;
	struct places places;
	int status;

	if (startup_parse(command, &argc, argv, &options, &options.places, &places, &status) != 0)
		return status;
	if (options.reason == NULL || options.reason[0] == '\0') {
		say_error(command->name, "--reason is needed: why, in words that will stand in the record");
		return EX_USAGE;
	}
	if (command == &redact_options && options.section == NULL) {
		say_error(command->name, "--section is needed: out, in or meta");
		return EX_USAGE;
	}
	status = find(command->name, &places, argv[0], &session);
	return status != 0 ? status : ask(command->name, verb, &options, &places, &session);
}

static int run_redact(int argc, char **argv)
{
	return run(&redact_options, "redact", argc, argv);
}

static int run_delete(int argc, char **argv)
{
	return run(&delete_options, "delete", argc, argv);
}

const struct command redact_command = { "redact", &redact_options, run_redact };
const struct command redact_all_command = { "delete", &delete_options, run_delete };
