#include "view/approval.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/atomicfile.h"
#include "base/base64.h"
#include "base/clock.h"
#include "base/hash.h"
#include "format/minisign.h"
#include "store/approvers.h"
#include "store/audit.h"
#include "terminal/text.h"
#include "view/say.h"

enum { NAME_SHOWN = 8 /* letters of the subject in the request's name */, PATH_SIZE = 4200 };

int approval_begin(const char *program, struct act *asked, const char *verb, const char *subject, const char *reason)
{
	*asked = (struct act){ .uid = getuid(), .login = audit_login(getpid()) };
	/* Whole seconds: what a person reads is what is meant. */
	asked->wall_ns = (clock_wall_ns() / 1000000000 + REQUEST_DAY_S) * 1000000000;
	int n = snprintf(asked->reason, sizeof asked->reason, "%s", reason);
	bool fits = n >= 0 && (size_t)n < sizeof asked->reason;
	for (const char *p = reason; fits && *p != '\0'; p++)
		fits = (unsigned char)*p >= 0x20 && *p != 0x7f;
	if (!fits) {
		say_error(program, "--reason is one line of up to %d bytes", ACT_REASON_SIZE - 1);
		return EX_USAGE;
	}
	snprintf(asked->verb, sizeof asked->verb, "%s", verb);
	snprintf(asked->subject, sizeof asked->subject, "%s", subject);
	return 0;
}

static int read_request(const char *program, const char *path, struct buffer *text, struct act *asked)
{
	struct fault fault = { 0 };

	buffer_init(text, REQUEST_MAX);
	int e = atomicfile_read(path, text);
	if (e == 0)
		e = request_decode(text->data, text->len, asked, &fault);
	if (e == 0)
		return 0;
	say_error(program, "%s: %s", path, fault.reason != NULL ? "not a request for an approval" : error_text(e));
	return e == ITM_ENOENT ? EX_NOINPUT : EX_DATAERR;
}

static int read_signature(const char *program, const char *path, struct buffer *signature)
{
	char signature_path[PATH_SIZE];

	snprintf(signature_path, sizeof signature_path, "%.4000s.minisig", path);
	buffer_init(signature, MINISIGN_MAX);
	int e = atomicfile_read(signature_path, signature);
	if (e == 0)
		return 0;
	say_error(program, "%s: %s: nobody has approved yet", signature_path, error_text(e));
	return EX_NOPERM;
}

static int write_request(const char *program, const struct act *asked)
{
	char path[64];
	struct buffer b;

	snprintf(path, sizeof path, "%.*s.request", NAME_SHOWN, asked->subject);
	buffer_init(&b, REQUEST_MAX);
	int e = request_encode(&b, asked);
	if (e == 0)
		e = atomicfile_write(path, b.data, b.len, 0644);
	buffer_free(&b);
	if (e != 0) {
		say_error(program, "%s can't be written: %s", path, error_text(e));
		return EX_CANTCREAT;
	}
	say_error(program, "a second person must approve: 'itm approve --key THEIR.key %s' within a day, "
		  "then again with --approval %s", path, path);
	return EX_NOPERM;
}

/* The request, if it covers what is asked now. */
static int read_covering(const char *program, const char *path, const struct act *asked, struct buffer *request)
{
	struct act signed_act, now = *asked;
	int status = read_request(program, path, request, &signed_act);

	now.wall_ns = clock_wall_ns();
	const char *why = status == 0 ? request_difference(&signed_act, &now) : NULL;
	if (why == NULL)
		return status;
	say_error(program, "%s does not cover this: %s", path, why);
	return EX_NOPERM;
}

/* Whose key opens can't be the one who approves. */
static bool is_auditor(const char *auditors, const char *approver)
{
	size_t len = strlen(approver);
	for (const char *p = auditors; *p != '\0'; p += p[strcspn(p, ",")] == ',' ? strcspn(p, ",") + 1 : strcspn(p, ","))
		if (strcspn(p, ",") == len && strncmp(p, approver, len) == 0)
			return true;
	return false;
}

static int check_signature(const char *program, const struct settings_server *settings, const char *path,
			   const char *auditors, const struct buffer *request, char approved[APPROVAL_LINE_SIZE])
{
	struct approvers_one who;
	uint8_t hash[HASH_SIZE];
	struct buffer signature;
	int status = read_signature(program, path, &signature);

	if (status == 0 && approvers_find(settings->approvers, request->data, request->len, (const char *)signature.data,
					  signature.len, &who) != 0) {
		say_error(program, "%s.minisig: signed by nobody that server.conf names in approvers", path);
		status = EX_NOPERM;
	} else if (status == 0 && is_auditor(auditors, who.name)) {
		say_error(program, "%s.minisig: %s can't approve an opening with a key of the same person", path, who.name);
		status = EX_NOPERM;
	}
	buffer_free(&signature);
	if (status != 0)
		return status;
	hash_bytes(request->data, request->len, hash);
	int n = snprintf(approved, APPROVAL_LINE_SIZE, "%s (%s) ", who.name, who.key);
	for (size_t i = 0; i < HASH_SIZE; i++)
		n += snprintf(approved + n, APPROVAL_LINE_SIZE - (size_t)n, "%02x", hash[i]);
	return 0;
}

int approval_check(const char *program, const struct settings_server *settings, const char *path, const char *auditors,
		   const struct act *asked, char approved[APPROVAL_LINE_SIZE])
{
	struct buffer request;

	approved[0] = '\0';
	if (settings->approvers[0] == '\0')
		return 0;
	if (path == NULL)
		return write_request(program, asked);
	int status = read_covering(program, path, asked, &request);
	if (status == 0)
		status = check_signature(program, settings, path, auditors, &request, approved);
	buffer_free(&request);
	return status;
}

static int attach_bytes(struct act *asked, const char *key, const struct buffer *bytes)
{
	struct buffer line;

	buffer_init(&line, 2 * REQUEST_MAX);
	int e = buffer_put_text(&line, key);
	e = e ? e : base64_put(&line, bytes->data, bytes->len);
	if (e == 0)
		e = buffer_text(&line) != NULL ? act_detail(asked, buffer_text(&line)) : ITM_ENOMEM;
	buffer_free(&line);
	return e;
}

int approval_attach(const char *program, const struct settings_server *settings, const char *path, struct act *asked)
{
	struct buffer request, signature;

	if (path == NULL)
		return settings_lists(settings->approval, asked->verb) ? write_request(program, asked) : 0;
	buffer_init(&signature, MINISIGN_MAX);
	int status = read_covering(program, path, asked, &request);
	if (status == 0)
		status = read_signature(program, path, &signature);
	if (status == 0 && (attach_bytes(asked, REQUEST_LINE, &request) != 0 ||
			    attach_bytes(asked, REQUEST_SIGNATURE, &signature) != 0)) {
		say_error(program, "%s: too long", path);
		status = EX_DATAERR;
	}
	buffer_free(&request);
	buffer_free(&signature);
	return status;
}

/* Somebody else's words, on the approver's terminal. */
static void show(const struct act *r)
{
	char until[CLOCK_TEXT_SIZE], login[48] = "";
	struct buffer b;

	clock_format(r->wall_ns, until);
	if (r->login != ACT_NO_LOGIN)
		snprintf(login, sizeof login, " (logged in as uid %" PRIu32 ")", r->login);
	buffer_init(&b, 16 * REQUEST_MAX);
	int e = buffer_printf(&b, "%s of ", r->verb);
	e = e ? e : text_escape(&b, r->subject, strlen(r->subject));
	e = e ? e : buffer_printf(&b, ", asked for by uid %" PRIu32 "%s, good until %s.\nReason: ", r->uid, login, until);
	e = e ? e : text_escape(&b, r->reason, strlen(r->reason));
	for (const char *at = r->detail; e == 0 && *at != '\0'; at += strcspn(at, "\n") + 1) {
		e = buffer_put_text(&b, "\n  ");
		e = e ? e : text_escape(&b, at, strcspn(at, "\n"));
	}
	if (e == 0 && buffer_text(&b) != NULL)
		fprintf(stderr, "%s\n", buffer_text(&b));
	buffer_free(&b);
}

int approval_sign(const char *program, const char *path, const struct keyfile_secret *key)
{
	char signature_path[PATH_SIZE], trusted[128];
	struct buffer request, signature;
	struct act asked;
	int status = read_request(program, path, &request, &asked);

	buffer_init(&signature, MINISIGN_MAX);
	if (status == 0 && request_is_by(&asked, getuid(), audit_login(getpid()))) {
		say_error(program, "you asked yourself: somebody else must approve");
		status = EX_NOPERM;
	}
	if (status == 0) {
		show(&asked);
		snprintf(signature_path, sizeof signature_path, "%.4000s.minisig", path);
		snprintf(trusted, sizeof trusted, "approved by uid %lu", (unsigned long)getuid());
		int e = minisign_sign(&signature, key, request.data, request.len, trusted);
		if (e == 0)
			e = atomicfile_write(signature_path, signature.data, signature.len, 0644);
		if (e != 0) {
			say_error(program, "%s: %s", signature_path, e == ITM_EINVAL ? "an officer's key is needed" : error_text(e));
			status = EX_CANTCREAT;
		}
	}
	buffer_free(&signature);
	buffer_free(&request);
	return status;
}
