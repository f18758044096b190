#include "view/approval.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/atomicfile.h"
#include "base/clock.h"
#include "base/hash.h"
#include "format/minisign.h"
#include "terminal/text.h"
#include "view/say.h"

static const char head[] = "itm open request 1\n";

int approval_begin(const char *program, struct approval_request *r, const struct id *stream, const char *reason)
{
	*r = (struct approval_request){ .uid = getuid() };
	id_format(stream, r->session);
	r->until = clock_wall_ns() / 1000000000 + APPROVAL_DAY_S;
	for (const char *p = reason; *p != '\0'; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f || strlen(reason) >= sizeof r->reason) {
			say_error(program, "--reason is one line of up to %d bytes", APPROVAL_REASON_SIZE - 1);
			return EX_USAGE;
		}
	snprintf(r->reason, sizeof r->reason, "%s", reason);
	return 0;
}

void approval_add_key(struct approval_request *r, const uint8_t id[KEYFILE_ID_SIZE])
{
	char text[KEYFILE_ID_TEXT_SIZE];
	size_t used = strlen(r->keys);

	keyfile_id_text(id, text);
	snprintf(r->keys + used, sizeof r->keys - used, "%s%s", used > 0 ? "," : "", text);
}

static int put(struct buffer *b, const struct approval_request *r)
{
	return buffer_printf(b, "%ssession %s\nkeys %s\nuid %lu\nuntil %lld\nreason %s\n", head, r->session, r->keys,
			     r->uid, r->until, r->reason);
}

int approval_decode(const char *text, size_t len, struct approval_request *out)
{
	struct approval_request request = { .uid = 0 }, *r = &request;
	struct buffer again;
	const char *reason;

	if (len > APPROVAL_MAX || strnlen(text, len + 1) != len || sscanf(text, "itm open request 1 session %26s keys %136s uid %lu until %lld", r->session,
				   r->keys, &r->uid, &r->until) != 4 || (reason = strstr(text, "\nreason ")) == NULL)
		return ITM_EFORMAT;
	snprintf(r->reason, sizeof r->reason, "%.*s", (int)strcspn(reason + 8, "\n"), reason + 8);
	struct id session;
	if (id_parse(r->session, &session) != 0 || strspn(r->keys, "0123456789ABCDEF,") != strlen(r->keys))
		return ITM_EFORMAT;
	/* One request has one text. */
	buffer_init(&again, APPROVAL_MAX);
	int e = put(&again, r);
	if (e == 0 && (again.len != len || memcmp(again.data, text, len) != 0))
		e = ITM_EFORMAT;
	buffer_free(&again);
	if (e == 0)
		*out = request;
	return e;
}

static int read_request(const char *program, const char *path, struct buffer *text, struct approval_request *r)
{
	buffer_init(text, APPROVAL_MAX);
	int e = atomicfile_read(path, text);
	if (e == 0)
		e = buffer_text(text) == NULL ? ITM_ENOMEM : approval_decode(buffer_text(text), text->len, r);
	if (e == 0)
		return 0;
	say_error(program, "%s: %s", path, e == ITM_EFORMAT ? "not a request to open keystrokes" : error_text(e));
	return e == ITM_ENOENT ? EX_NOINPUT : EX_DATAERR;
}

static int write_request(const char *program, const struct approval_request *r)
{
	char path[64];
	struct buffer b;

	snprintf(path, sizeof path, "%.8s.request", r->session);
	buffer_init(&b, APPROVAL_MAX);
	int e = put(&b, r);
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

/* The approver of that key: lines "NAME KEY" of the file. */
static bool find_approver(const char *path, const char *signature, size_t len, const struct buffer *request, char *name,
			  size_t size, struct fault *fault)
{
	char line[256], who[64], word[96];
	struct keyfile_public key;
	bool found = false;
	FILE *f = fopen(path, "re");

	error_fault(fault, ITM_ENOENT, 0, "signed by nobody that server.conf names in approvers");
	while (f != NULL && !found && fgets(line, sizeof line, f) != NULL)
		if (line[0] != '#' && sscanf(line, "%63s %95s", who, word) == 2 &&
		    keyfile_get_word(word, strlen(word), KEYFILE_OFFICER, &key) == 0 &&
		    minisign_verify(&key, request->data, request->len, signature, len, NULL, NULL) == 0)
			found = true;
	if (found) {
		char id[KEYFILE_ID_TEXT_SIZE];
		keyfile_id_text(key.id, id);
		snprintf(name, size, "%s (%s)", who, id);
	}
	if (f != NULL)
		fclose(f);
	return found;
}

static const char *difference(const struct approval_request *asked, const struct approval_request *r)
{
	if (strcmp(asked->session, r->session) != 0)
		return "it is for another session";
	if (strcmp(asked->keys, r->keys) != 0)
		return "it is for other keys";
	if (strcmp(asked->reason, r->reason) != 0)
		return "it gives another reason";
	if (asked->uid != r->uid)
		return "somebody else asked";
	return clock_wall_ns() / 1000000000 > asked->until ? "its day is over" : NULL;
}

/* Whose key opens can't be the one who approves. */
static bool is_auditor(const char *auditors, const char *approver)
{
	size_t len = strcspn(approver, " ");
	for (const char *p = auditors; *p != '\0'; p += p[strcspn(p, ",")] == ',' ? strcspn(p, ",") + 1 : strcspn(p, ","))
		if (strcspn(p, ",") == len && strncmp(p, approver, len) == 0)
			return true;
	return false;
}

static int check_signature(const char *program, const struct settings_server *settings, const char *path,
			   const struct buffer *request, struct approval_request *r)
{
	char signature_path[4200], name[128];
	uint8_t hash[HASH_SIZE];
	struct fault fault = { 0, NULL };
	struct buffer signature;

	snprintf(signature_path, sizeof signature_path, "%s.minisig", path);
	buffer_init(&signature, MINISIGN_MAX);
	int e = atomicfile_read(signature_path, &signature);
	if (e != 0)
		say_error(program, "%s: %s: nobody has approved yet", signature_path, error_text(e));
	else if (!find_approver(settings->approvers, (const char *)signature.data, signature.len, request, name, sizeof name, &fault))
		say_error(program, "%s: %s", signature_path, fault.reason), e = ITM_ECRYPTO;
	else if (is_auditor(r->auditors, name))
		say_error(program, "%s: %s can't approve an opening with a key of the same person", signature_path, name), e = ITM_EPERM;
	buffer_free(&signature);
	if (e != 0)
		return EX_NOPERM;
	hash_bytes(request->data, request->len, hash);
	int n = snprintf(r->approved, sizeof r->approved, "%s ", name);
	for (size_t i = 0; i < HASH_SIZE; i++)
		n += snprintf(r->approved + n, sizeof r->approved - (size_t)n, "%02x", hash[i]);
	return 0;
}

int approval_check(const char *program, const struct settings_server *settings, const char *path,
		   struct approval_request *r)
{
	struct approval_request asked;
	struct buffer request;

	if (settings->approvers[0] == '\0')
		return 0;
	if (path == NULL)
		return write_request(program, r);
	int status = read_request(program, path, &request, &asked);
	const char *why = status == 0 ? difference(&asked, r) : NULL;
	if (why != NULL) {
		say_error(program, "%s does not cover this opening: %s", path, why);
		status = EX_NOPERM;
	}
	if (status == 0)
		status = check_signature(program, settings, path, &request, r);
	buffer_free(&request);
	return status;
}

/* Somebody else's words, on the approver's terminal. */
static void show(const struct approval_request *r)
{
	struct buffer b;

	buffer_init(&b, 16 * APPROVAL_MAX);
	int e = buffer_printf(&b, "Keystrokes of session %s, with keys %s, asked for by uid %lu.\nReason: ", r->session,
			      r->keys, r->uid);
	if (e == 0)
		e = text_escape(&b, r->reason, strlen(r->reason));
	if (e == 0 && buffer_text(&b) != NULL)
		fprintf(stderr, "%s\n", buffer_text(&b));
	buffer_free(&b);
}

int approval_sign(const char *program, const char *path, const struct keyfile_secret *key)
{
	char signature_path[4200], trusted[128];
	struct approval_request asked;
	struct buffer request, signature;
	int status = read_request(program, path, &request, &asked);

	buffer_init(&signature, MINISIGN_MAX);
	if (status == 0 && asked.uid == getuid()) {
		say_error(program, "you asked yourself: somebody else must approve");
		status = EX_NOPERM;
	}
	if (status == 0) {
		show(&asked);
		snprintf(signature_path, sizeof signature_path, "%s.minisig", path);
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
