/* itm witness: cosigns the checkpoints of a server's central log, from another
 * machine if possible. */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/paths.h"
#include "cli/command.h"
#include "cli/startup.h"
#include "store/witness.h"
#include "view/say.h"
#include "view/when.h"

static const char *const program = "itm witness";

enum {
	EXIT_FORKED = 15, EXIT_UNSIGNED = 16, EXIT_WENT_BACK = 17,
	INTERVAL_S = 60, JSON_MAX = 64 * 1024, DIR_SIZE = 4096,
};

struct witness_options {
	struct places_options places;
	const char *dir, *from, *out, *name, *log_key;
	uint64_t interval;
	bool json;
};

static const struct options_entry entries[] = {
	{ "dir", 0, "DIR", OPTIONS_TEXT, offsetof(struct witness_options, dir), 0, 0, "the witness's own folder (default: /var/lib/itm/witness)" },
	{ "name", 0, "NAME", OPTIONS_TEXT, offsetof(struct witness_options, name), 0, 0, "init: the witness's name, as witness.example.com" },
	{ "log-key", 0, "FILE", OPTIONS_TEXT, offsetof(struct witness_options, log_key), 0, 0, "init: the server's public log key, pinned from now on" },
	{ "from", 0, "DIR", OPTIONS_TEXT, offsetof(struct witness_options, from), 0, 0, "the central log or a copy of it (default: the store's)" },
	{ "out", 0, "DIR", OPTIONS_TEXT, offsetof(struct witness_options, out), 0, 0, "where cosigned checkpoints go (default: cosigned below --from)" },
	{ "interval", 0, "SECONDS", OPTIONS_NUMBER, offsetof(struct witness_options, interval), 1, 86400, "run: look so often (default: 60)" },
	{ "json", 0, NULL, OPTIONS_FLAG, offsetof(struct witness_options, json), 0, 0, "one object for each look" },
	PLACES_STORE(witness_options, places),
	PLACES_CONFIG(witness_options, places),
	{ 0 },
};

static const struct options_command command = {
	.name = "itm witness",
	.operands = "init | once | run | show",
	.operands_min = 1,
	.operands_max = 1,
	.summary = "Cosign the server's log, if it goes on from what was cosigned before.",
	.entries = entries,
	.more = "Exit status of once and run: 0 cosigned or nothing new, 15 the log was forked, 16 its checkpoint is\n"
		"not signed by the pinned key, 17 it went back, 75 look again later.  run ends when it refuses.",
};

/* What each outcome is called in JSON, and what we end with. */
static const struct { const char *word; int status; } outcomes[] = {
	[WITNESS_COSIGNED] = { "cosigned", 0 },
	[WITNESS_NOTHING_NEW] = { "nothing-new", 0 },
	[WITNESS_WENT_BACK] = { "went-back", EXIT_WENT_BACK },
	[WITNESS_FORKED] = { "forked", EXIT_FORKED },
	[WITNESS_UNSIGNED] = { "unsigned", EXIT_UNSIGNED },
	[WITNESS_OTHER_LOG] = { "other-log", EXIT_UNSIGNED },
	[WITNESS_INCOMPLETE] = { "incomplete", EX_TEMPFAIL },
	[WITNESS_ABSENT] = { "absent", EX_NOINPUT },
	[WITNESS_FAILED] = { "failed", EX_CANTCREAT },
};

static void print_key(const struct note_key *key)
{
	struct buffer b;

	buffer_init(&b, NOTE_KEY_TEXT_SIZE);
	if (note_key_put(&b, key) == 0)
		startup_print_line(&b);
	buffer_free(&b);
}

static int make(const struct witness_options *o, const char *dir)
{
	uint8_t log[SIGN_PUBLIC_SIZE];
	struct note_key key;
	char path[DIR_SIZE];
	int r;

	if (o->name == NULL || o->log_key == NULL) {
		say_error(program, "init needs --name and --log-key, the server's log.public carried here by a way you trust");
		return EX_USAGE;
	}
	r = sign_load_public(o->log_key, log);
	if (r != 0) {
		say_error(program, "--log-key %s: %s", o->log_key, r == ITM_EFORMAT ? "not a public key file" : error_text(r));
		return EX_NOINPUT;
	}
	r = witness_init(dir, o->name, log);
	if (r != 0) {
		say_error(program, "%s: %s", dir, r == ITM_EBUSY ? "there is a witness already" :
			  r == ITM_EINVAL ? "the name must be without spaces and '+'" : error_text(r));
		return r == ITM_EBUSY ? EX_CANTCREAT : say_status(r);
	}
	snprintf(path, sizeof(path), "%.4000s/witness.public", dir);
	r = witness_load_public(path, &key);
	if (r != 0) {
		say_error(program, "%s: %s", path, error_text(r));
		return say_status(r);
	}
	print_key(&key);
	return 0;
}

static void json_look(enum witness_outcome o, const struct witness *w, const struct checkpoint *seen, const char *words)
{
	char time[WHEN_TEXT_SIZE];
	struct buffer text;
	struct json j;

	when_format_wall((int64_t)w->last_at * 1000000000, time);
	buffer_init(&text, JSON_MAX);
	json_init(&j, &text);
	json_object(&j);
	json_key(&j, "outcome");
	json_text(&j, outcomes[o].word);
	json_key(&j, "witness");
	json_text(&j, w->key.name);
	json_key(&j, "origin");
	json_text(&j, seen->origin[0] != '\0' ? seen->origin : NULL);
	json_key(&j, "size");
	json_uint(&j, seen->size);
	json_key(&j, "cosigned_size");
	json_uint(&j, w->last.size);
	json_key(&j, "cosigned_at");
	json_text(&j, w->last_at != 0 ? time : NULL);
	json_key(&j, "words");
	json_text(&j, words[0] != '\0' ? words : NULL);
	json_object_end(&j);
	startup_print_line(&text);
	buffer_free(&text);
}

static void tell(const struct witness_options *o, enum witness_outcome outcome, const struct witness *w,
		 const struct checkpoint *seen, const char *words)
{
	if (words[0] != '\0')
		say_error(program, "%s", words);
	if (o->json)
		json_look(outcome, w, seen, words);
	else if (outcome == WITNESS_COSIGNED)
		printf("cosigned %s at %" PRIu64 " leaves\n", seen->origin, seen->size);
	else if (outcome == WITNESS_NOTHING_NEW)
		printf("nothing new: %s has %" PRIu64 " leaves, as cosigned\n", seen->origin, seen->size);
	fflush(stdout);
}

/* One look.  What an earlier one cosigned and could not hand over goes first. */
static int look(const struct witness_options *o, struct witness *w, const char *from, const char *out)
{
	enum witness_outcome outcome = WITNESS_INCOMPLETE;
	char words[WITNESS_WORDS_SIZE] = "";
	struct checkpoint seen = { 0 };
	int r = 0, i;

	/* A live log goes on under our eyes: partial tiles are swept after a while. */
	for (i = 0; i < 3 && outcome == WITNESS_INCOMPLETE; i++)
		outcome = witness_look(w, from, (uint64_t)(clock_wall_ns() / 1000000000), &seen, words);
	if (outcome == WITNESS_COSIGNED || outcome == WITNESS_NOTHING_NEW)
		r = witness_publish(w, out);
	tell(o, outcome, w, &seen, words);
	if (r == 0)
		return outcomes[outcome].status;
	say_error(program, "%s: the cosigned checkpoint can't be put there: %s", out, error_text(r));
	return EX_CANTCREAT;
}

static volatile sig_atomic_t stopped;

static void on_stop(int number)
{
	(void)number;
	stopped = 1;
}

/* Waits outlive what passes by itself; a refusal does not. */
static bool passes(int status)
{
	return status == 0 || status == EX_TEMPFAIL || status == EX_NOINPUT || status == EX_CANTCREAT;
}

static int run_on(const struct witness_options *o, struct witness *w, const char *from, const char *out)
{
	const struct sigaction action = { .sa_handler = on_stop };
	struct timespec wait = { .tv_sec = o->interval != 0 ? (time_t)o->interval : INTERVAL_S };
	sigset_t stops, before;
	int status;

	/* Taken in only while we wait: no look is cut short, no signal is missed. */
	sigemptyset(&stops);
	sigaddset(&stops, SIGTERM);
	sigaddset(&stops, SIGINT);
	sigprocmask(SIG_BLOCK, &stops, &before);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
	do {
		status = look(o, w, from, out);
		if (passes(status) && !stopped)
			ppoll(NULL, 0, &wait, &before);
	} while (passes(status) && !stopped);
	return stopped && passes(status) ? 0 : status;
}

static int show(const struct witness_options *o, const struct witness *w)
{
	const struct checkpoint nothing = { 0 };
	char time[WHEN_TEXT_SIZE];

	if (o->json) {
		json_look(WITNESS_NOTHING_NEW, w, w->last.origin[0] != '\0' ? &w->last : &nothing, "");
		return 0;
	}
	print_key(&w->key);
	when_format_wall((int64_t)w->last_at * 1000000000, time);
	if (w->last.origin[0] != '\0')
		printf("last cosigned: %s at %" PRIu64 " leaves, %s UTC\n", w->last.origin, w->last.size, time);
	else
		printf("nothing was cosigned yet\n");
	return 0;
}

static int run(int argc, char **argv)
{
	char from[DIR_SIZE], out[DIR_SIZE], words[WITNESS_WORDS_SIZE];
	struct witness_options o = { 0 };
	struct places places;
	struct witness w;
	int status, r;

	if (startup_parse(&command, &argc, argv, &o, &o.places, &places, &status) != 0)
		return status;
	if (sign_init() != 0)
		return EX_SOFTWARE;
	const char *what = argv[0], *dir = o.dir != NULL ? o.dir : PATHS_WITNESS;
	bool once = strcmp(what, "once") == 0, asked = strcmp(what, "show") == 0;
	if (strcmp(what, "init") == 0)
		return say_finish(program, make(&o, dir));
	if (!once && !asked && strcmp(what, "run") != 0) {
		say_error(program, "not understood: 'itm witness --help' says what it does");
		return EX_USAGE;
	}
	snprintf(from, sizeof(from), o.from != NULL ? "%.4000s" : "%.4000s/log", o.from != NULL ? o.from : places.server.store);
	snprintf(out, sizeof(out), o.out != NULL ? "%.4000s" : "%.4000s/cosigned", o.out != NULL ? o.out : from);
	r = witness_open(&w, dir, words);
	if (r != 0) {
		say_error(program, "%s", words);
		return r == ITM_EBUSY ? EX_TEMPFAIL : EX_CONFIG;
	}
	status = asked ? show(&o, &w) : once ? look(&o, &w, from, out) : run_on(&o, &w, from, out);
	witness_close(&w);
	return say_finish(program, status);
}

const struct command witness_command = { "witness", &command, run };
