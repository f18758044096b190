/* itm acts: what people did with the record: exports, openings, holds. */
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "base/error.h"
#include "base/json.h"
#include "cli/command.h"
#include "cli/startup.h"
#include "format/minisign.h"
#include "format/request.h"
#include "store/approvers.h"
#include "store/evidence.h"
#include "terminal/text.h"
#include "view/say.h"
#include "view/when.h"

static const char *const program = "itm acts";

enum { JSON_MAX = 64 << 20, WORDS_SIZE = 320 };

struct acts_options {
	struct places_options places;
	const char *verb, *subject, *approvers;
	bool json;
};

static const struct options_entry entries[] = {
	{ "verb", 0, "WORD", OPTIONS_TEXT, offsetof(struct acts_options, verb), 0, 0, "only acts of this kind, as export or open" },
	{ "subject", 0, "ID", OPTIONS_TEXT, offsetof(struct acts_options, subject), 0, 0, "only acts on what begins so" },
	{ "approvers", 0, "FILE", OPTIONS_TEXT, offsetof(struct acts_options, approvers), 0, 0, "who may approve (default: approvers of server.conf)" },
	{ "json", 0, NULL, OPTIONS_FLAG, offsetof(struct acts_options, json), 0, 0, "one array of objects" },
	PLACES_STORE(acts_options, places),
	PLACES_CONFIG(acts_options, places),
	{ 0 },
};

static const struct options_command command = {
	.name = "itm acts",
	.operands = "",
	.summary = "List what people did with the record, oldest first.",
	.entries = entries,
	.more = "Each act is a leaf of the central log; its text is store/log/acts/<hash>.act.",
};

struct listing {
	const struct acts_options *options;
	const char *approvers;           /* file; "" = none */
	struct json *json;               /* NULL: text */
	uint64_t broken;
	struct buffer line;
};

static bool wanted(const struct acts_options *o, const struct act *a)
{
	/* What the server noticed by itself is in itm alerts. */
	return (o->verb == NULL ? strcmp(a->verb, ACT_ALERT) != 0 : strcmp(o->verb, a->verb) == 0) &&
	       (o->subject == NULL || strncmp(o->subject, a->subject, strlen(o->subject)) == 0);
}

/* Who approved it, by the signature in its text; "" = nobody had to.  good: it
 * was somebody whom the file names, and for this act. */
static void find_approver(const char *approvers, const struct act *a, char words[WORDS_SIZE], bool *good)
{
	uint8_t request[REQUEST_MAX], signature[MINISIGN_MAX];
	size_t request_len, signature_len;
	struct approvers_one who;
	struct act asked;

	words[0] = '\0';
	*good = false;
	int r = request_attached(a, REQUEST_LINE, request, sizeof(request), &request_len);
	if (r == ITM_ENOENT)
		return;
	if (r != 0 || request_attached(a, REQUEST_SIGNATURE, signature, sizeof(signature), &signature_len) != 0 ||
	    request_decode(request, request_len, &asked, NULL) != 0 || request_difference(&asked, a) != NULL)
		snprintf(words, WORDS_SIZE, "NOT APPROVED: its approval is for another act, or damaged");
	else if (approvers[0] == '\0' ||
		 approvers_find(approvers, request, request_len, (const char *)signature, signature_len, &who) != 0)
		snprintf(words, WORDS_SIZE, "approved by a key that %.200s does not name", approvers[0] != '\0' ? approvers : "server.conf");
	else {
		snprintf(words, WORDS_SIZE, "approved by %s, key %s", who.name, who.key);
		*good = true;
	}
}

static void show_json(const struct listing *l, uint64_t leaf, const struct act *a, const char *hash)
{
	char approval[WORDS_SIZE];
	struct json *j = l->json;
	bool good;

	find_approver(l->approvers, a, approval, &good);
	char time[WHEN_TEXT_SIZE];

	when_format_wall(a->wall_ns, time);
	json_object(j);
	json_key(j, "leaf");
	json_uint(j, leaf);
	json_key(j, "time");
	json_text(j, time);
	json_key(j, "uid");
	json_uint(j, a->uid);
	json_key(j, "login_uid");
	if (a->login == ACT_NO_LOGIN)
		json_text(j, NULL);
	else
		json_uint(j, a->login);
	json_key(j, "verb");
	json_text(j, a->verb);
	json_key(j, "subject");
	json_text(j, a->subject);
	json_key(j, "reason");
	json_text(j, a->reason);
	json_key(j, "detail");
	json_text(j, a->detail);
	json_key(j, "approval");
	json_text(j, approval[0] != '\0' ? approval : NULL);
	json_key(j, "approved");
	json_bool(j, good);
	json_key(j, "sha256");
	json_text(j, hash);
	json_object_end(j);
}

static void put_escaped(struct buffer *b, const char *text)
{
	text_escape(b, text, strlen(text));
}

static void show_text(struct listing *l, uint64_t leaf, const struct act *a)
{
	char time[WHEN_TEXT_SIZE], approval[WORDS_SIZE];
	const char *at = a->detail;
	bool good;

	when_format_wall(a->wall_ns, time);
	buffer_printf(&l->line, "%s  leaf %llu  uid %u", time, (unsigned long long)leaf, (unsigned)a->uid);
	if (a->login != ACT_NO_LOGIN && a->login != a->uid)
		buffer_printf(&l->line, " (logged in as uid %u)", (unsigned)a->login);
	buffer_printf(&l->line, "  %s ", a->verb);
	put_escaped(&l->line, a->subject);
	buffer_put_text(&l->line, "\n    reason: ");
	put_escaped(&l->line, a->reason[0] != '\0' ? a->reason : "(none)");
	while (*at != '\0') {
		size_t len = strcspn(at, "\n");

		/* The proof is for programs; what it is worth is said below. */
		if (strncmp(at, REQUEST_LINE, strlen(REQUEST_LINE)) != 0 && strncmp(at, REQUEST_SIGNATURE, strlen(REQUEST_SIGNATURE)) != 0) {
			buffer_put_text(&l->line, "\n    ");
			text_escape(&l->line, at, len);
		}
		at += len + (at[len] == '\n');
	}
	find_approver(l->approvers, a, approval, &good);
	if (approval[0] != '\0') {
		buffer_put_text(&l->line, "\n    ");
		put_escaped(&l->line, approval);
	}
	startup_print_line(&l->line);
}

static int each_act(void *context, const struct evidence_act *a)
{
	struct listing *l = context;
	char hash[2 * HASH_SIZE + 1];
	struct act act;
	size_t i;

	for (i = 0; i < HASH_SIZE; i++)
		snprintf(hash + 2 * i, 3, "%02x", a->hash[i]);
	if (a->text == NULL || act_decode(a->text, a->len, &act, NULL) != 0) {
		say_error(program, "leaf %llu: log/acts/%s.act is missing or was changed", (unsigned long long)a->leaf, hash);
		l->broken++;
		return 0;
	}
	if (!wanted(l->options, &act))
		return 0;
	if (l->json != NULL)
		show_json(l, a->leaf, &act, hash);
	else
		show_text(l, a->leaf, &act);
	return 0;
}

static int list(const struct acts_options *options, const struct settings_server *server)
{
	struct listing l = { .options = options, .approvers = options->approvers != NULL ? options->approvers : server->approvers };
	const char *store = server->store;
	struct buffer text;
	struct json j;
	int r = 0;
	struct evidence *e = evidence_open(store, NULL, false, &r);

	if (e == NULL) {
		say_error(program, "%s: %s", store, r == ITM_ENOENT ? "there is no store here" : error_text(r));
		return say_status(r);
	}
	buffer_init(&text, JSON_MAX);
	buffer_init(&l.line, JSON_MAX);
	json_init(&j, &text);
	if (options->json) {
		l.json = &j;
		json_array(&j);
	}
	r = evidence_acts(e, 0, each_act, &l);
	if (options->json && r == 0) {
		json_array_end(&j);
		startup_print_line(&text);
	}
	buffer_free(&text);
	buffer_free(&l.line);
	evidence_close(e);
	return r != 0 ? say_status(r) : l.broken > 0 ? EX_DATAERR : 0;
}

static int run(int argc, char **argv)
{
	struct acts_options options = { 0 };
	struct places places;
	int status;

	if (startup_parse(&command, &argc, argv, &options, &options.places, &places, &status) != 0)
		return status;
	return say_finish(program, list(&options, &places.server));
}

const struct command acts_command = { "acts", &command, run };
