#include "cli/keyring.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/atomicfile.h"
#include "base/clock.h"
#include "base/json.h"
#include "cli/startup.h"
#include "format/keylist.h"
#include "format/minisign.h"
#include "format/sign.h"
#include "store/audit.h"
#include "view/keyread.h"
#include "view/say.h"

enum { PATH_SIZE = 4096, DAYS = 365, SIGNED_MAX = 64 << 20 };

static const char *const program = "itm key";

static int cannot(const char *path, int r)
{
	say_error(program, "%s: %s", path, error_text(r));
	return r == ITM_ENOENT ? EX_NOINPUT : r == ITM_EPERM ? EX_NOPERM : EX_CANTCREAT;
}

/* ---- keys ---- */

/* A key is never written over: what it opens or has signed would be lost. */
static int write_new(const char *path, const struct buffer *b, mode_t mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);

	if (fd < 0) {
		say_error(program, errno == EEXIST ? "%s is there already: choose another name" : "%s can't be made", path);
		return EX_CANTCREAT;
	}
	bool whole = write(fd, b->data, b->len) == (ssize_t)b->len && fsync(fd) == 0;
	close(fd);
	if (!whole)
		return cannot(path, ITM_ESYS);
	return 0;
}

static int ask_password(char out[KEYREAD_PASSWORD_SIZE])
{
	char again[KEYREAD_PASSWORD_SIZE];

	if (keyread_password("Password of the new key: ", out) != 0 || keyread_password("Once more: ", again) != 0) {
		say_error(program, "a password is asked for on a terminal, and there is none");
		return EX_USAGE;
	}
	bool same = strcmp(out, again) == 0 && out[0] != '\0';
	sign_wipe(again, sizeof again);
	if (!same)
		say_error(program, "the two are not the same, or empty");
	return same ? 0 : EX_DATAERR;
}

static int write_pair(const struct keyfile_secret *secret, const char *password, const char *kind, const char *file)
{
	char path[PATH_SIZE], id[KEYFILE_ID_TEXT_SIZE], comment[128];
	struct keyfile_public public_key;
	struct buffer b;

	keyfile_public(secret, &public_key);
	keyfile_id_text(secret->id, id);
	buffer_init(&b, KEYFILE_MAX);
	snprintf(comment, sizeof comment, "ITM %s secret key %s", kind, id);
	snprintf(path, sizeof path, "%s.key", file);
	int r = keyfile_put_secret(&b, secret, password, comment);
	int status = r != 0 ? cannot(path, r) : write_new(path, &b, 0600);
	if (b.data != NULL)
		sign_wipe(b.data, b.size);
	buffer_clear(&b);
	snprintf(comment, sizeof comment, "ITM %s public key %s", kind, id);
	snprintf(path, sizeof path, "%s.pub", file);
	if (status == 0)
		r = keyfile_put_public(&b, secret->kind, &public_key, comment);
	if (status == 0)
		status = r != 0 ? cannot(path, r) : write_new(path, &b, 0644);
	buffer_free(&b);
	if (status == 0)
		printf("%s key %s: secret in %s.key, public in %s.pub\n", kind, id, file, file);
	return status;
}

int keyring_generate(const struct keyring_options *o, const char *kind, const char *file)
{
	char password[KEYREAD_PASSWORD_SIZE];
	struct keyfile_secret secret;
	bool officer = strcmp(kind, "officer") == 0;

	if (!officer && strcmp(kind, "auditor") != 0) {
		say_error(program, "'%s': there are officer keys (sign) and auditor keys (open keystrokes)", kind);
		return EX_USAGE;
	}
	int status = o->password ? ask_password(password) : 0;
	if (status != 0)
		return status;
	keyfile_new(officer ? KEYFILE_OFFICER : KEYFILE_AUDITOR, &secret);
	status = write_pair(&secret, o->password ? password : NULL, kind, file);
	sign_wipe(&secret, sizeof secret);
	sign_wipe(password, sizeof password);
	return status;
}

static int load_officer(const struct keyring_options *o, struct keyfile_secret *out)
{
	char error[KEYREAD_ERROR_SIZE];
	int r;

	if (o->key == NULL) {
		say_error(program, "--key FILE: the officer's secret key");
		return EX_USAGE;
	}
	r = keyread_secret(o->key, out, error);
	if (r == 0 && out->kind == KEYFILE_OFFICER)
		return 0;
	say_error(program, r == 0 ? "%s: an auditor's key opens, it signs nothing: an officer's key is needed" : "%s",
		  r == 0 ? o->key : error);
	return r == ITM_EPERM ? EX_NOPERM : EX_DATAERR;
}

/* ---- signatures of files ---- */

static int write_signature(const struct keyfile_secret *officer, const char *path, const struct buffer *text,
			   const char *trusted)
{
	char signature_path[PATH_SIZE];
	struct buffer signature;

	snprintf(signature_path, sizeof signature_path, "%s.minisig", path);
	buffer_init(&signature, MINISIGN_MAX);
	int r = minisign_sign(&signature, officer, text->data, text->len, trusted);
	if (r == 0)
		r = atomicfile_write(signature_path, signature.data, signature.len, 0644);
	buffer_free(&signature);
	return r != 0 ? cannot(signature_path, r) : 0;
}

int keyring_sign(const struct keyring_options *o, const char *file)
{
	struct keyfile_secret officer;
	struct buffer text;
	int status = load_officer(o, &officer);

	if (status != 0)
		return status;
	buffer_init(&text, SIGNED_MAX);
	int r = atomicfile_read(file, &text);
	status = r != 0 ? cannot(file, r) : write_signature(&officer, file, &text, "signed by an ITM officer");
	buffer_free(&text);
	sign_wipe(&officer, sizeof officer);
	if (status == 0)
		printf("%s.minisig is the signature\n", file);
	return status;
}

static int load_pinned(const struct keyring_options *o, const struct places *places, struct keyfile_public *out)
{
	char error[KEYREAD_ERROR_SIZE];

	if (keyread_public(o->officer != NULL ? o->officer : places->agent.officer_key, KEYFILE_OFFICER, out, error) == 0)
		return 0;
	say_error(program, "%s; --officer FILE names the officer's public key", error);
	return EX_NOINPUT;
}

/* Reads a file and its signature, and checks them. */
static int read_signed(const char *file, const struct keyfile_public *officer, struct buffer *text,
		       char trusted[MINISIGN_COMMENT_MAX])
{
	char path[PATH_SIZE];
	struct buffer signature;
	struct fault fault = { 0, NULL };

	snprintf(path, sizeof path, "%s.minisig", file);
	buffer_init(&signature, MINISIGN_MAX);
	int status = 0, r = atomicfile_read(file, text);
	if (r != 0)
		status = cannot(file, r);
	if (status == 0 && (r = atomicfile_read(path, &signature)) != 0)
		status = cannot(path, r);
	if (status == 0 && minisign_verify(officer, text->data, text->len, (const char *)signature.data, signature.len,
					   trusted, &fault) != 0) {
		say_error(program, "%s: %s", path, fault.reason);
		status = EX_DATAERR;
	}
	buffer_free(&signature);
	return status;
}

int keyring_verify(const struct keyring_options *o, const struct places *places, const char *file)
{
	char trusted[MINISIGN_COMMENT_MAX], id[KEYFILE_ID_TEXT_SIZE];
	struct keyfile_public officer;
	struct buffer text;
	int status = load_pinned(o, places, &officer);

	if (status != 0)
		return status;
	buffer_init(&text, SIGNED_MAX);
	status = read_signed(file, &officer, &text, trusted);
	buffer_free(&text);
	keyfile_id_text(officer.id, id);
	if (status == 0)
		printf("%s: signed by officer %s\n", file, id);
	return status;
}

int keyring_show(const struct keyring_options *o, const char *file)
{
	char error[KEYREAD_ERROR_SIZE], id[KEYFILE_ID_TEXT_SIZE];
	struct keyfile_public key;
	bool officer = keyread_public(file, KEYFILE_OFFICER, &key, error) == 0;

	if (!officer && keyread_public(file, KEYFILE_AUDITOR, &key, error) != 0) {
		say_error(program, "%s: neither an officer's nor an auditor's public key", file);
		return EX_DATAERR;
	}
	keyfile_id_text(key.id, id);
	if (o->json)
		printf("{\"kind\":\"%s\",\"id\":\"%s\"}\n", officer ? "officer" : "auditor", id);
	else
		printf("public key %s of an %s\n", id, officer ? "officer" : "auditor");
	return 0;
}

/* ---- the list ---- */

static const char *list_path(const struct keyring_options *o, const struct places *places)
{
	return o->list != NULL ? o->list : places->agent.keylist;
}

static int load_list(const struct keyring_options *o, const struct places *places, const struct keyfile_public *officer,
		     struct keylist *out)
{
	const char *path = list_path(o, places);
	struct fault fault = { 0, NULL };
	struct buffer text;

	buffer_init(&text, KEYLIST_MAX);
	int status = read_signed(path, officer, &text, NULL);
	if (status == 0 && keylist_decode((const char *)text.data, text.len, out, &fault) != 0) {
		say_error(program, "%s: %s", path, fault.reason);
		status = EX_DATAERR;
	}
	buffer_free(&text);
	return status;
}

static void when_text(int64_t seconds, char out[CLOCK_TEXT_SIZE])
{
	clock_format(seconds * 1000000000, out);
}

static int print_json(const struct keylist *l)
{
	char from[CLOCK_TEXT_SIZE], until[CLOCK_TEXT_SIZE], id[KEYFILE_ID_TEXT_SIZE];
	struct buffer b;
	struct json j;

	when_text(l->from, from);
	when_text(l->until, until);
	buffer_init(&b, 1 << 16);
	json_init(&j, &b);
	json_object(&j);
	json_key(&j, "number");
	json_uint(&j, l->number);
	json_key(&j, "from");
	json_text(&j, from);
	json_key(&j, "until");
	json_text(&j, until);
	json_key(&j, "note");
	json_text(&j, l->note);
	json_key(&j, "groups_needed");
	json_uint(&j, keylist_groups(l));
	json_key(&j, "auditors");
	json_array(&j);
	for (size_t i = 0; i < l->count; i++) {
		keyfile_id_text(l->auditor[i].key.id, id);
		json_object(&j);
		json_key(&j, "name");
		json_text(&j, l->auditor[i].name);
		json_key(&j, "group");
		json_text(&j, l->auditor[i].group);
		json_key(&j, "key");
		json_text(&j, id);
		json_object_end(&j);
	}
	json_array_end(&j);
	json_object_end(&j);
	int r = json_result(&j);
	if (r == 0)
		startup_print_line(&b);
	buffer_free(&b);
	return say_status(r);
}

static void print_list(const struct keylist *l)
{
	char from[CLOCK_TEXT_SIZE], until[CLOCK_TEXT_SIZE], id[KEYFILE_ID_TEXT_SIZE];
	size_t groups = keylist_groups(l);

	when_text(l->from, from);
	when_text(l->until, until);
	printf("Key list %llu, from %s until %s\n", (unsigned long long)l->number, from, until);
	if (l->note[0] != '\0')
		printf("Note: %s\n", l->note);
	printf(groups == 1 ? "Any one of these opens keystrokes:\n" : "One key of each of the %zu groups is needed:\n", groups);
	for (size_t i = 0; i < l->count; i++) {
		keyfile_id_text(l->auditor[i].key.id, id);
		printf("  %-16s %-16s %s\n", l->auditor[i].group, l->auditor[i].name, id);
	}
}

int keyring_list(const struct keyring_options *o, const struct places *places)
{
	struct keyfile_public officer;
	struct keylist list;
	int status = load_pinned(o, places, &officer);

	if (status == 0)
		status = load_list(o, places, &officer, &list);
	if (status != 0)
		return status;
	if (o->json)
		return print_json(&list);
	print_list(&list);
	return 0;
}

/* The list that is there, or an empty one; then numbered on and dated anew. */
static int begin_list(const struct keyring_options *o, const struct places *places, const struct keyfile_secret *officer,
		      struct keylist *list)
{
	struct keyfile_public public_key;

	*list = (struct keylist){ .number = 0 };
	keyfile_public(officer, &public_key);
	if (access(list_path(o, places), F_OK) == 0) {
		int status = load_list(o, places, &public_key, list);
		if (status != 0)
			return status;
	}
	list->number++;
	list->from = clock_wall_ns() / 1000000000;
	list->until = list->from + (int64_t)(o->days != 0 ? o->days : DAYS) * 86400;
	if (o->note != NULL)
		snprintf(list->note, sizeof list->note, "%s", o->note);
	return 0;
}

/* Where a server runs its log has every list that was made here. */
static int log_list(const struct places *places, const struct keylist *list)
{
	char subject[64], note[KEYLIST_NOTE_SIZE + 8], words[AUDIT_ERROR_SIZE];
	char names[KEYLIST_AUDITORS_MAX * 2 * KEYLIST_NAME_SIZE + 16] = "auditors=";
	const char *detail[] = { names, note, NULL };
	size_t used = strlen(names);

	snprintf(subject, sizeof subject, "key list %llu", (unsigned long long)list->number);
	snprintf(note, sizeof note, "note=%s", list->note);
	for (size_t i = 0; i < list->count; i++)
		used += (size_t)snprintf(names + used, sizeof names - used, "%s%s/%s", i > 0 ? " " : "", list->auditor[i].group,
					 list->auditor[i].name);
	int r = audit_act(places->server.run, "keylist", subject, "itm key", detail, NULL, words);
	if (r == 0 || r == ITM_ENOENT)
		return 0; /* officers' machines have no server */
	say_error(program, "nothing was changed: the server that logs it: %s", words);
	return EX_UNAVAILABLE;
}

static int finish_list(const struct keyring_options *o, const struct places *places,
		       const struct keyfile_secret *officer, const struct keylist *list)
{
	const char *path = list_path(o, places);
	char trusted[64];
	struct buffer text;

	buffer_init(&text, KEYLIST_MAX);
	int status = 0, r = keylist_encode(&text, list);
	if (r != 0) {
		say_error(program, "no such list can be made: names are 1 to 32 letters, digits, '.', '_' and '-', each name "
			  "and key once, at least one auditor, at most 32 in 8 groups");
		status = EX_DATAERR;
	}
	snprintf(trusted, sizeof trusted, "itm key list %llu", (unsigned long long)list->number);
	if (status == 0)
		status = log_list(places, list);
	/* A host that looks in between finds a list with the wrong signature and keeps the one it has. */
	if (status == 0)
		status = write_signature(officer, path, &text, trusted);
	if (status == 0 && (r = atomicfile_write(path, text.data, text.len, 0644)) != 0)
		status = cannot(path, r);
	buffer_free(&text);
	if (status == 0)
		print_list(list);
	return status;
}

static struct keylist_auditor *find_name(struct keylist *list, const char *name)
{
	for (size_t i = 0; i < list->count; i++)
		if (strcmp(list->auditor[i].name, name) == 0)
			return &list->auditor[i];
	return NULL;
}

static int change(const struct keyring_options *o, struct keylist *list, const char *name, const char *public_key,
		  bool is_new)
{
	struct keylist_auditor *a = find_name(list, name);
	char error[KEYREAD_ERROR_SIZE];

	if (is_new ? a != NULL : a == NULL) {
		say_error(program, is_new ? "%s is on the list already: 'itm key rotate' gives a new key" : "no auditor %s on the list", name);
		return EX_DATAERR;
	}
	if (public_key == NULL) {
		memmove(a, a + 1, (size_t)(list->auditor + list->count - (a + 1)) * sizeof *a);
		list->count--;
		return 0;
	}
	if (is_new && (list->count == KEYLIST_AUDITORS_MAX || !keylist_is_name(name) || (o->group != NULL && !keylist_is_name(o->group)))) {
		say_error(program, "names and groups are 1 to 32 letters, digits, '.', '_' and '-'; a list has up to 32 auditors");
		return EX_DATAERR;
	}
	if (is_new) {
		a = &list->auditor[list->count++];
		snprintf(a->name, sizeof a->name, "%s", name);
		snprintf(a->group, sizeof a->group, "%s", o->group != NULL ? o->group : "audit");
	}
	if (keyread_public(public_key, KEYFILE_AUDITOR, &a->key, error) == 0)
		return 0;
	say_error(program, "%s", error);
	return EX_DATAERR;
}

static int renew(const struct keyring_options *o, const struct places *places, const char *name, const char *public_key,
		 bool is_new)
{
	struct keyfile_secret officer;
	struct keylist list;
	int status = load_officer(o, &officer);

	if (status != 0)
		return status;
	status = begin_list(o, places, &officer, &list);
	if (status == 0)
		status = change(o, &list, name, public_key, is_new);
	if (status == 0)
		status = finish_list(o, places, &officer, &list);
	sign_wipe(&officer, sizeof officer);
	return status;
}

int keyring_add(const struct keyring_options *o, const struct places *places, const char *name, const char *public_key)
{
	return renew(o, places, name, public_key, true);
}

int keyring_replace(const struct keyring_options *o, const struct places *places, const char *name,
		    const char *public_key)
{
	return renew(o, places, name, public_key, false);
}
