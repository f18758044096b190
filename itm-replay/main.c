/* itm-replay: plays a session on the viewer's terminal, or writes it out. */
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/error.h"
#include "format/alert.h"
#include "itm-replay/player.h"
#include "itm-replay/viewer.h"
#include "view/locate.h"
#include "view/opening.h"
#include "view/options.h"
#include "view/say.h"
#include "view/sink.h"
#include "view/when.h"

static const char *const program = "itm-replay";

struct replay_options {
	struct places_options places;
	struct opening_options opening;
	const char *speed, *idle;
	bool follow, plain, json, paused;
};

static const struct options_entry entries[] = {
	{ "follow", 'f', NULL, OPTIONS_FLAG, offsetof(struct replay_options, follow), 0, 0, "stay with a session that goes on" },
	{ "speed", 's', "N", OPTIONS_TEXT, offsetof(struct replay_options, speed), 0, 0, "0.25 to 64 times as fast as it was" },
	{ "idle", 'i', "SECONDS", OPTIONS_TEXT, offsetof(struct replay_options, idle), 0, 0, "shorten pauses over this (default 2; 0: never)" },
	{ "paused", 'p', NULL, OPTIONS_FLAG, offsetof(struct replay_options, paused), 0, 0, "begin paused" },
	{ "plain", 0, NULL, OPTIONS_FLAG, offsetof(struct replay_options, plain), 0, 0, "text with times on standard output" },
	{ "json", 0, NULL, OPTIONS_FLAG, offsetof(struct replay_options, json), 0, 0, "events as JSON lines on standard output" },
	OPENING_OPTIONS(replay_options, opening),
	PLACES_STORE(replay_options, places),
	PLACES_INDEX(replay_options, places),
	PLACES_SPOOL(replay_options, places),
	PLACES_CONFIG(replay_options, places),
	PLACES_AGENT_CONFIG(replay_options, places),
	{ 0 },
};

static const struct options_command command = {
	.name = "itm-replay",
	.operands = "SESSION[@TIME]",
	.operands_min = 1,
	.operands_max = 1,
	.summary = "Play a recorded session. SESSION is an id, the beginning of one, 'last', or\n"
		   "DIR:ID; TIME is an offset (90, 1:30, 1m30s) or a wall clock time (UTC).",
	.entries = entries,
	.more = "While it plays, ? shows the keys.",
};

static volatile int stop;

static void on_signal(int number)
{
	stop = 1;
}

/* "0.25", "1.5", "64" in quarters. */
static int parse_speed(const char *text, unsigned *quarters)
{
	uint64_t thousandths;

	if (strspn(text, "0123456789.") != strlen(text) || when_parse_offset(text, &thousandths) != 0)
		return ITM_EFORMAT;
	if (thousandths % 250 != 0 || thousandths < 250 || thousandths > 64000)
		return ITM_EFORMAT;
	*quarters = (unsigned)(thousandths / 250);
	return 0;
}

static int configure(const struct replay_options *o, struct player_config *config)
{
	*config = (struct player_config){
		.idle_ms = PLAYER_IDLE_MS, .speed = PLAYER_SPEED_DEFAULT, .follow = o->follow,
	};
	if (o->speed != NULL && parse_speed(o->speed, &config->speed) != 0) {
		say_error(program, "--speed %s: a number from 0.25 to 64 in steps of 0.25", o->speed);
		return EX_USAGE;
	}
	if (o->idle != NULL && when_parse_offset(o->idle, &config->idle_ms) != 0) {
		say_error(program, "--idle %s: seconds, as 2 or 0.5; 0 shows every pause in full", o->idle);
		return EX_USAGE;
	}
	return 0;
}

/* Text or JSON on standard output. */
static int write_out(struct source *source, const struct replay_options *o, uint64_t from_ms)
{
	struct sigaction action = { .sa_handler = on_signal };
	struct sink_run run = {
		.sink = sink_find(o->json ? "json" : "text"), .source = source,
		.fd = STDOUT_FILENO, .follow = o->follow, .from_ms = from_ms,
	};
	int r;

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	r = sink_run(&run, &stop);
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

/* What is to be played, and how. */
struct show {
	const struct replay_options *options;
	const struct places *places;
	const struct located *where;
	struct source *source;
	struct player_config config;
	bool seek;
	uint64_t from_ms;
};

/* ---- alerts about the session, as marks ---- */

struct alerted { struct marks *marks; int64_t start_wall_ns; };

static int add_alert(void *context, const struct index_alert *a)
{
	const struct alerted *to = context;
	const struct alert_kind *kind = alert_find(a->name);
	int64_t at_ms = (a->wall_ns - to->start_wall_ns) / 1000000;
	char words[MARKS_WORD_SIZE];

	snprintf(words, sizeof words, "alert: %s", kind != NULL ? kind->words : a->name);
	return marks_add(to->marks, at_ms > 0 ? (uint64_t)at_ms : 0, MARKS_ALERT, words, strlen(words));
}

/* As far as there is an index to ask. */
static void add_alerts(const struct show *s, struct marks *marks)
{
	struct alerted to = { .marks = marks, .start_wall_ns = s->where->session.start_wall_ns };
	char id[ID_TEXT_SIZE];
	struct index_alert_filter filter = { .session = id, .limit = MARKS_MAX };
	int r;
	struct index *index = s->places->use_spool || marks == NULL ? NULL : index_open(s->places->server.index, false, &r);

	if (index == NULL)
		return;
	id_format(&s->where->session.stream, id);
	index_alerts(index, &filter, add_alert, &to);
	index_close(index);
}

static int play(const struct show *s)
{
	struct panel *panel = panel_new(s->places, s->where);
	struct player *player = player_new(s->source, &s->config);
	int r;

	if (player == NULL || panel == NULL) {
		say_error(program, "out of memory");
		player_free(player);
		panel_free(panel);
		return EX_OSERR;
	}
	add_alerts(s, player_marks(player));
	if (s->seek)
		player_seek(player, s->from_ms);
	if (s->options->paused)
		player_pause(player, true);
	r = viewer_run(player, panel);
	player_free(player);
	panel_free(panel);
	if (r > 0)
		return 128 + r;
	if (r < 0)
		say_error(program, "the terminal cannot be used: %s; try --plain", error_text(r));
	return say_status(r);
}

static int show(struct show *s, const char *at)
{
	bool plain = s->options->plain || s->options->json || !isatty(STDOUT_FILENO) || !isatty(STDIN_FILENO);
	int r;

	s->seek = at != NULL;
	if (at != NULL && sink_when(s->source, at, &s->from_ms) != 0) {
		say_error(program, "@%s: not a time: use 90, 1:30, 1m30s or 2026-11-23T18:00:05", at);
		return EX_USAGE;
	}
	if (plain)
		return write_out(s->source, s->options, s->from_ms);
	s->config.marks = source_open(s->where->dir, &s->where->session.stream, &r);
	r = play(s);
	if (s->config.marks != NULL)
		source_close(s->config.marks);
	return r;
}

int main(int argc, char **argv)
{
	struct replay_options options = { 0 };
	char error[LOCATE_ERROR_SIZE];
	struct places places;
	struct located where;
	struct show shown = { .options = &options, .places = &places, .where = &where };
	struct sealed *keys;
	char *at;
	int r;

	r = options_parse(&command, &argc, argv, &options, error);
	if (r == OPTIONS_SHOWN)
		return say_finish(program, 0);
	if (r == 0)
		r = places_load(&options.places, &places, error);
	if (r != 0) {
		say_error(program, "%s", error);
		return r == ITM_EINVAL ? EX_USAGE : EX_CONFIG;
	}
	r = configure(&options, &shown.config);
	if (r != 0)
		return r;
	at = locate_split(argv[0]);
	r = locate_session(&places, argv[0], &where, error);
	if (r != 0) {
		say_error(program, "%s", error);
		return say_status(r);
	}
	shown.source = source_open(where.dir, &where.session.stream, &r);
	if (shown.source == NULL) {
		say_error(program, "%s: cannot open session %s: %s", where.dir, argv[0], error_text(r));
		return say_status(r);
	}
	r = opening_begin(program, &options.opening, &places, shown.source, &where.session.stream, &keys);
	if (r == 0)
		r = show(&shown, at);
	source_close(shown.source);
	sealed_free(keys);
	return say_finish(program, r);
}
