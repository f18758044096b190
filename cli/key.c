/* itm key: makes the server's keys. */
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/error.h"
#include "cli/command.h"
#include "cli/startup.h"
#include "format/sign.h"
#include "store/enroll.h"
#include "view/say.h"

static const char *const program = "itm key";

struct key_options {
	struct places_options places;
	const char *name, *ca;
};

static const struct options_entry entries[] = {
	{ "name", 0, "NAME", OPTIONS_TEXT, offsetof(struct key_options, name), 0, 0, "DNS name hosts will call this server by (default: its own)" },
	{ "ca", 0, "DIR", OPTIONS_TEXT, offsetof(struct key_options, ca), 0, 0, "where the CA key is, instead of /etc/itm/ca" },
	PLACES_STORE(key_options, places),
	PLACES_CONFIG(key_options, places),
	PLACES_AGENT_CONFIG(key_options, places),
	{ 0 },
};

static const struct options_command command = {
	.name = "itm key",
	.operands = "init",
	.operands_min = 1,
	.operands_max = 1,
	.summary = "Make this server's identity, CA, certificate and log key.",
	.entries = entries,
	.more = "What is there already is kept: calling it again changes nothing.",
};

static int run(int argc, char **argv)
{
	struct key_options options = { 0 };
	char error[ENROLL_ERROR_SIZE], name[256] = "localhost";
	struct places places;
	int status, r;

	if (startup_parse(&command, &argc, argv, &options, &options.places, &places, &status) != 0)
		return status;
	if (strcmp(argv[0], "init") != 0) {
		say_error(program, "'%s' is nothing it does; 'itm key init' makes the keys", argv[0]);
		return EX_USAGE;
	}
	if (geteuid() != 0) {
		say_error(program, "keys are made by root: run it as root");
		return EX_NOPERM;
	}
	if (options.name == NULL && gethostname(name, sizeof(name) - 1) == 0)
		options.name = name;
	r = sign_init();
	if (r == 0)
		r = enroll_init_server(&places.server, options.ca ? options.ca : ENROLL_CA_DIR,
				       options.name ? options.name : name, error);
	else
		snprintf(error, sizeof(error), "cannot begin: %s", error_text(r));
	if (r != 0) {
		say_error(program, "%s", error);
		return say_status(r);
	}
	printf("The server's keys are in place. Its log key, to be pinned on hosts: %s\n",
	       places.server.log_public);
	return say_finish(program, 0);
}

const struct command key_command = { "key", &command, run };
