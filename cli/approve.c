/* itm approve: the second person's yes to somebody else's act. */
#include <stdio.h>
#include <sysexits.h>

#include "base/error.h"
#include "cli/command.h"
#include "format/sign.h"
#include "view/approval.h"
#include "view/keyread.h"
#include "view/say.h"

static const char *const program = "itm approve";

struct approve_options { const char *key; };

static const struct options_entry entries[] = {
	{ "key", 'k', "FILE", OPTIONS_TEXT, offsetof(struct approve_options, key), 0, 0, "approver's secret key, of minisign's form" },
	{ 0 },
};

static const struct options_command command = {
	.name = "itm approve",
	.operands = "REQUEST",
	.operands_min = 1,
	.operands_max = 1,
	.summary = "Approve somebody else's act: an opening, redaction, deletion, release.",
	.entries = entries,
	.more = "It shows the request and signs it: REQUEST.minisig is the approval.",
};

static int run(int argc, char **argv)
{
	struct approve_options options = { 0 };
	struct keyfile_secret key;
	char error[OPTIONS_ERROR_SIZE + KEYREAD_ERROR_SIZE];
	int r = options_parse(&command, &argc, argv, &options, error);

	if (r == OPTIONS_SHOWN)
		return say_finish(program, 0);
	if (r != 0 || options.key == NULL) {
		say_error(program, "%s", r != 0 ? error : "--key FILE: your secret key");
		return EX_USAGE;
	}
	r = sign_init() == 0 ? keyread_secret(options.key, &key, error) : ITM_ECRYPTO;
	if (r != 0) {
		say_error(program, "%s", error);
		return r == ITM_EPERM ? EX_NOPERM : EX_NOINPUT;
	}
	int status = approval_sign(program, argv[0], &key);
	sign_wipe(&key, sizeof key);
	return say_finish(program, status);
}

const struct command approve_command = { "approve", &command, run };
