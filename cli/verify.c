/* itm verify: says what a spool, a store, a segment file or a session is worth
 * as evidence. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/atomicfile.h"
#include "base/error.h"
#include "cli/bundle.h"
#include "cli/command.h"
#include "cli/explain.h"
#include "cli/startup.h"
#include "cli/trust.h"
#include "cli/tsa.h"
#include "cli/verdict.h"
#include "cli/walk.h"
#include "format/keylist.h"
#include "format/sign.h"
#include "format/minisign.h"
#include "store/witness.h"
#include "view/keyread.h"
#include "view/locate.h"
#include "view/say.h"

static const char *const program = "itm verify";

struct verify_options {
	struct places_options places;
	const char *identity, *log_key, *officer, *witness, *tsa_ca;
	bool json, explain;
};

static const struct options_entry entries[] = {
	{ "identity", 0, "FILE", OPTIONS_TEXT, offsetof(struct verify_options, identity), 0, 0, "the host's public key, from its enrolment" },
	{ "log-key", 0, "FILE", OPTIONS_TEXT, offsetof(struct verify_options, log_key), 0, 0, "the server's public log key" },
	{ "officer", 0, "FILE", OPTIONS_TEXT, offsetof(struct verify_options, officer), 0, 0, "a bundle: this officer's signature vouches for it" },
	{ "witness", 0, "FILE", OPTIONS_TEXT, offsetof(struct verify_options, witness), 0, 0, "demand this witness's cosignature over the log" },
	{ "tsa-ca", 0, "FILE", OPTIONS_TEXT, offsetof(struct verify_options, tsa_ca), 0, 0, "demand a time stamp over the log, under these CA certificates" },
	{ "explain", 'e', NULL, OPTIONS_FLAG, offsetof(struct verify_options, explain), 0, 0, "say what is proved, by which keys, and what is not" },
	{ "json", 0, NULL, OPTIONS_FLAG, offsetof(struct verify_options, json), 0, 0, "one object" },
	PLACES_STORE(verify_options, places),
	PLACES_INDEX(verify_options, places),
	PLACES_SPOOL(verify_options, places),
	PLACES_CONFIG(verify_options, places),
	PLACES_AGENT_CONFIG(verify_options, places),
	{ 0 },
};

static const struct options_command command = {
	.name = "itm verify",
	.operands = "PATH | SESSION",
	.operands_min = 1,
	.operands_max = 1,
	.summary = "Check signatures, order and completeness of what was recorded.",
	.entries = entries,
	.more = "PATH is a spool, a store, one segment file or an export bundle; SESSION an id,\n"
		"the beginning of one, or 'last'.  Exit status: 0 OK, 10 UNANCHORED, 11 OPEN-TAIL, 12 GAP,\n"
		"13 REDACTED, 14 UNATTESTED, 15 FORK, 16 TAMPERED; the worst wins.",
};

static int load_key(const char *option, const char *path, uint8_t out[SIGN_PUBLIC_SIZE])
{
	int r = sign_load_public(path, out);

	if (r != 0)
		say_error(program, "--%s %s: %s", option, path, r == ITM_EFORMAT ? "not a public key file" : error_text(r));
	return r;
}

/* Where a stamp is demanded, openssl must be here before anything is judged. */
static int load_stamps(const struct verify_options *o, struct verify_trust *trust, struct tsa_stamps *stamps)
{
	char words[TSA_WORDS_SIZE];
	int r = o->tsa_ca != NULL ? tsa_ready(o->tsa_ca, words) : 0;

	if (r != 0) {
		say_error(program, "--tsa-ca: %s", words);
		return r == ITM_ENOENT ? EX_UNAVAILABLE : EX_NOINPUT;
	}
	if (o->tsa_ca == NULL)
		return 0;
	trust->stamped = tsa_stamps_at;
	trust->stamps = stamps;
	return 0;
}

static int load_witness(const struct verify_options *o, struct verify_trust *trust)
{
	int r = o->witness != NULL ? witness_load_public(o->witness, &trust->witness) : 0;

	if (r != 0) {
		say_error(program, "--witness %s: %s", o->witness, r == ITM_EFORMAT ? "not a witness's public key" : error_text(r));
		return EX_NOINPUT;
	}
	trust->has_witness = o->witness != NULL;
	return 0;
}

/* Named keys first; else what this machine pinned.  own: the record is this
 * host's own spool. */
static int load_trust(const struct verify_options *o, const struct places *places, bool own,
		      struct verify_trust *trust)
{
	if (o->identity != NULL) {
		if (load_key("identity", o->identity, trust->identity) != 0)
			return EX_NOINPUT;
		trust->has_identity = true;
	} else if (own) {
		trust->has_identity = trust_own_identity(places, trust->identity);
	}
	if (o->log_key != NULL) {
		if (load_key("log-key", o->log_key, trust->log) != 0)
			return EX_NOINPUT;
		trust->has_log = true;
	} else {
		trust->has_log = trust_log(places, trust->log);
	}
	return load_witness(o, trust);
}

static void progress(void *context, const char *origin, uint64_t units)
{
	fprintf(stderr, "\r%.60s: %llu units\033[K", origin, (unsigned long long)units);
}

static int cannot_read(const char *what, int r)
{
	if (r == ITM_ENOENT)
		say_error(program, "%s: there is nothing to verify there", what);
	else if (r == ITM_ESYS && errno == EACCES)
		say_error(program, "%s: may not be read: run as root, or as a member of itm-store or itm-spool", what);
	else
		say_error(program, "%s: cannot be read: %s", what, error_text(r));
	return say_status(r);
}

/* A store's stamps are beside its log. */
static void name_stamps(const struct walk *w, const char *dir)
{
	struct tsa_stamps *stamps = w->trust.stamps;

	if (stamps != NULL && places_is_store(dir))
		snprintf(stamps->log, sizeof(stamps->log), "%.3900s/log", dir);
}

static int walk_dir(struct walk *w, const char *dir)
{
	int r;

	name_stamps(w, dir);
	if (places_is_store(dir))
		r = walk_store(w, dir);
	else if (places_is_spool(dir))
		r = walk_spool(w, dir);
	else
		r = ITM_ENOENT;
	return r == 0 ? 0 : cannot_read(dir, r);
}

static int judge_path(const struct verify_options *o, const struct places *places, const char *path,
		     bool is_dir, struct walk *w)
{
	int status = load_trust(o, places, true, &w->trust), r;

	/* A store knows its hosts' keys; our own is for a spool only. */
	if (is_dir && places_is_store(path) && o->identity == NULL)
		w->trust.has_identity = false;
	if (status != 0)
		return status;
	if (is_dir)
		return walk_dir(w, path);
	r = walk_file(w, path);
	return r == 0 ? 0 : cannot_read(path, r);
}

/* A key list in the bundle; whether it is the session's is told when its record
 * was read. */
static void take_key_list(const struct verify_options *o, const struct bundle *b, struct explain_keys *keys)
{
	char error[KEYREAD_ERROR_SIZE];
	struct keyfile_public officer;

	if (b->keylist == NULL)
		return;
	keys->has_list = keylist_decode((const char *)b->keylist, b->keylist_len, &keys->list, NULL) == 0;
	keys->list_broken = !keys->has_list;
	keys->list_signed = keys->has_list && o->officer != NULL &&
		keyread_public(o->officer, KEYFILE_OFFICER, &officer, error) == 0 &&
		minisign_verify(&officer, b->keylist, b->keylist_len, (const char *)b->keylist_signature, b->keylist_signature_len,
				NULL, NULL) == 0;
}

/* Is the bundle's list the one that the signed record names? */
static enum verdict judge_key_list(struct walk *w, const struct explain_keys *keys, enum verdict worst)
{
	char digest[2 * HASH_SIZE + 1];
	const char *named = w->host_count == 1 ? strchr(w->hosts[0].result.seal_list, ' ') : NULL;

	if (!keys->has_list && !keys->list_broken)
		return worst;
	for (size_t i = 0; i < HASH_SIZE; i++)
		snprintf(digest + 2 * i, 3, "%02x", keys->list.digest[i]);
	if (keys->has_list && named != NULL && strcmp(named + 1, digest) == 0)
		return worst;
	walk_flaw(w, "keylist", 0, "not the key list that the session names");
	return VERDICT_TAMPERED;
}

/* A bundle's own keys say only that it holds together; trusted are those given. */
static int judge_bundle(const struct verify_options *o, const char *path, const struct buffer *file, struct walk *w,
			struct explain_keys *keys)
{
	const char *slash = strrchr(path, '/');
	char words[TRUST_WORDS_SIZE];
	struct tsa_stamps *stamps;
	struct bundle bundle;
	struct fault fault = { 0 };
	int r = o->officer != NULL ? trust_officer(o->officer, path, file, words) : 0;

	if (r == ITM_ECRYPTO) {
		walk_flaw(w, path, 0, words);
		return 0;
	}
	if (r != 0) {
		say_error(program, "%s", words);
		return EX_NOINPUT;
	}
	keys->officer = o->officer != NULL;
	r = bundle_read(file->data, file->len, &bundle, &fault);

	if (r != 0) {
		walk_flaw(w, path, fault.offset, fault.reason);
		return 0;
	}
	keys->bundle = true;
	take_key_list(o, &bundle, keys);
	stamps = w->trust.stamps;
	bundle.trust.stamped = w->trust.stamped;
	bundle.trust.stamps = stamps;
	w->trust = bundle.trust;
	if (stamps != NULL && bundle.stamp != NULL &&
	    (buffer_put(&stamps->note, bundle.stamped, bundle.stamped_len) != 0 ||
	     buffer_put(&stamps->response, bundle.stamp, bundle.stamp_len) != 0))
		return cannot_read(path, ITM_ELIMIT);
	if (o->identity != NULL && load_key("identity", o->identity, w->trust.identity) != 0)
		return EX_NOINPUT;
	if (o->log_key != NULL && load_key("log-key", o->log_key, w->trust.log) != 0)
		return EX_NOINPUT;
	if (load_witness(o, &w->trust) != 0)
		return EX_NOINPUT;
	w->trust.has_identity |= o->identity != NULL;
	w->trust.has_log |= o->log_key != NULL;
	w->one_stream = true;
	r = walk_excerpt(w, slash != NULL ? slash + 1 : path, bundle.evidence, bundle.evidence_len);
	if (o->identity == NULL && !keys->officer)
		walk_doubt(w, "the host's identity key comes from the bundle itself: give --identity");
	else if (o->log_key == NULL && bundle.trust.has_log && !keys->officer)
		walk_doubt(w, "the server's log key comes from the bundle itself: give --log-key");
	return r == 0 ? 0 : cannot_read(path, r);
}

static int judge_named(const struct verify_options *o, const struct places *places, const char *path, bool is_dir,
		       struct walk *w, struct explain_keys *keys)
{
	struct buffer file;
	int status;

	if (is_dir || !bundle_is_file(path))
		return judge_path(o, places, path, is_dir, w);
	buffer_init(&file, BUNDLE_MAX);
	status = atomicfile_read(path, &file);
	status = status == 0 ? judge_bundle(o, path, &file, w, keys) : cannot_read(path, status);
	buffer_free(&file);
	return status;
}

static int judge_session(const struct verify_options *o, const struct places *places, const char *name,
			struct walk *w)
{
	char error[LOCATE_ERROR_SIZE];
	struct located where;
	int r = locate_session(places, name, &where, error), status;
	bool deleted = false;

	/* Of a deleted session the chain and its tombstones can be checked. */
	if (r == ITM_ENOENT && id_parse(name, &where.session.stream) == 0 &&
	    locate_removed(places->server.store, &where.session.stream, &where.session.host, NULL)) {
		snprintf(where.dir, sizeof(where.dir), "%s", places->server.store);
		where.known = deleted = true;
		r = 0;
	}
	if (r != 0) {
		say_error(program, "%s", error);
		return say_status(r);
	}
	status = load_trust(o, places, !places_is_store(where.dir), &w->trust);
	if (status != 0)
		return status;
	w->one_stream = true;
	w->unsigned_yet = where.known && where.session.provisional && where.session.chunks == 0;
	w->stream = where.session.stream;
	w->one_host = where.known && !id_is_zero(&where.session.host);
	w->host = where.session.host;
	if (deleted || w->unsigned_yet || !places_is_store(where.dir))
		return walk_dir(w, where.dir);
	name_stamps(w, where.dir);
	r = walk_session(w, where.dir, &w->stream);
	/* Deleted, and not yet out of the index. */
	if (r == ITM_ENOENT && locate_removed(where.dir, &w->stream, &w->host, NULL)) {
		evidence_close(w->evidence);
		w->evidence = NULL;
		w->excerpt = false;
		w->one_host = true;
		return walk_dir(w, where.dir);
	}
	return r == 0 ? 0 : cannot_read(where.dir, r);
}

static int judge(const struct verify_options *o, struct walk *w, struct explain_keys *keys)
{
	enum verdict worst = walk_finish(w);

	if (w->one_stream && w->host_count == 0 && w->flaws == 0)
		worst = VERDICT_OPEN_TAIL;
	worst = judge_key_list(w, keys, worst);
	if (o->json)
		verdict_json(w, worst);
	else if (w->one_stream && w->host_count == 0 && w->flaws == 0)
		printf("%-11s nothing of this session is signed yet\n", verdict_name(worst));
	else
		verdict_text(w, worst);
	if (w->trust.stamps != NULL && ((struct tsa_stamps *)w->trust.stamps)->words[0] != '\0')
		say_error(program, "%s", ((struct tsa_stamps *)w->trust.stamps)->words);
	keys->given_identity = o->identity != NULL;
	keys->given_log = o->log_key != NULL;
	if (o->explain && !o->json)
		explain_print(w, worst, keys);
	return worst;
}

static int run(int argc, char **argv)
{
	struct verify_options options = { 0 };
	struct places places;
	struct explain_keys keys = { 0 };
	struct tsa_stamps stamps;
	struct walk walk;
	struct stat st;
	int status;

	if (startup_parse(&command, &argc, argv, &options, &options.places, &places, &status) != 0)
		return status;
	if (sign_init() != 0)
		return EX_SOFTWARE;
	walk_init(&walk);
	tsa_stamps_init(&stamps, options.tsa_ca);
	status = load_stamps(&options, &walk.trust, &stamps);
	if (status != 0)
		return status;
	if (isatty(STDERR_FILENO) && isatty(STDOUT_FILENO) && !options.json)
		walk.progress = progress;
	if (stat(argv[0], &st) == 0)
		status = judge_named(&options, &places, argv[0], S_ISDIR(st.st_mode), &walk, &keys);
	else if (strchr(argv[0], '/') != NULL && strchr(argv[0], ':') == NULL)
		status = cannot_read(argv[0], errno == ENOENT ? ITM_ENOENT : ITM_ESYS);
	else
		status = judge_session(&options, &places, argv[0], &walk);
	if (walk.units > 0 && walk.progress != NULL)
		fprintf(stderr, "\r\033[K");
	if (status == 0)
		status = judge(&options, &walk, &keys);
	tsa_stamps_free(&stamps);
	walk_free(&walk);
	return say_finish(program, status);
}

const struct command verify_command = { "verify", &command, run };
