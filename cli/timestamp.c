/* itm timestamp: time stamps of RFC 3161 on the checkpoints of a server's
 * central log.  We make the query and take the response; who carries them to
 * the authority and back is the caller's choice, as `curl` is. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/atomicfile.h"
#include "base/error.h"
#include "base/json.h"
#include "cli/command.h"
#include "cli/startup.h"
#include "cli/trust.h"
#include "cli/tsa.h"
#include "format/checkpoint.h"
#include "store/stamps.h"
#include "store/tile.h"
#include "view/say.h"
#include "view/when.h"

static const char *const program = "itm timestamp";

enum { JSON_MAX = 1 << 20, DIR_SIZE = 4096, SHOWN_MAX = 20 };

struct timestamp_options {
	struct places_options places;
	const char *from, *out, *log_key, *ca;
	bool json;
};

static const struct options_entry entries[] = {
	{ "tsa-ca", 0, "FILE", OPTIONS_TEXT, offsetof(struct timestamp_options, ca), 0, 0, "keep, show: CA certificates of the authority (PEM)" },
	{ "from", 0, "DIR", OPTIONS_TEXT, offsetof(struct timestamp_options, from), 0, 0, "the central log or a copy of it (default: the store's)" },
	{ "out", 0, "DIR", OPTIONS_TEXT, offsetof(struct timestamp_options, out), 0, 0, "where stamps are (default: stamps below --from)" },
	{ "log-key", 0, "FILE", OPTIONS_TEXT, offsetof(struct timestamp_options, log_key), 0, 0, "the server's public log key, instead of the pinned one" },
	{ "json", 0, NULL, OPTIONS_FLAG, offsetof(struct timestamp_options, json), 0, 0, "show: one array of objects" },
	PLACES_STORE(timestamp_options, places),
	PLACES_CONFIG(timestamp_options, places),
	PLACES_AGENT_CONFIG(timestamp_options, places),
	{ 0 },
};

static const struct options_command command = {
	.name = "itm timestamp",
	.operands = "query FILE | keep FILE | show",
	.operands_min = 1,
	.operands_max = 2,
	.summary = "Have the log's checkpoint stamped by a time-stamping authority.",
	.entries = entries,
	.more = "query writes what to send to the authority, keep takes its response (FILE '-': standard output and\n"
		"input).  openssl makes and checks them.  'itm verify --tsa-ca' demands a stamp.",
};

static int refuse(int status, const char *words)
{
	say_error(program, "%s", words);
	return status;
}

/* Openssl's words are said as they are; what is missing here has its own status. */
static int refuse_stamp(int r, const char *words)
{
	return refuse(r == ITM_ENOENT ? EX_UNAVAILABLE : r == ITM_EINVAL ? EX_NOINPUT : r == ITM_ECRYPTO ? EX_DATAERR : EX_OSERR,
		      words[0] != '\0' ? words : error_text(r));
}

/* The note, which the log must have signed: a stamp on anything else is worth nothing. */
static int check_note(const struct buffer *note, const uint8_t log[SIGN_PUBLIC_SIZE], const char *where, struct checkpoint *c)
{
	struct fault fault = { 0 };

	if (checkpoint_open(note->data, note->len, log, c, NULL, &fault) == 0)
		return 0;
	say_error(program, "%s: %s", where, fault.reason);
	return EX_DATAERR;
}

static int write_out(const char *path, const struct buffer *b)
{
	if (strcmp(path, "-") == 0)
		return fwrite(b->data, 1, b->len, stdout) == b->len ? 0 : EX_IOERR;
	int r = atomicfile_write(path, b->data, b->len, 0644);
	if (r != 0)
		say_error(program, "%s: %s", path, error_text(r));
	return r == 0 ? 0 : EX_CANTCREAT;
}

static int read_in(const char *path, struct buffer *b)
{
	char piece[4096];
	size_t n;
	int r = 0;

	if (strcmp(path, "-") != 0)
		r = atomicfile_read(path, b);
	else
		while (r == 0 && (n = fread(piece, 1, sizeof(piece), stdin)) > 0)
			r = buffer_put(b, piece, n);
	if (r != 0)
		say_error(program, "%s: %s", path, error_text(r));
	return r == 0 ? 0 : EX_NOINPUT;
}

static int query(const char *from, const char *dir, const uint8_t log[SIGN_PUBLIC_SIZE], const char *path)
{
	char words[TSA_WORDS_SIZE];
	struct buffer note, out;
	struct checkpoint c;
	int status, r;

	buffer_init(&note, NOTE_MAX);
	buffer_init(&out, TSA_QUERY_MAX);
	r = tile_checkpoint(from, &note);
	if (r != 0)
		say_error(program, "%s/checkpoint: %s", from, r == ITM_ENOENT ? "the log has no checkpoint yet" : error_text(r));
	status = r == 0 ? check_note(&note, log, from, &c) : EX_NOINPUT;
	if (status == 0) {
		r = tsa_query(note.data, note.len, &out, words);
		status = r == 0 ? 0 : refuse_stamp(r, words);
	}
	if (status == 0) {
		r = stamps_send(dir, &note);
		if (r != 0)
			say_error(program, "%s: %s", dir, error_text(r));
		status = r == 0 ? write_out(path, &out) : EX_CANTCREAT;
	}
	buffer_free(&note);
	buffer_free(&out);
	return status;
}

static int keep_response(const struct timestamp_options *o, const char *dir, const uint8_t log[SIGN_PUBLIC_SIZE],
			 const struct buffer *note, const struct buffer *response)
{
	char words[TSA_WORDS_SIZE], time[WHEN_TEXT_SIZE];
	struct checkpoint c;
	int64_t at;
	int status = check_note(note, log, "pending", &c);
	int r = status == 0 ? tsa_check(note->data, note->len, response, o->ca, &at, words) : 0;

	if (status != 0 || r != 0)
		return status != 0 ? status : refuse_stamp(r, words);
	r = stamps_keep(dir, c.size, note, response);
	if (r != 0) {
		say_error(program, "%s: %s", dir, error_text(r));
		return EX_CANTCREAT;
	}
	when_format_wall(at * 1000000000, time);
	printf("the log's first %" PRIu64 " leaves are stamped: %s UTC\n", c.size, time);
	return 0;
}

static int keep(const struct timestamp_options *o, const char *dir, const uint8_t log[SIGN_PUBLIC_SIZE], const char *path)
{
	struct buffer note, response;
	char pending[DIR_SIZE + 16];
	int status;

	if (o->ca == NULL)
		return refuse(EX_USAGE, "keep needs --tsa-ca: a response is checked before it is kept");
	buffer_init(&note, NOTE_MAX);
	buffer_init(&response, STAMPS_RESPONSE_MAX);
	snprintf(pending, sizeof(pending), "%s/pending", dir);
	status = read_in(path, &response);
	if (status == 0 && atomicfile_read(pending, &note) != 0)
		status = refuse(EX_NOINPUT, "nothing was sent: 'itm timestamp query' first");
	if (status == 0)
		status = keep_response(o, dir, log, &note, &response);
	buffer_free(&note);
	buffer_free(&response);
	return status;
}

static void show_one(const struct timestamp_options *o, struct json *j, uint64_t size, int64_t at, const char *words)
{
	char time[WHEN_TEXT_SIZE];

	when_format_wall(at * 1000000000, time);
	if (!o->json) {
		printf("%10" PRIu64 " leaves  %s%s\n", size, at > 0 ? time : words, at > 0 ? " UTC" : "");
		return;
	}
	json_object(j);
	json_key(j, "size");
	json_uint(j, size);
	json_key(j, "stamped_at");
	json_text(j, at > 0 ? time : NULL);
	json_key(j, "words");
	json_text(j, at > 0 ? NULL : words);
	json_object_end(j);
}

/* The newest stamps, each checked. */
static int show(const struct timestamp_options *o, const char *dir)
{
	char words[TSA_WORDS_SIZE];
	struct buffer note, response, text;
	uint64_t size = UINT64_MAX;
	struct json j;
	int64_t at;
	int r;

	if (o->ca == NULL)
		return refuse(EX_USAGE, "show needs --tsa-ca: a stamp is shown when it is good");
	r = tsa_ready(o->ca, words);
	if (r != 0)
		return refuse_stamp(r, words);
	buffer_init(&note, NOTE_MAX);
	buffer_init(&response, STAMPS_RESPONSE_MAX);
	buffer_init(&text, JSON_MAX);
	json_init(&j, &text);
	json_array(&j);
	for (int i = 0; i < SHOWN_MAX && (size = stamps_below(dir, size)) != 0; i++) {
		buffer_clear(&note);
		buffer_clear(&response);
		at = 0;
		if (stamps_read(dir, size, &note, &response) != 0)
			snprintf(words, sizeof(words), "its files can't be read");
		else if (tsa_check(note.data, note.len, &response, o->ca, &at, words) != 0)
			at = 0;
		show_one(o, &j, size, at, words);
	}
	json_array_end(&j);
	if (o->json)
		startup_print_line(&text);
	buffer_free(&note);
	buffer_free(&response);
	buffer_free(&text);
	return 0;
}

static int run(int argc, char **argv)
{
	struct timestamp_options o = { 0 };
	char from[DIR_SIZE], dir[DIR_SIZE];
	uint8_t log[SIGN_PUBLIC_SIZE];
	struct places places;
	int status;

	if (startup_parse(&command, &argc, argv, &o, &o.places, &places, &status) != 0)
		return status;
	if (sign_init() != 0)
		return EX_SOFTWARE;
	snprintf(from, sizeof(from), o.from != NULL ? "%.4000s" : "%.4000s/log", o.from != NULL ? o.from : places.server.store);
	snprintf(dir, sizeof(dir), o.out != NULL ? "%.4000s" : "%.4000s/stamps", o.out != NULL ? o.out : from);
	if (argc == 1 && strcmp(argv[0], "show") == 0)
		return say_finish(program, show(&o, dir));
	if (argc != 2 || (strcmp(argv[0], "query") != 0 && strcmp(argv[0], "keep") != 0))
		return refuse(EX_USAGE, "not understood: 'itm timestamp --help' says what it does");
	if (o.log_key != NULL ? sign_load_public(o.log_key, log) != 0 : !trust_log(&places, log))
		return refuse(EX_NOINPUT, "the server's public log key can't be read: name it with --log-key");
	status = strcmp(argv[0], "query") == 0 ? query(from, dir, log, argv[1]) : keep(&o, dir, log, argv[1]);
	return say_finish(program, status);
}

const struct command timestamp_command = { "timestamp", &command, run };
