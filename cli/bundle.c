#include "cli/bundle.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "format/meta.h"
#include "store/segment.h"
#include "store/tar.h"

#define KEY_WORD "itm-public-key ed25519 "

enum { BUNDLE_FILES = 10, BUNDLE_TEXT_MAX = 64 * 1024 };

/* In the order they stand in. */
enum bundle_file { FILE_README, FILE_SESSION, FILE_TRANSCRIPT, FILE_EVIDENCE, FILE_IDENTITY, FILE_LOG,
	FILE_KEYLIST, FILE_KEYLIST_SIGNATURE, FILE_STAMPED, FILE_STAMP };
static const char *const names[BUNDLE_FILES] = {
	[FILE_README] = "README.txt", [FILE_SESSION] = "session.txt", [FILE_TRANSCRIPT] = "transcript.txt",
	[FILE_EVIDENCE] = "evidence.itm", [FILE_IDENTITY] = "identity.public", [FILE_LOG] = "log.public",
	[FILE_KEYLIST] = "keylist", [FILE_KEYLIST_SIGNATURE] = "keylist.minisig",
	[FILE_STAMPED] = "stamp.checkpoint", [FILE_STAMP] = "stamp.tsr",
};

static const char readme[] =
	"This is one recorded session, with what a stranger needs to check it.\n"
	"\n"
	"  session.txt       whose session it is, and which signed blocks hold it\n"
	"  transcript.txt    what was on the screen, to be read; made from evidence.itm\n"
	"  evidence.itm      the record: the session's own bytes and the host's signatures\n"
	"  identity.public   the key of the host that recorded it, as the exporter knew it\n"
	"  log.public        the key of the server's log, likewise (may be missing)\n"
	"  keylist           the auditors who can open what was typed, and\n"
	"  keylist.minisig   the signature of the officer who named them (may be missing)\n"
	"  stamp.checkpoint  the log's signed word that proves evidence.itm, and\n"
	"  stamp.tsr         the time stamp (RFC 3161) of an authority on it (may be missing)\n"
	"  MANIFEST          SHA-256 of each of these files\n"
	"\n"
	"To check it, FILE being the tar file this came in:\n"
	"\n"
	"  1. That it is the file the exporter signed (FILE.minisig comes with it; take\n"
	"     officer.pub from the officer, not from here):\n"
	"         minisign -V -p officer.pub -m FILE\n"
	"  2. That nothing in it is damaged, in this folder:\n"
	"         sha256sum -c MANIFEST\n"
	"  3. That the host signed every byte, in order, from the first to the last.\n"
	"     Take the two keys from the host's enrolment and the server, not from here:\n"
	"         itm verify --explain --identity HOST.public --log-key LOG.public FILE\n"
	"     Or trust the keys in this file on the officer's word:\n"
	"         itm verify --explain --officer officer.pub FILE\n"
	"  4. transcript.txt is an aid to reading; the evidence is evidence.itm. To make the\n"
	"     text anew from it, in this folder (SESSION is in session.txt):\n"
	"         itm export --format text evidence.itm:SESSION\n"
	"  5. Who can open what was typed: keylist; that its officer named them:\n"
	"         minisign -V -p officer.pub -m keylist\n"
	"  6. That it is as old as the stamp, under the authority's CA certificate:\n"
	"         itm verify --explain --tsa-ca CA.pem --log-key LOG.public ... FILE\n"
	"     and without ITM, in this folder:\n"
	"         openssl ts -verify -data stamp.checkpoint -in stamp.tsr -CAfile CA.pem\n"
	"  7. With a program written by somebody else: evidence.itm is described byte by\n"
	"     byte in ITM's doc/FORMAT.md; the compression dictionaries it names come with\n"
	"     ITM, and are in /usr/share/itm where it is installed.\n"
	"\n"
	"The verdict is a word: OK; UNANCHORED (signed, not proved to be in the server's\n"
	"log); OPEN-TAIL (the end is missing); GAP (the host declared a loss); REDACTED\n"
	"(parts were removed, and that is signed); UNATTESTED (nobody you trust vouches\n"
	"for the keys); FORK (two records carry one number); TAMPERED.\n"
	"\n"
	"In evidence.itm other sessions of the same host appear as bare numbers (SHA-256\n"
	"digests): they are needed to check the signatures and give nothing away.\n"
	"\n"
	"What no check can show: that the person behind the account was its owner; that\n"
	"a host somebody had already taken over as its administrator recorded the truth\n"
	"from then on; what was done without a terminal session.\n";

static void put_hex(struct buffer *b, const uint8_t *data, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++)
		buffer_printf(b, "%02x", data[i]);
}

static int key_text(struct buffer *b, const uint8_t key[SIGN_PUBLIC_SIZE])
{
	buffer_clear(b);
	buffer_put_text(b, KEY_WORD);
	put_hex(b, key, SIGN_PUBLIC_SIZE);
	return buffer_put_u8(b, '\n');
}

static int session_text(struct buffer *b, const struct bundle_source *s)
{
	char stream[ID_TEXT_SIZE], host[ID_TEXT_SIZE];

	id_format(&s->info.stream, stream);
	id_format(&s->info.host, host);
	meta_put(b, "session", stream);
	meta_put(b, "host", host);
	meta_put(b, "host_name", s->host_name);
	meta_put_number(b, "first_block", s->info.first_block);
	meta_put_number(b, "last_block", s->info.last_block);
	meta_put_number(b, "chunks", s->info.chunks);
	return meta_put(b, "ended", s->info.ended ? "yes" : "no");
}

static int manifest_line(struct buffer *b, const char *name, const void *data, size_t len)
{
	uint8_t digest[HASH_SIZE];

	hash_bytes(data, len, digest);
	put_hex(b, digest, sizeof(digest));
	return buffer_printf(b, "  %s\n", name);
}

struct writer {
	struct buffer *out, manifest;
	char folder[ID_TEXT_SIZE + 8];
	int64_t time_s;
};

static int put_file(struct writer *w, const char *name, const void *data, size_t len)
{
	char path[TAR_NAME_SIZE];
	int r = manifest_line(&w->manifest, name, data, len);

	snprintf(path, sizeof(path), "%s/%s", w->folder, name);
	return r != 0 ? r : tar_put(w->out, path, w->time_s, data, len);
}

static int put_key(struct writer *w, const char *name, const uint8_t key[SIGN_PUBLIC_SIZE])
{
	struct buffer text;
	int r;

	buffer_init(&text, BUNDLE_TEXT_MAX);
	r = key_text(&text, key);
	if (r == 0)
		r = put_file(w, name, text.data, text.len);
	buffer_free(&text);
	return r;
}

static int put_files(struct writer *w, const struct bundle_source *s)
{
	struct buffer session;
	int r;

	buffer_init(&session, BUNDLE_TEXT_MAX);
	r = session_text(&session, s);
	if (r == 0)
		r = put_file(w, names[FILE_README], readme, sizeof(readme) - 1);
	if (r == 0)
		r = put_file(w, names[FILE_SESSION], session.data, session.len);
	if (r == 0)
		r = put_file(w, names[FILE_TRANSCRIPT], s->transcript->data, s->transcript->len);
	if (r == 0)
		r = put_file(w, names[FILE_EVIDENCE], s->evidence->data, s->evidence->len);
	if (r == 0 && s->trust.has_identity)
		r = put_key(w, names[FILE_IDENTITY], s->trust.identity);
	if (r == 0 && s->trust.has_log)
		r = put_key(w, names[FILE_LOG], s->trust.log);
	if (r == 0 && s->keylist != NULL)
		r = put_file(w, names[FILE_KEYLIST], s->keylist->data, s->keylist->len);
	if (r == 0 && s->keylist != NULL)
		r = put_file(w, names[FILE_KEYLIST_SIGNATURE], s->keylist_signature->data, s->keylist_signature->len);
	if (r == 0 && s->stamp != NULL)
		r = put_file(w, names[FILE_STAMPED], s->stamped->data, s->stamped->len);
	if (r == 0 && s->stamp != NULL)
		r = put_file(w, names[FILE_STAMP], s->stamp->data, s->stamp->len);
	buffer_free(&session);
	return r;
}

int bundle_write(struct buffer *b, const struct bundle_source *s)
{
	struct writer w = { .out = b, .time_s = s->info.wall_ns > 0 ? s->info.wall_ns / 1000000000 : 0 };
	char stream[ID_TEXT_SIZE], path[TAR_NAME_SIZE];
	int r;

	id_format(&s->info.stream, stream);
	snprintf(w.folder, sizeof(w.folder), "itm-%s", stream);
	buffer_init(&w.manifest, BUNDLE_TEXT_MAX);
	r = put_files(&w, s);
	snprintf(path, sizeof(path), "%s/MANIFEST", w.folder);
	if (r == 0)
		r = tar_put(b, path, w.time_s, w.manifest.data, w.manifest.len);
	if (r == 0)
		r = tar_end(b);
	buffer_free(&w.manifest);
	return r;
}

/* Reading */

bool bundle_is_file(const char *path)
{
	struct buffer magic;
	bool is;

	/* Where a tar header says that it is one. */
	buffer_init(&magic, 8);
	is = segment_read(path, 257, 6, &magic) == 0 && memcmp(magic.data, "ustar", 6) == 0;
	buffer_free(&magic);
	return is;
}

static int parse_key(const struct tar_file *f, uint8_t out[SIGN_PUBLIC_SIZE])
{
	static const char digits[] = "0123456789abcdef";
	size_t word = sizeof(KEY_WORD) - 1, i;
	const char *high, *low;

	if (f->len != word + 2 * SIGN_PUBLIC_SIZE + 1 || memcmp(f->data, KEY_WORD, word) != 0 || f->data[f->len - 1] != '\n')
		return ITM_EFORMAT;
	for (i = 0; i < SIGN_PUBLIC_SIZE; i++) {
		high = memchr(digits, f->data[word + 2 * i], 16);
		low = memchr(digits, f->data[word + 2 * i + 1], 16);
		if (high == NULL || low == NULL)
			return ITM_EFORMAT;
		out[i] = (uint8_t)((high - digits) << 4 | (low - digits));
	}
	return 0;
}

static int take_file(struct bundle *b, const struct tar_file *f, enum bundle_file which, struct fault *fault)
{
	struct segment_header h;
	int r = 0;

	switch (which) {
	case FILE_EVIDENCE:
		r = unit_segment_decode(f->data, f->len, &h, fault);
		if (r == 0 && h.store != SEGMENT_EXCERPT)
			r = error_fault(fault, ITM_EFORMAT, 0, "evidence.itm is no excerpt for one session");
		if (r != 0)
			return r;
		b->stream = h.owner;
		b->evidence = f->data;
		b->evidence_len = f->len;
		return 0;
	case FILE_IDENTITY:
		r = parse_key(f, b->trust.identity);
		b->trust.has_identity = r == 0;
		break;
	case FILE_LOG:
		r = parse_key(f, b->trust.log);
		b->trust.has_log = r == 0;
		break;
	case FILE_KEYLIST:
		b->keylist = f->data;
		b->keylist_len = f->len;
		break;
	case FILE_KEYLIST_SIGNATURE:
		b->keylist_signature = f->data;
		b->keylist_signature_len = f->len;
		break;
	case FILE_STAMPED:
		b->stamped = f->data;
		b->stamped_len = f->len;
		break;
	case FILE_STAMP:
		b->stamp = f->data;
		b->stamp_len = f->len;
		break;
	default:
		break;
	}
	return r == 0 ? 0 : error_fault(fault, r, 0, "a key file in the bundle is malformed");
}

/* Which file it is, later than the one before; BUNDLE_FILES = MANIFEST. */
static int file_of(const char *path, const char *folder, int last)
{
	size_t len = strlen(folder);
	int i;

	if (strncmp(path, folder, len) != 0)
		return ITM_EFORMAT;
	for (i = last + 1; i < BUNDLE_FILES; i++)
		if (strcmp(path + len, names[i]) == 0)
			return i;
	return strcmp(path + len, "MANIFEST") == 0 ? BUNDLE_FILES : ITM_EFORMAT;
}

static bool same(const struct buffer *b, const struct tar_file *f)
{
	return b->len == f->len && memcmp(b->data, f->data, f->len) == 0;
}

static int read_files(struct tar_reader *reader, struct bundle *b, struct buffer *manifest, struct fault *fault)
{
	char folder[TAR_NAME_SIZE] = "";
	struct tar_file f;
	int which = -1, r;

	while ((r = tar_reader_next(reader, &f, fault)) == 1) {
		if (folder[0] == '\0')
			snprintf(folder, sizeof(folder), "%.*s", (int)(strcspn(f.name, "/") + 1), f.name);
		which = which == BUNDLE_FILES ? ITM_EFORMAT : file_of(f.name, folder, which);
		if (which < 0)
			return error_fault(fault, ITM_EFORMAT, reader->pos, "holds a file that no bundle holds, or not in its place");
		if (which == BUNDLE_FILES && !same(manifest, &f))
			return error_fault(fault, ITM_ECRYPTO, reader->pos, "MANIFEST does not fit the files");
		if (which == BUNDLE_FILES)
			continue;
		r = manifest_line(manifest, names[which], f.data, f.len);
		if (r == 0)
			r = take_file(b, &f, (enum bundle_file)which, fault);
		if (r != 0)
			return r;
	}
	if (r == 0 && (which != BUNDLE_FILES || b->evidence == NULL))
		return error_fault(fault, ITM_ETRUNC, reader->pos, "evidence.itm or MANIFEST is missing");
	if (r == 0 && ((b->stamp == NULL) != (b->stamped == NULL) || (b->keylist == NULL) != (b->keylist_signature == NULL)))
		return error_fault(fault, ITM_EFORMAT, reader->pos, "of a stamp and its checkpoint, or a key list and its signature, one is missing");
	return r;
}

/* The folder says the session, too. */
static int check_folder(const void *data, const struct bundle *b, struct fault *fault)
{
	char want[ID_TEXT_SIZE + 8], stream[ID_TEXT_SIZE];

	id_format(&b->stream, stream);
	snprintf(want, sizeof(want), "itm-%s/", stream);
	if (strncmp(data, want, strlen(want)) != 0)
		return error_fault(fault, ITM_EFORMAT, 0, "the folder names another session than the record in it");
	return 0;
}

int bundle_read(const void *data, size_t len, struct bundle *out, struct fault *fault)
{
	struct tar_reader reader;
	struct bundle b = { 0 };
	struct buffer manifest;
	int r;

	buffer_init(&manifest, BUNDLE_TEXT_MAX);
	tar_reader_init(&reader, data, len);
	r = read_files(&reader, &b, &manifest, fault);
	buffer_free(&manifest);
	if (r == 0)
		r = check_folder(data, &b, fault);
	if (r == 0)
		*out = b;
	return r;
}
