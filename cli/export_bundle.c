#include "cli/export_bundle.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/atomicfile.h"
#include "cli/bundle.h"
#include "cli/trust.h"
#include "format/checkpoint.h"
#include "format/keylist.h"
#include "format/meta.h"
#include "format/minisign.h"
#include "format/receipt.h"
#include "store/audit.h"
#include "store/evidence.h"
#include "store/source.h"
#include "store/spool.h"
#include "store/stamps.h"
#include "view/say.h"
#include "view/transcript.h"

static const char *const program = "itm export";

enum { KEY_LIST_SIZE = 96 };

/* What goes into the excerpt, and the stamp that its receipt is by. */
struct taking {
	struct excerpt *excerpt;
	char stamps[4096];               /* folder */
	struct buffer stamped, stamp;
	bool has_stamp;
};

static void take_stamp(struct taking *t, const struct unit *u)
{
	struct receipt receipt;
	struct checkpoint c;
	struct note note;

	if (receipt_decode(u->payload, u->len, &receipt, NULL) != 0 ||
	    note_decode(receipt.note, receipt.note_len, &note, NULL) != 0 ||
	    checkpoint_decode(note.text, note.text_len, &c, NULL) != 0)
		return;
	buffer_clear(&t->stamped);
	buffer_clear(&t->stamp);
	t->has_stamp = stamps_read(t->stamps, c.size, &t->stamped, &t->stamp) == 0 && t->stamped.len == receipt.note_len &&
		       memcmp(t->stamped.data, receipt.note, receipt.note_len) == 0;
}

static int take_unit(void *context, const struct unit *u, const char *place, uint64_t offset)
{
	struct taking *t = context;

	(void)place;
	(void)offset;
	if (u->type == UNIT_RECEIPT && !t->has_stamp)
		take_stamp(t, u);
	return excerpt_unit(t->excerpt, u);
}

static int from_spool(struct excerpt *x, const char *dir)
{
	struct spool_reader *reader = spool_reader_new(dir);
	struct spool_place place;
	struct fault fault;
	struct unit u;
	int r;

	if (reader == NULL)
		return ITM_ENOMEM;
	while ((r = spool_reader_next(reader, &u, &place, &fault)) == 1) {
		r = excerpt_unit(x, &u);
		if (r != 0)
			break;
	}
	spool_reader_free(reader);
	return r;
}

/* Also what this machine knows of the host. */
static int from_store(struct taking *t, const struct located *where, struct bundle_source *s, struct evidence_host *host)
{
	struct excerpt *x = t->excerpt;
	struct evidence *e;
	int r = 0;

	e = evidence_open(where->dir, NULL, false, &r);
	if (e == NULL)
		return r;
	snprintf(t->stamps, sizeof(t->stamps), "%.3900s/log/stamps", where->dir);
	r = evidence_lineage(e, &where->session.stream, take_unit, t);
	if (t->has_stamp) {
		s->stamped = &t->stamped;
		s->stamp = &t->stamp;
	}
	if (r >= 0 && excerpt_finish(x, &s->info, &s->evidence) == 0 && evidence_host_get(e, &s->info.host, host) == 0) {
		memcpy(s->trust.identity, host->identity, SIGN_PUBLIC_SIZE);
		s->trust.has_identity = true;
		s->host_name = host->name;
	}
	evidence_close(e);
	return r;
}

/* The signed part as text; the provisional tail is no evidence. */
static int make_transcript(const struct located *where, struct buffer *out, char key_list[KEY_LIST_SIZE])
{
	void *state = transcript_sink.open(false);
	struct source_event event;
	struct source *source;
	int r = ITM_ENOMEM;

	source = state != NULL ? source_open(where->dir, &where->session.stream, &r) : NULL;
	if (source != NULL) {
		while ((r = source_next(source, &event)) != 0) {
			if (r == 1 && !event.sealed)
				break;
			if (r == 1 && event.event.kind == RECORD_ENV && event.event.data != NULL)
				(void)meta_get((const char *)event.event.data, event.event.len, "seal_list", 0, key_list, KEY_LIST_SIZE);
			r = r == 1 ? transcript_sink.event(state, &event, out)
				   : transcript_sink.broken(state, source_fault(source), out);
			if (r != 0)
				break;
		}
		r = r < 0 ? r : transcript_sink.end(state, out);
		source_close(source);
	}
	if (state != NULL)
		transcript_sink.close(state);
	return r;
}

/* The key list of this machine, if it is the one the session names: "NUMBER
 * SHA-256".  Otherwise the record itself says whose keys, and no officer vouches. */
static bool find_key_list(const char *path, const char *named, struct buffer *list, struct buffer *signature)
{
	char digest[2 * HASH_SIZE + 1], signature_path[4096];
	const char *blank = strchr(named, ' ');
	uint8_t hash[HASH_SIZE];

	snprintf(signature_path, sizeof(signature_path), "%.4000s.minisig", path);
	if (blank == NULL || atomicfile_read(path, list) != 0 || atomicfile_read(signature_path, signature) != 0)
		return false;
	hash_bytes(list->data, list->len, hash);
	for (size_t i = 0; i < HASH_SIZE; i++)
		snprintf(digest + 2 * i, 3, "%02x", hash[i]);
	return strcmp(blank + 1, digest) == 0;
}

/* An export is a person's act: it stands in the log before there is a file. */
static int tell_server(const struct places *places, const struct located *where, const char *path, const char *reason)
{
	const char *detail[] = { "format bundle", NULL };
	char words[AUDIT_ERROR_SIZE], id[ID_TEXT_SIZE];
	int r;

	id_format(&where->session.stream, id);
	r = audit_act(places->server.run, "export", id, reason != NULL ? reason : "", detail, NULL, words);
	if (r == ITM_ENOENT) {
		say_error(program, "no server runs here: that %s was written is in no log", path);
		return 0;
	}
	if (r != 0)
		say_error(program, "nothing was written: %s", words);
	return r;
}

static int write_file(const char *path, const struct buffer *b)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	size_t done = 0;
	ssize_t n = 0;

	if (fd < 0) {
		say_error(program, errno == EEXIST ? "%s is there already: remove it or choose another name"
			  : "cannot make %s: %s", path, strerror(errno));
		return EX_CANTCREAT;
	}
	while (done < b->len && (n = write(fd, b->data + done, b->len - done)) > 0)
		done += (size_t)n;
	if (n < 0 || fsync(fd) != 0) {
		say_error(program, "cannot write %s: %s", path, strerror(errno));
		unlink(path);
		close(fd);
		return EX_IOERR;
	}
	close(fd);
	return 0;
}

static int failed(const struct excerpt *x, const struct located *where, int r)
{
	if (r == ITM_ENOENT)
		say_error(program, "%s: nothing of this session is signed yet", where->dir);
	else if (r == ITM_EFORMAT || r == ITM_ELIMIT)
		say_error(program, "%s: %s; 'itm verify' says more", where->dir, excerpt_fault(x));
	else
		say_error(program, "%s: cannot be read: %s", where->dir, error_text(r));
	return say_status(r);
}

/* Whatever can fail comes before the server is told. */
static int write_bundle(const struct places *places, const struct located *where, struct bundle_source *s,
			const char *path, const char *reason)
{
	struct buffer file, transcript, list, signature;
	char key_list[KEY_LIST_SIZE] = "";
	int r, status;

	buffer_init(&file, BUNDLE_MAX);
	buffer_init(&transcript, BUNDLE_MAX);
	s->transcript = &transcript;
	buffer_init(&list, KEYLIST_MAX);
	buffer_init(&signature, MINISIGN_MAX);
	r = make_transcript(where, &transcript, key_list);
	if (r == 0 && find_key_list(places->agent.keylist, key_list, &list, &signature)) {
		s->keylist = &list;
		s->keylist_signature = &signature;
	}
	if (r == 0)
		r = bundle_write(&file, s);
	status = r == 0 ? 0 : say_status(r);
	if (r != 0)
		say_error(program, "cannot make the bundle: %s", error_text(r));
	else if (access(path, F_OK) == 0)
		status = write_file(path, &file);
	else if (tell_server(places, where, path, reason) != 0)
		status = EX_UNAVAILABLE;
	else
		status = write_file(path, &file);
	buffer_free(&list);
	buffer_free(&signature);
	buffer_free(&transcript);
	buffer_free(&file);
	return status;
}

int export_bundle_run(const struct places *places, const struct located *where, const char *path, const char *reason)
{
	struct bundle_source s = { .host_name = "" };
	struct evidence_host host = { 0 };
	struct taking t = { .has_stamp = false };
	struct excerpt *x;
	int r, status;

	if (sign_init() != 0 || (x = excerpt_new(&where->session.stream)) == NULL)
		return EX_SOFTWARE;
	buffer_init(&t.stamped, NOTE_MAX);
	buffer_init(&t.stamp, STAMPS_RESPONSE_MAX);
	s.trust.has_log = trust_log(places, s.trust.log);
	if (places_is_store(where->dir)) {
		t.excerpt = x;
		r = from_store(&t, where, &s, &host);
	} else {
		s.trust.has_identity = trust_own_identity(places, s.trust.identity);
		r = from_spool(x, where->dir);
	}
	if (r >= 0)
		r = excerpt_finish(x, &s.info, &s.evidence);
	status = r == 0 ? write_bundle(places, where, &s, path, reason) : failed(x, where, r);
	if (status == 0 && !s.info.ended)
		say_error(program, "the session has no end yet: this is what is signed so far");
	buffer_free(&t.stamped);
	buffer_free(&t.stamp);
	excerpt_free(x);
	return status;
}
