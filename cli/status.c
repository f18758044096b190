/* itm status: how the agent and the server of this machine are. */
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/atomicfile.h"
#include "base/clock.h"
#include "base/error.h"
#include "cli/command.h"
#include "cli/lately.h"
#include "cli/startup.h"
#include "terminal/text.h"
#include "view/say.h"
#include "view/when.h"

static const char *const program = "itm status";

struct status_options {
	struct places_options places;
	bool json, all;
};

static const struct options_entry entries[] = {
	{ "all", 'a', NULL, OPTIONS_FLAG, offsetof(struct status_options, all), 0, 0, "every fact each daemon tells" },
	{ "json", 0, NULL, OPTIONS_FLAG, offsetof(struct status_options, json), 0, 0, "one object" },
	PLACES_CONFIG(status_options, places),
	PLACES_AGENT_CONFIG(status_options, places),
	{ 0 },
};

static const struct options_command command = {
	.name = "itm status",
	.operands = "",
	.summary = "Show how recording and the server on this machine are.",
	.entries = entries,
	.more = "Exit status: 0 all is well, 1 something is wrong, 69 nothing of ITM runs here.",
};

enum { STATUS_MAX = 64 * 1024, FACTS_MAX = 128, SILENT_S = 120 };

enum state { ABSENT, STOPPED, TROUBLED, RUNNING };

static const char *const state_names[] = { "absent", "stopped", "trouble", "running" };

struct fact {
	char *key, *value;        /* point into the text */
};

struct daemon {
	const char *name, *what;
	const char *path;         /* below the run folder */
	bool server, supervisor;
	enum state state;
	char why[128];            /* when STOPPED */
	char *text;               /* owned */
	struct fact facts[FACTS_MAX];
	size_t fact_count;
};

static struct daemon daemons[] = {
	{ .name = "agentd", .what = "keeps the agent running", .path = "agentd/status", .supervisor = true },
	{ .name = "broker", .what = "wraps logins", .path = "broker/status" },
	{ .name = "sealer", .what = "signs the record", .path = "sealer/status" },
	{ .name = "watcher", .what = "sees what runs", .path = "watchd/status" },
	{ .name = "files", .what = "watches sensitive files", .path = "filed/status" },
	{ .name = "forwarder", .what = "sends it to the server", .path = "forwarder/status" },
	{ .name = "server", .what = "keeps the server running", .path = "status", .server = true, .supervisor = true },
	{ .name = "ingestd", .what = "verifies and stores", .path = "ingest/status", .server = true },
	{ .name = "indexd", .what = "makes it searchable", .path = "indexd/status", .server = true },
};
enum { DAEMONS = sizeof(daemons) / sizeof(daemons[0]) };

static const char *fact(const struct daemon *d, const char *key)
{
	size_t i;

	for (i = 0; i < d->fact_count; i++)
		if (strcmp(d->facts[i].key, key) == 0)
			return d->facts[i].value;
	return NULL;
}

/* "key=value" lines, split in place. */
static void split_facts(struct daemon *d)
{
	char *line = d->text, *end, *equals;

	while (*line != '\0' && d->fact_count < FACTS_MAX) {
		end = line + strcspn(line, "\n");
		if (*end != '\0')
			*end++ = '\0';
		equals = strchr(line, '=');
		if (equals != NULL) {
			*equals = '\0';
			d->facts[d->fact_count++] = (struct fact){ line, equals + 1 };
		}
		line = end;
	}
}

static int read_file(struct daemon *d, const char *path)
{
	struct buffer b;
	const char *text;
	int r;

	buffer_init(&b, STATUS_MAX);
	r = atomicfile_read(path, &b);
	text = r == 0 ? buffer_text(&b) : NULL;
	if (text != NULL)
		d->text = strdup(text);
	buffer_free(&b);
	return r != 0 ? r : d->text == NULL ? ITM_ENOMEM : 0;
}

static const struct daemon *supervisor_of(const struct daemon *d)
{
	size_t i;

	for (i = 0; i < DAEMONS; i++)
		if (daemons[i].supervisor && daemons[i].server == d->server)
			return &daemons[i];
	return NULL;
}

/* What the supervisor says of d: "<name>.<key>"; NULL when it does not. */
static const char *supervised(const struct daemon *d, const char *key)
{
	const struct daemon *s = supervisor_of(d);
	char name[64];

	if (s == NULL || s == d || s->state != RUNNING)
		return NULL;
	snprintf(name, sizeof(name), "%s.%s", d->name, key);
	return fact(s, name);
}

__attribute__((format(printf, 3, 4)))
static void set_state(struct daemon *d, enum state state, const char *format, ...)
{
	va_list ap;

	d->state = state;
	va_start(ap, format);
	vsnprintf(d->why, sizeof(d->why), format, ap);
	va_end(ap);
}

/* Without a process id, the time of the last word has to do. */
static void check_age(struct daemon *d)
{
	const char *value = fact(d, "wall_ns");
	int64_t age_s = value ? (clock_wall_ns() - strtoll(value, NULL, 10)) / 1000000000 : -1;

	if (value == NULL || age_s > SILENT_S)
		set_state(d, STOPPED, "no sign of life");
	else
		d->state = RUNNING;
}

/* A file tells of a process only as long as that process of this boot lives. */
static void check_fresh(struct daemon *d)
{
	struct id boot_id = clock_boot_id();
	char boot[ID_TEXT_SIZE];
	const char *value = fact(d, "boot") ? fact(d, "boot") : fact(d, "boot_id");
	const char *state = supervised(d, "state");
	long pid;

	id_format(&boot_id, boot);
	if (value != NULL && strcmp(value, boot) != 0) {
		set_state(d, STOPPED, "has not run since this machine started");
		return;
	}
	if (state != NULL && strcmp(state, "ready") != 0) {
		set_state(d, STOPPED, "is %.32s", state);
		return;
	}
	value = supervised(d, "pid") ? supervised(d, "pid") : fact(d, "pid");
	pid = value ? strtol(value, NULL, 10) : 0;
	if (pid <= 1)
		check_age(d);
	else if (kill((pid_t)pid, 0) == 0 || errno == EPERM)
		d->state = RUNNING;
	else
		set_state(d, STOPPED, "process %ld is gone", pid);
}

/* What a daemon that lives says is wrong. */
static void check_trouble(struct daemon *d)
{
	const char *error = fact(d, "error"), *last = fact(d, "last_error");
	const char *value = fact(d, "connected");

	if (value != NULL && strcmp(value, "no") == 0)
		set_state(d, TROUBLED, "not connected%s%.90s", last && last[0] ? ": " : "", last ? last : "");
	value = fact(d, "spool_level");
	if (value != NULL && (strcmp(value, "full") == 0 || strcmp(value, "none") == 0))
		set_state(d, TROUBLED, "the spool is %.3s %% full, policy %.16s: let the server take it, or give it more room",
			  fact(d, "spool_percent") ? fact(d, "spool_percent") : "?", fact(d, "spool_policy") ? fact(d, "spool_policy") : "?");
	value = fact(d, "state");
	if (value != NULL && strcmp(value, "failing") == 0)
		set_state(d, TROUBLED, "failing%s%.90s", error && error[0] ? ": " : "", error ? error : "");
}

static void look(struct daemon *d, const struct places *places)
{
	char path[1024];
	int r;

	snprintf(path, sizeof(path), "%s/%s", d->server ? places->server.run : places->agent.run, d->path);
	r = read_file(d, path);
	if (r == ITM_ENOENT && supervised(d, "state") == NULL) {
		d->state = ABSENT;
		return;
	}
	if (r != 0 && r != ITM_ENOENT) {
		set_state(d, STOPPED, "its status cannot be read: %s", error_text(r));
		return;
	}
	if (d->text != NULL)
		split_facts(d);
	check_fresh(d);
	if (d->state == RUNNING)
		check_trouble(d);
}

/* A part of the agent that left no file is missing when another part did; but
 * a host that sends nothing anywhere needs no forwarder. */
static void expect_siblings(const struct places *places)
{
	bool any[2] = { false, false };
	size_t i;

	for (i = 0; i < DAEMONS; i++)
		any[daemons[i].server] |= daemons[i].state != ABSENT;
	for (i = 0; i < DAEMONS; i++) {
		if (daemons[i].state != ABSENT || !any[daemons[i].server])
			continue;
		if (strcmp(daemons[i].name, "forwarder") == 0 && places->agent.server[0] == '\0')
			continue;
		/* A host built without it, or where it is not installed. */
		if (strcmp(daemons[i].name, "watcher") == 0 || strcmp(daemons[i].name, "files") == 0)
			continue;
		/* systemd may run the two daemons of a server by themselves. */
		if (strcmp(daemons[i].name, "server") == 0)
			continue;
		set_state(&daemons[i], STOPPED, "has not started");
	}
}

/* Facts that every daemon has are for the freshness check, not for reading. */
static bool worth_showing(const char *key)
{
	return strcmp(key, "pid") != 0 && strcmp(key, "boot") != 0 && strcmp(key, "boot_id") != 0 &&
	       strcmp(key, "wall_ns") != 0 && strcmp(key, "started_wall_ns") != 0 &&
	       strcmp(key, "stopping") != 0 && strchr(key, '.') == NULL;
}

static void print_escaped(const char *text)
{
	struct buffer b;

	buffer_init(&b, STATUS_MAX * 16);
	if (text_escape(&b, text, strlen(text)) == 0)
		fwrite(b.data, 1, b.len, stdout);
	buffer_free(&b);
}

/* Names that end in _ns of wall time are shown as times. */
static void print_fact(const struct fact *f)
{
	char wall[WHEN_TEXT_SIZE];
	size_t len = strlen(f->key);

	printf("    ");
	print_escaped(f->key);
	printf(" ");
	if (len > 8 && strcmp(f->key + len - 8, "_wall_ns") == 0 && strcmp(f->value, "0") != 0) {
		when_format_wall(strtoll(f->value, NULL, 10), wall);
		print_escaped(wall);
	} else {
		print_escaped(f->value);
	}
	putchar('\n');
}

/* What is worth a glance, by daemon: the fact's value between words. */
enum form { PLAIN, BYTES, WALL, WORD };

static const struct glance {
	const char *daemon, *key, *before, *after;
	enum form form;
} glances[] = {
	{ "broker", "sessions", "", " live sessions", PLAIN },
	{ "broker", "users", "", " users in scope", PLAIN },
	{ "broker", "keystrokes", "keystrokes ", "", WORD },
	{ "broker", "unrecorded", "", " logins let in unrecorded", PLAIN },
	{ "sealer", "sequence", "block ", "", PLAIN },
	{ "sealer", "spool_bytes", "spool ", "", BYTES },
	{ "sealer", "spool_percent", "", " % of its space", PLAIN },
	{ "sealer", "lost_bytes", "lost ", "", BYTES },
	{ "watcher", "processes", "processes: ", "", WORD },
	{ "watcher", "refused", "", "", WORD },
	{ "watcher", "dropped", "dropped ", " events", PLAIN },
	{ "files", "files", "files: ", "", WORD },
	{ "files", "overflows", "overflows ", "", PLAIN },
	{ "forwarder", "server", "", "", WORD },
	{ "forwarder", "last_receipt", "received to block ", "", PLAIN },
	{ "forwarder", "oldest_unacknowledged_wall_ns", "waiting since ", "", WALL },
	{ "ingestd", "peers", "", " hosts connected", PLAIN },
	{ "ingestd", "refused", "", " peers refused", PLAIN },
	{ "indexd", "sessions", "", " sessions", PLAIN },
	{ "indexd", "caught_up", "caught up: ", "", WORD },
};

static void print_bytes(uint64_t bytes)
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB" };
	double shown = (double)bytes;
	size_t unit = 0;

	for (; shown >= 1024 && unit < 4; unit++)
		shown /= 1024;
	printf(unit ? "%.1f %s" : "%.0f %s", shown, units[unit]);
}

static void print_glance(const struct glance *g, const char *value)
{
	char wall[WHEN_TEXT_SIZE];

	fputs(g->before, stdout);
	if (g->form == BYTES) {
		print_bytes(strtoull(value, NULL, 10));
	} else if (g->form == WALL) {
		when_format_wall(strtoll(value, NULL, 10), wall);
		print_escaped(wall);
	} else {
		print_escaped(value);
	}
	fputs(g->after, stdout);
}

static void print_glances(const struct daemon *d)
{
	const char *between = "";

	for (size_t i = 0; i < sizeof glances / sizeof *glances; i++) {
		const struct glance *g = &glances[i];
		const char *value = strcmp(g->daemon, d->name) == 0 ? fact(d, g->key) : NULL;
		/* Nothing waiting, nothing lost: nothing to say. */
		bool quiet = g->form == WALL || strcmp(g->key, "unrecorded") == 0 || strcmp(g->key, "refused") == 0 ||
			     strcmp(g->key, "dropped") == 0;
		if (value == NULL || value[0] == '\0' || (quiet && strcmp(value, "0") == 0))
			continue;
		fputs(between, stdout);
		print_glance(g, value);
		between = ", ";
	}
	putchar('\n');
}

static void show_daemon(const struct daemon *d, bool all)
{
	printf("  %-10s %-8s  %-24s ", d->name, state_names[d->state], d->what);
	if (d->why[0] != '\0') {
		print_escaped(d->why);
		putchar('\n');
	} else {
		print_glances(d);
	}
	for (size_t k = 0; all && k < d->fact_count; k++)
		if (worth_showing(d->facts[k].key))
			print_fact(&d->facts[k]);
}

static void show_text(bool all)
{
	int side = -1;

	for (size_t i = 0; i < DAEMONS; i++) {
		if (daemons[i].state == ABSENT)
			continue;
		if (side != (int)daemons[i].server) {
			side = daemons[i].server;
			puts(side ? "Server" : "Host");
		}
		show_daemon(&daemons[i], all);
	}
}

static void json_daemon(struct json *j, const struct daemon *d)
{
	size_t k;

	json_key(j, d->name);
	json_object(j);
	json_key(j, "state");
	json_text(j, state_names[d->state]);
	json_key(j, "side");
	json_text(j, d->server ? "server" : "host");
	json_key(j, "reason");
	json_text(j, d->why[0] ? d->why : NULL);
	json_key(j, "facts");
	json_object(j);
	for (k = 0; k < d->fact_count; k++) {
		json_key(j, d->facts[k].key);
		json_text(j, d->facts[k].value);
	}
	json_object_end(j);
	json_object_end(j);
}

static void show_json(int status)
{
	struct buffer text;
	struct json j;
	size_t i;

	buffer_init(&text, 8 * STATUS_MAX * DAEMONS);
	json_init(&j, &text);
	json_object(&j);
	json_key(&j, "ok");
	json_bool(&j, status == 0);
	for (i = 0; i < DAEMONS; i++)
		json_daemon(&j, &daemons[i]);
	json_object_end(&j);
	startup_print_line(&text);
	buffer_free(&text);
}

static int judge(void)
{
	size_t i, present = 0, stopped = 0;

	for (i = 0; i < DAEMONS; i++) {
		present += daemons[i].state != ABSENT;
		stopped += daemons[i].state == STOPPED || daemons[i].state == TROUBLED;
	}
	return present == 0 ? EX_UNAVAILABLE : stopped > 0 ? 1 : 0;
}

static int run(int argc, char **argv)
{
	struct status_options options = { 0 };
	struct places places;
	int status;
	size_t i;

	if (startup_parse(&command, &argc, argv, &options, &options.places, &places, &status) != 0)
		return status;
	for (i = 0; i < DAEMONS; i++)
		look(&daemons[i], &places);
	expect_siblings(&places);
	status = judge();
	if (options.json)
		show_json(status);
	else if (status == EX_UNAVAILABLE)
		say_error(program, "nothing of ITM runs here: no status in %s or %s; start itm-agentd or itm-server",
			  places.agent.run, places.server.run);
	else
		show_text(options.all);
	if (!options.json && status != EX_UNAVAILABLE)
		lately_show(&places);
	for (i = 0; i < DAEMONS; i++)
		free(daemons[i].text);
	return say_finish(program, status);
}

const struct command status_command = { "status", &command, run };
