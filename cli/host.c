/* itm host: enrols, lists and revokes the hosts that may send records here. */
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "cli/command.h"
#include "cli/startup.h"
#include "format/sign.h"
#include "store/enroll.h"
#include "store/evidence.h"
#include "view/say.h"
#include "view/table.h"
#include "view/when.h"

static const char *const program = "itm host";

struct host_options {
	struct places_options places;
	const char *ca;
	bool local, json;
};

static const struct options_entry entries[] = {
	{ "local", 0, NULL, OPTIONS_FLAG, offsetof(struct host_options, local), 0, 0, "enroll: the machine this runs on" },
	{ "ca", 0, "DIR", OPTIONS_TEXT, offsetof(struct host_options, ca), 0, 0, "enroll: where the CA key is, instead of /etc/itm/ca" },
	{ "json", 0, NULL, OPTIONS_FLAG, offsetof(struct host_options, json), 0, 0, "list: one array of objects" },
	PLACES_STORE(host_options, places),
	PLACES_CONFIG(host_options, places),
	PLACES_AGENT_CONFIG(host_options, places),
	{ 0 },
};

static const struct options_command command = {
	.name = "itm host",
	.operands = "enroll [NAME] | list | revoke HOST",
	.operands_min = 1,
	.operands_max = 2,
	.summary = "Enrol, list and revoke hosts.",
	.entries = entries,
	.more = "HOST is a host's name or id.",
};

static const struct table_column columns[] = {
	{ "NAME", 8, 60, 1 },
	{ "HOST ID", 26, 26, 0 },
	{ "STATE", 7, 8, 0 },
	{ "BLOCKS", 6, 12, 0 },
	{ "LAST SEEN (UTC)", 16, 19, 2 },
};

struct hosts {
	struct table *table;
	struct json *json;      /* or NULL */
	const char *wanted;     /* revoke: name or id */
	struct id found;
	unsigned matches, count;
};

static int enroll_host(const struct host_options *o, const struct places *places, const char *name)
{
	char error[ENROLL_ERROR_SIZE], own[256] = "localhost", text[ID_TEXT_SIZE];
	struct id host;
	int r;

	if (!o->local) {
		say_error(program, "only this machine can be enrolled so far: itm host enroll --local [NAME]");
		return EX_USAGE;
	}
	if (name == NULL) {
		gethostname(own, sizeof(own) - 1);
		name = own;
	}
	r = enroll_host_local(&places->server, &places->agent, o->ca ? o->ca : ENROLL_CA_DIR, name, &host, error);
	if (r != 0) {
		say_error(program, "%s", error);
		return say_status(r);
	}
	id_format(&host, text);
	printf("%s is enrolled as host %s\n", name, text);
	return 0;
}

static void add_json(struct json *j, const struct evidence_host *h, const char *id)
{
	char wall[CLOCK_TEXT_SIZE];

	clock_format(h->last_seen_wall_ns, wall);
	json_object(j);
	json_key(j, "host_id");
	json_text(j, id);
	json_key(j, "name");
	json_text(j, h->name);
	json_key(j, "revoked");
	json_bool(j, h->revoked);
	json_key(j, "last_sequence");
	json_uint(j, h->last_sequence);
	json_key(j, "last_seen");
	json_text(j, h->last_seen_wall_ns != 0 ? wall : NULL);
	json_object_end(j);
}

static int add(void *context, const struct evidence_host *h)
{
	struct hosts *hosts = context;
	char id[ID_TEXT_SIZE], seen[WHEN_TEXT_SIZE], blocks[24];
	const char *row[] = { h->name, id, h->revoked ? "revoked" : "enrolled", blocks, seen };

	id_format(&h->id, id);
	hosts->count++;
	if (hosts->wanted != NULL) {
		if (strcmp(hosts->wanted, h->name) == 0 || strcasecmp(hosts->wanted, id) == 0) {
			hosts->found = h->id;
			hosts->matches++;
		}
		return 0;
	}
	if (hosts->json != NULL) {
		add_json(hosts->json, h, id);
		return 0;
	}
	snprintf(blocks, sizeof(blocks), "%llu", (unsigned long long)h->last_sequence);
	when_format_wall(h->last_seen_wall_ns, seen);
	if (h->last_seen_wall_ns == 0)
		snprintf(seen, sizeof(seen), "never");
	return table_add(hosts->table, row);
}

static int walk(const struct places *places, struct hosts *hosts)
{
	int r = 0;
	struct evidence *e = evidence_open(places->server.store, NULL, false, &r);

	if (e != NULL) {
		r = evidence_host_list(e, add, hosts);
		evidence_close(e);
	}
	if (e == NULL && r == ITM_ENOENT)
		say_error(program, "no store at %s: is the server on this machine? try --store DIR", places->server.store);
	else if (r != 0)
		say_error(program, "cannot read the hosts in %s: %s", places->server.store, error_text(r));
	return r;
}

static int list_hosts(const struct host_options *o, const struct places *places)
{
	struct hosts hosts = { 0 };
	struct buffer text;
	struct json json;
	int r;

	buffer_init(&text, 64 << 20);
	json_init(&json, &text);
	hosts.table = table_new(columns, sizeof(columns) / sizeof(columns[0]));
	if (hosts.table == NULL)
		return EX_OSERR;
	if (o->json) {
		hosts.json = &json;
		json_array(&json);
	}
	r = walk(places, &hosts);
	if (r == 0 && o->json) {
		json_array_end(&json);
		startup_print_line(&text);
	} else if (r == 0 && hosts.count == 0) {
		fprintf(stderr, "no host is enrolled: itm host enroll --local\n");
	} else if (r == 0) {
		table_print(hosts.table, table_terminal_width(), stdout);
	}
	buffer_free(&text);
	table_free(hosts.table);
	return say_status(r);
}

static int revoke_host(const struct places *places, const char *wanted)
{
	struct hosts hosts = { .wanted = wanted };
	char error[ENROLL_ERROR_SIZE];
	int r = id_parse(wanted, &hosts.found);

	if (r != 0) {
		r = walk(places, &hosts);
		if (r != 0)
			return say_status(r);
		if (hosts.matches != 1) {
			say_error(program, hosts.matches == 0 ? "no host %s: 'itm host list' shows them" :
				  "more than one host is called %s: give its id", wanted);
			return EX_NOINPUT;
		}
	}
	r = enroll_host_revoke(&places->server, &hosts.found, error);
	if (r != 0) {
		say_error(program, "%s", error);
		return say_status(r);
	}
	printf("%s is revoked: its connections are refused from now on; its record stays\n", wanted);
	return 0;
}

static int need_root(void)
{
	if (geteuid() == 0)
		return 0;
	say_error(program, "hosts are enrolled and revoked by root: run it as root");
	return EX_NOPERM;
}

static int run(int argc, char **argv)
{
	struct host_options options = { 0 };
	struct places places;
	const char *what, *operand;
	int status;

	if (startup_parse(&command, &argc, argv, &options, &options.places, &places, &status) != 0)
		return status;
	if (sign_init() != 0)
		return EX_SOFTWARE;
	what = argv[0];
	operand = argc > 1 ? argv[1] : NULL;
	if (strcmp(what, "list") == 0 && operand == NULL) {
		status = list_hosts(&options, &places);
	} else if (strcmp(what, "enroll") == 0) {
		status = need_root();
		if (status == 0)
			status = enroll_host(&options, &places, operand);
	} else if (strcmp(what, "revoke") == 0 && operand != NULL) {
		status = need_root();
		if (status == 0)
			status = revoke_host(&places, operand);
	} else {
		say_error(program, "not understood: itm host %s; see 'itm host --help'", command.operands);
		return EX_USAGE;
	}
	return say_finish(program, status);
}

const struct command host_command = { "host", &command, run };
