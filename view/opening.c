#include "view/opening.h"

#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sysexits.h>

#include "format/sign.h"
#include "store/audit.h"
#include "view/approval.h"
#include "view/keyread.h"
#include "view/say.h"

static int add_keys(const char *program, const char *paths, struct sealed *keys, char ids[APPROVAL_LINE_SIZE])
{
	char id[KEYFILE_ID_TEXT_SIZE], path[4096], error[KEYREAD_ERROR_SIZE];
	struct keyfile_secret secret;
	int r = 0;

	for (size_t len; r == 0 && *paths != '\0'; paths += len + (paths[len] == ',')) {
		len = strcspn(paths, ",");
		snprintf(path, sizeof path, "%.*s", (int)len, paths);
		r = keyread_secret(path, &secret, error);
		if (r != 0) {
			say_error(program, "%s", error);
			break;
		}
		r = sealed_add(keys, &secret);
		if (r == ITM_EINVAL)
			say_error(program, "%s: an officer's key signs, it opens nothing: an auditor's key is needed", path);
		else if (r != 0)
			say_error(program, "more keys than can be used at once");
		else {
			keyfile_id_text(secret.id, id);
			snprintf(ids + strlen(ids), APPROVAL_LINE_SIZE - strlen(ids), "%s%s", ids[0] != '\0' ? "," : "keys=", id);
		}
		sign_wipe(&secret, sizeof secret);
	}
	return r != 0 ? (r == ITM_EPERM ? EX_NOPERM : EX_NOINPUT) : 0;
}

static int unseal(const char *program, struct source *source, struct sealed *keys)
{
	char words[SEALED_WORDS_SIZE] = "";
	int r = source_unseal(source, keys, words);

	if (r == 0)
		return 0;
	if (r == ITM_ECRYPTO || r == ITM_EFORMAT)
		say_error(program, "keystrokes can't be opened: the boxes of this session are damaged, or were made for another");
	else
		say_error(program, "keystrokes can't be opened: %s", words);
	return r == ITM_EPERM ? EX_NOPERM : r == ITM_ENOENT ? EX_NOINPUT : EX_DATAERR;
}

/* Before anything is shown: what can't be logged is not opened. */
static int log_act(const char *program, const struct places *places, const struct act *asked, const char *keys,
		   const char *names, const char *approved_by)
{
	char words[AUDIT_ERROR_SIZE] = "", auditors[APPROVAL_LINE_SIZE], approved[APPROVAL_LINE_SIZE + 16];
	const char *detail[] = { keys, auditors, approved, NULL };

	snprintf(auditors, sizeof auditors, "auditors=%.500s", names);
	snprintf(approved, sizeof approved, "approval=%s", approved_by[0] != '\0' ? approved_by : "none needed");
	int r = audit_act(places->server.run, "opening", asked->subject, asked->reason, detail, NULL, words);
	if (r == 0)
		return 0;
	say_error(program, "nothing was opened: the server that logs openings: %s", words[0] != '\0' ? words : error_text(r));
	return r == ITM_EPERM ? EX_NOPERM : r == ITM_EINVAL ? EX_USAGE : EX_UNAVAILABLE;
}

static int begin(const char *program, const struct opening_options *o, const struct places *places,
		 struct source *source, const struct id *stream, struct sealed *keys)
{
	char ids[APPROVAL_LINE_SIZE] = "", approved[APPROVAL_LINE_SIZE], session[ID_TEXT_SIZE];
	struct act asked;

	id_format(stream, session);
	int status = approval_begin(program, &asked, "opening", session, o->reason);
	if (status == 0)
		status = add_keys(program, o->key, keys, ids);
	if (status == 0 && act_detail(&asked, ids) != 0)
		status = EX_USAGE;
	if (status == 0)
		status = unseal(program, source, keys);
	if (status == 0)
		status = approval_check(program, &places->server, o->approval, sealed_auditors(keys), &asked, approved);
	if (status == 0)
		status = log_act(program, places, &asked, ids, sealed_auditors(keys), approved);
	if (status == 0 && sealed_note(keys)[0] != '\0')
		say_error(program, "opened with keys of a list that is called: %s", sealed_note(keys));
	return status;
}

int opening_begin(const char *program, const struct opening_options *o, const struct places *places,
		  struct source *source, const struct id *stream, struct sealed **keys)
{
	const struct rlimit none = { 0, 0 };

	*keys = NULL;
	if (o->key == NULL && o->reason == NULL && o->approval == NULL)
		return 0;
	if (o->key == NULL || o->reason == NULL || o->reason[strspn(o->reason, " ")] == '\0') {
		say_error(program, "keystrokes are opened with --key FILE and --reason TEXT, both");
		return EX_USAGE;
	}
	setrlimit(RLIMIT_CORE, &none);
	struct sealed *s = sign_init() == 0 ? sealed_new() : NULL;
	if (s == NULL) {
		say_error(program, "no locked memory for the keys");
		return EX_OSERR;
	}
	int status = begin(program, o, places, source, stream, s);
	if (status == 0) {
		*keys = s;
		return 0;
	}
	char unused[SEALED_WORDS_SIZE];
	(void)source_unseal(source, NULL, unused);
	sealed_free(s);
	return status;
}
