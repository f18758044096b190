/* itm key: makes the server's keys, officers' and auditors' keys, and the
 * list of auditors to whom keystrokes are sealed. */
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/error.h"
#include "cli/command.h"
#include "cli/keydestroy.h"
#include "cli/keyring.h"
#include "cli/startup.h"
#include "format/sign.h"
#include "store/enroll.h"
#include "view/say.h"

static const char *const program = "itm key";

struct key_options {
	struct places_options places;
	const char *name, *ca;
	struct keyring_options ring;
};

static const struct options_entry entries[] = {
	{ "name", 0, "NAME", OPTIONS_TEXT, offsetof(struct key_options, name), 0, 0, "init: DNS name hosts will call this server by (default: its own)" },
	{ "ca", 0, "DIR", OPTIONS_TEXT, offsetof(struct key_options, ca), 0, 0, "init: where the CA key is, instead of /etc/itm/ca" },
	{ "key", 'k', "FILE", OPTIONS_TEXT, offsetof(struct key_options, ring.key), 0, 0, "officer's secret key that signs" },
	{ "officer", 0, "FILE", OPTIONS_TEXT, offsetof(struct key_options, ring.officer), 0, 0, "officer's public key, instead of the pinned one" },
	{ "list", 0, "FILE", OPTIONS_TEXT, offsetof(struct key_options, ring.list), 0, 0, "key list, instead of /etc/itm/keylist" },
	{ "group", 'g', "NAME", OPTIONS_TEXT, offsetof(struct key_options, ring.group), 0, 0, "add: the auditor's group (default audit); every group is needed to open" },
	{ "days", 0, "N", OPTIONS_NUMBER, offsetof(struct key_options, ring.days), 1, 3650, "the new list is good for so long (default 365)" },
	{ "note", 0, "TEXT", OPTIONS_TEXT, offsetof(struct key_options, ring.note), 0, 0, "shown wherever the list's keys are used" },
	{ "password", 'p', NULL, OPTIONS_FLAG, offsetof(struct key_options, ring.password), 0, 0, "generate: ask for a password that locks the key" },
	{ "reason", 0, "TEXT", OPTIONS_TEXT, offsetof(struct key_options, ring.reason), 0, 0, "destroy: why; it becomes part of the record" },
	{ "approval", 0, "FILE", OPTIONS_TEXT, offsetof(struct key_options, ring.approval), 0, 0, "destroy: request that a second person has signed" },
	{ "json", 0, NULL, OPTIONS_FLAG, offsetof(struct key_options, ring.json), 0, 0, "list, show: as JSON" },
	PLACES_STORE(key_options, places),
	PLACES_CONFIG(key_options, places),
	PLACES_AGENT_CONFIG(key_options, places),
	{ 0 },
};

static const struct options_command command = {
	.name = "itm key",
	.operands = "init | generate officer|auditor FILE | add NAME FILE.pub | rotate NAME FILE.pub | remove NAME | "
		    "list | sign FILE | verify FILE | show FILE.pub | destroy FILE",
	.operands_min = 1,
	.operands_max = 3,
	.summary = "Make the server's, officers' and auditors' keys, and the list of auditors.",
	.entries = entries,
	.more = "init keeps what is there already. Keys and signatures are in minisign's form:\n"
		"'minisign -V' checks a list, and an officer's key may be one of minisign's.",
};

static int init(const struct key_options *o, const struct places *places)
{
	char error[ENROLL_ERROR_SIZE], host[256] = "localhost";
	const char *name = o->name;

	if (geteuid() != 0) {
		say_error(program, "keys are made by root: run it as root");
		return EX_NOPERM;
	}
	if (name == NULL && gethostname(host, sizeof(host) - 1) == 0)
		name = host;
	int r = enroll_init_server(&places->server, o->ca ? o->ca : ENROLL_CA_DIR, name ? name : host, error);
	if (r != 0) {
		say_error(program, "%s", error);
		return say_status(r);
	}
	printf("The server's keys are in place. Its log key, to be pinned on hosts: %s\n", places->server.log_public);
	return 0;
}

static int run(int argc, char **argv)
{
	struct key_options o = { 0 };
	struct places places;
	int status;

	if (startup_parse(&command, &argc, argv, &o, &o.places, &places, &status) != 0)
		return status;
	if (sign_init() != 0)
		return EX_SOFTWARE;
	const char *what = argv[0];
	if (strcmp(what, "init") == 0 && argc == 1)
		status = init(&o, &places);
	else if (strcmp(what, "generate") == 0 && argc == 3)
		status = keyring_generate(&o.ring, argv[1], argv[2]);
	else if (strcmp(what, "add") == 0 && argc == 3)
		status = keyring_add(&o.ring, &places, argv[1], argv[2]);
	else if (strcmp(what, "rotate") == 0 && argc == 3)
		status = keyring_replace(&o.ring, &places, argv[1], argv[2]);
	else if (strcmp(what, "remove") == 0 && argc == 2)
		status = keyring_replace(&o.ring, &places, argv[1], NULL);
	else if (strcmp(what, "list") == 0 && argc == 1)
		status = keyring_list(&o.ring, &places);
	else if (strcmp(what, "sign") == 0 && argc == 2)
		status = keyring_sign(&o.ring, argv[1]);
	else if (strcmp(what, "verify") == 0 && argc == 2)
		status = keyring_verify(&o.ring, &places, argv[1]);
	else if (strcmp(what, "show") == 0 && argc == 2)
		status = keyring_show(&o.ring, argv[1]);
	else if (strcmp(what, "destroy") == 0 && argc == 2)
		status = keydestroy_run(&o.ring, &places, argv[1]);
	else {
		say_error(program, "not understood: 'itm key --help' says what it does");
		return EX_USAGE;
	}
	return say_finish(program, status);
}

const struct command key_command = { "key", &command, run };
