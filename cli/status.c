/* itm status: how the agent and the server of this machine are. */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/atomicfile.h"
#include "base/clock.h"
#include "base/error.h"
#include "cli/command.h"
#include "cli/startup.h"
#include "terminal/text.h"
#include "view/say.h"
#include "view/when.h"

static const char *const program = "itm status";

struct status_options {
	struct places_options places;
	bool json;
};

static const struct options_entry entries[] = {
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

enum { STATUS_MAX = 64 * 1024, FACTS_MAX = 128 };

enum state { ABSENT, STOPPED, RUNNING };

static const char *const state_names[] = { "absent", "stopped", "running" };

struct fact {
	char *key, *value;        /* point into the text */
};

struct daemon {
	const char *name, *what;
	bool server;
	enum state state;
	char why[128];            /* when STOPPED */
	char *text;               /* owned */
	struct fact facts[FACTS_MAX];
	size_t fact_count;
};

static struct daemon daemons[] = {
	{ .name = "agentd", .what = "supervisor" },
	{ .name = "broker", .what = "wraps logins" },
	{ .name = "sealer", .what = "signs the record" },
	{ .name = "forwarder", .what = "sends it to the server" },
	{ .name = "server", .what = "supervisor", .server = true },
	{ .name = "ingestd", .what = "verifies and stores", .server = true },
	{ .name = "indexd", .what = "makes it searchable", .server = true },
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

/* A file tells of a process only as long as that process of this boot lives. */
static void check_fresh(struct daemon *d)
{
	struct id boot_id = clock_boot_id();
	char boot[ID_TEXT_SIZE];
	const char *value = fact(d, "boot");
	long pid;

	id_format(&boot_id, boot);
	if (value != NULL && strcmp(value, boot) != 0) {
		d->state = STOPPED;
		snprintf(d->why, sizeof(d->why), "has not run since this machine started");
		return;
	}
	value = fact(d, "pid");
	pid = value ? strtol(value, NULL, 10) : 0;
	if (pid > 1 && (kill((pid_t)pid, 0) == 0 || errno == EPERM)) {
		d->state = RUNNING;
		return;
	}
	d->state = STOPPED;
	snprintf(d->why, sizeof(d->why), "process %ld is gone", pid);
}

static void look(struct daemon *d, const struct places *places)
{
	char path[1024];
	int r;

	snprintf(path, sizeof(path), "%s/%s/status", d->server ? places->server.run : places->agent.run, d->name);
	r = read_file(d, path);
	if (r == 0) {
		split_facts(d);
		check_fresh(d);
	} else if (r == ITM_ENOENT) {
		d->state = ABSENT;
	} else {
		d->state = STOPPED;
		snprintf(d->why, sizeof(d->why), "its status cannot be read: %s", error_text(r));
	}
}

/* A part of the agent that left no file is missing when another part did. */
static void expect_siblings(void)
{
	bool any[2] = { false, false };
	size_t i;

	for (i = 0; i < DAEMONS; i++)
		any[daemons[i].server] |= daemons[i].state != ABSENT;
	for (i = 0; i < DAEMONS; i++) {
		if (daemons[i].state != ABSENT || !any[daemons[i].server] || strcmp(daemons[i].name, "server") == 0)
			continue;
		daemons[i].state = STOPPED;
		snprintf(daemons[i].why, sizeof(daemons[i].why), "has not started");
	}
}

/* Facts that every daemon has are for the freshness check, not for reading. */
static bool worth_showing(const char *key)
{
	return strcmp(key, "pid") != 0 && strcmp(key, "boot") != 0 && strcmp(key, "started_wall_ns") != 0 &&
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
	if (len > 8 && strcmp(f->key + len - 8, "_wall_ns") == 0) {
		when_format_wall(strtoll(f->value, NULL, 10), wall);
		print_escaped(wall);
	} else {
		print_escaped(f->value);
	}
	putchar('\n');
}

static void show_text(void)
{
	size_t i, k;
	int side = -1;

	for (i = 0; i < DAEMONS; i++) {
		const struct daemon *d = &daemons[i];

		if (d->state == ABSENT)
			continue;
		if (side != (int)d->server) {
			side = d->server;
			printf("%s\n", side ? "Server" : "Host");
		}
		printf("  %-10s %-8s %s%s", d->name, state_names[d->state], d->what, d->why[0] ? ": " : "\n");
		if (d->why[0] != '\0') {
			print_escaped(d->why);
			putchar('\n');
		}
		for (k = 0; k < d->fact_count; k++)
			if (worth_showing(d->facts[k].key))
				print_fact(&d->facts[k]);
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
		stopped += daemons[i].state == STOPPED;
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
	expect_siblings();
	status = judge();
	if (options.json)
		show_json(status);
	else if (status == EX_UNAVAILABLE)
		say_error(program, "nothing of ITM runs here: no status in %s or %s; start itm-agentd or itm-server",
			  places.agent.run, places.server.run);
	else
		show_text();
	for (i = 0; i < DAEMONS; i++)
		free(daemons[i].text);
	return say_finish(program, status);
}

const struct command status_command = { "status", &command, run };
