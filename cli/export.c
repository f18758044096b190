/* itm export: writes a session in another format. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/error.h"
#include "cli/command.h"
#include "cli/export_bundle.h"
#include "cli/keyring.h"
#include "cli/startup.h"
#include "view/locate.h"
#include "view/opening.h"
#include "view/say.h"
#include "view/sink.h"

static const char *const program = "itm export";

struct export_options {
	struct places_options places;
	struct opening_options opening;
	const char *format, *output, *sign, *from, *to;
	bool raw;
};

static const struct options_entry entries[] = {
	{ "format", 'f', "FORMAT", OPTIONS_TEXT, offsetof(struct export_options, format), 0, 0, "asciicast (version 2), asciicast3, ttyrec, typescript, html, text, json, or bundle (evidence to be checked)" },
	{ "output", 'o', "FILE", OPTIONS_TEXT, offsetof(struct export_options, output), 0, 0, "a new file, instead of standard output" },
	{ "sign", 0, "FILE", OPTIONS_TEXT, offsetof(struct export_options, sign), 0, 0, "bundle: sign it with this officer's key" },
	{ "from", 0, "TIME", OPTIONS_TEXT, offsetof(struct export_options, from), 0, 0, "only from there: 90, 1:30, 1m30s or 2026-11-23T18:00:05 (UTC)" },
	{ "to", 0, "TIME", OPTIONS_TEXT, offsetof(struct export_options, to), 0, 0, "only up to there" },
	{ "raw", 0, NULL, OPTIONS_FLAG, offsetof(struct export_options, raw), 0, 0, "bytes as recorded, also those that act on a terminal" },
	OPENING_OPTIONS(export_options, opening),
	PLACES_STORE(export_options, places),
	PLACES_INDEX(export_options, places),
	PLACES_SPOOL(export_options, places),
	PLACES_CONFIG(export_options, places),
	PLACES_AGENT_CONFIG(export_options, places),
	{ 0 },
};

static const struct options_command command = {
	.name = "itm export",
	.operands = "SESSION",
	.operands_min = 1,
	.operands_max = 1,
	.summary = "Write a session for other players, as a page, text, JSON lines, or as evidence for a stranger.",
	.entries = entries,
};

/* Never over a file that is there: an export is evidence for somebody. */
static int open_output(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd < 0 && errno == EEXIST)
		say_error(program, "%s is there already: remove it or choose another name", path);
	else if (fd < 0)
		say_error(program, "cannot make %s: %s", path, strerror(errno));
	return fd;
}

static bool to_stdout(const struct export_options *o)
{
	return o->output == NULL || strcmp(o->output, "-") == 0;
}

/* second: -1 for formats that are one file. */
static int write_session(struct sink_run run, const struct export_options *o, int fd, int second)
{
	run.fd = fd;
	run.second_fd = second;
	int r = sink_run(&run, NULL);

	if (r == 0 && ((!to_stdout(o) && fsync(fd) != 0) || (second >= 0 && fsync(second) != 0)))
		r = ITM_ESYS;
	if (r != 0) {
		say_error(program, "cannot write the session: %s", error_text(r));
		return r == ITM_ESYS ? EX_IOERR : say_status(r);
	}
	if (run.broken > 0) {
		say_error(program, "the record is broken at %llu places; 'itm verify' says more",
			  (unsigned long long)run.broken);
		return EX_DATAERR;
	}
	return 0;
}

/* The part that was asked for. */
static int read_range(const struct export_options *o, struct sink_run *run)
{
	const char *const texts[] = { o->from, o->to };
	uint64_t *const ms[] = { &run->from_ms, &run->to_ms };

	for (unsigned i = 0; i < 2; i++)
		if (texts[i] != NULL && sink_when(run->source, texts[i], ms[i]) != 0) {
			say_error(program, "--%s %s: not a time: use 90, 1:30, 1m30s or 2026-11-23T18:00:05", i == 0 ? "from" : "to", texts[i]);
			return EX_USAGE;
		}
	if (o->to != NULL && run->to_ms <= run->from_ms) {
		say_error(program, "--to %s is not after the beginning", o->to);
		return EX_USAGE;
	}
	return 0;
}

static int export_to(struct source *source, const struct sink *sink, const struct export_options *o)
{
	struct sink_run run = { .sink = sink, .source = source, .raw = o->raw };
	char path[PATH_MAX];
	int fd = STDOUT_FILENO, second = -1, status = EX_CANTCREAT;

	if (read_range(o, &run) != 0)
		return EX_USAGE;
	if (to_stdout(o))
		return write_session(run, o, fd, second);
	fd = open_output(o->output);
	if (fd < 0)
		return EX_CANTCREAT;
	if (sink->second != NULL) {
		if (snprintf(path, sizeof(path), "%s%s", o->output, sink->suffix) < (int)sizeof(path))
			second = open_output(path);
		if (second < 0)
			goto out;
	}
	status = write_session(run, o, fd, second);
out:
	close(fd);
	if (second >= 0)
		close(second);
	if (status == EX_IOERR || status == EX_CANTCREAT)
		unlink(o->output);
	if (status == EX_IOERR && second >= 0)
		unlink(path);
	return status;
}

static int write_bundle(const struct export_options *o, const struct places *places, const struct located *where)
{
	const struct keyring_options signing = { .key = o->sign };
	int status = export_bundle_run(places, where, o->output, o->opening.reason);

	return status == 0 && o->sign != NULL ? keyring_sign(&signing, o->output) : status;
}

static int run(int argc, char **argv)
{
	struct export_options options = { .format = "asciicast" };
	char error[LOCATE_ERROR_SIZE];
	const struct sink *sink;
	struct places places;
	struct located where;
	struct source *source;
	struct sealed *keys;
	bool bundle;
	int status, r;

	if (startup_parse(&command, &argc, argv, &options, &options.places, &places, &status) != 0)
		return status;
	bundle = strcmp(options.format, "bundle") == 0;
	sink = sink_find(options.format);
	if (sink == NULL && !bundle) {
		say_error(program, "no format '%s': asciicast, asciicast3, ttyrec, typescript, html, text, json or bundle", options.format);
		return EX_USAGE;
	}
	if (bundle && (options.from != NULL || options.to != NULL)) {
		say_error(program, "a bundle is a whole session: it can't be checked otherwise; leave out --from and --to");
		return EX_USAGE;
	}
	if (bundle && to_stdout(&options)) {
		say_error(program, "a bundle is a tar file: say where with --output FILE");
		return EX_USAGE;
	}
	if (sink != NULL && sink->second != NULL && to_stdout(&options)) {
		say_error(program, "%s is two files: say where with --output FILE, and FILE%s comes beside it", sink->name,
			  sink->suffix);
		return EX_USAGE;
	}
	r = locate_session(&places, argv[0], &where, error);
	if (r != 0) {
		say_error(program, "%s", error);
		return say_status(r);
	}
	if (bundle)
		return say_finish(program, write_bundle(&options, &places, &where));
	source = source_open(where.dir, &where.session.stream, &r);
	if (source == NULL) {
		say_error(program, "%s: cannot open session %s: %s", where.dir, argv[0], error_text(r));
		return say_status(r);
	}
	status = opening_begin(program, &options.opening, &places, source, &where.session.stream, &keys);
	if (status == 0)
		status = export_to(source, sink, &options);
	/* An import is in frames only, which know no end. */
	if (status == 0 && !source_ended(source) && strcmp(where.session.mode, "imported") != 0)
		say_error(program, "the session has no end yet: this is what is recorded so far");
	source_close(source);
	sealed_free(keys);
	return status;
}

const struct command export_command = { "export", &command, run };
