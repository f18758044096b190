#include "cli/walk.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "format/block.h"
#include "format/receipt.h"
#include "format/removal.h"
#include "store/segment.h"
#include "store/spool.h"

enum {
	HELD_BYTES_MAX = 64 << 20,       /* bytes of one group; the wire takes 8 MiB */
	PROGRESS_UNITS = 1024,
	REST_MAX = 64 << 20,             /* bytes looked at after a torn unit */
	PATH_SIZE = 4096,
};

void walk_init(struct walk *w)
{
	*w = (struct walk){ 0 };
	buffer_init(&w->held_bytes, HELD_BYTES_MAX);
}

void walk_free(struct walk *w)
{
	size_t i;

	for (i = 0; i < w->host_count; i++)
		verifier_free(w->hosts[i].verifier);
	free(w->hosts);
	free(w->held);
	buffer_free(&w->held_bytes);
	walk_acts_free(w);
	evidence_close(w->evidence);
	w->evidence = NULL;
}

static void flaw(struct walk *w, uint64_t offset, const char *reason)
{
	if (w->flaws++ == 0)
		snprintf(w->flaw, sizeof(w->flaw), "%.120s, byte %" PRIu64 ": %.100s", w->origin, offset, reason);
}

static void set_origin(struct walk *w, const char *path)
{
	const char *slash = strrchr(path, '/');

	snprintf(w->origin, sizeof(w->origin), "%s", slash ? slash + 1 : path);
}

void walk_flaw(struct walk *w, const char *path, uint64_t offset, const char *reason)
{
	set_origin(w, path);
	flaw(w, offset, reason);
}

void walk_doubt(struct walk *w, const char *reason)
{
	w->doubt = reason;
}

static void count_unit(struct walk *w)
{
	if (w->units++ % PROGRESS_UNITS == 0 && w->progress != NULL)
		w->progress(w->context, w->origin, w->units);
}

/* What this machine knows of a host, unless the caller said whom to trust. */
static void look_up(struct walk *w, struct walk_host *h, struct verify_trust *trust)
{
	struct evidence_host known;

	*trust = w->trust;
	if (w->evidence == NULL || evidence_host_get(w->evidence, &h->id, &known) != 0)
		return;
	snprintf(h->name, sizeof(h->name), "%s", known.name);
	if (!trust->has_identity) {
		memcpy(trust->identity, known.identity, sizeof(trust->identity));
		trust->has_identity = true;
	}
}

struct walk_host *walk_host(struct walk *w, const struct id *id)
{
	struct verify_trust trust;
	struct walk_host *h;
	size_t i;

	for (i = 0; i < w->host_count; i++)
		if (id_equal(&w->hosts[i].id, id))
			return &w->hosts[i];
	if (w->host_count == WALK_HOSTS_MAX)
		return NULL;
	h = realloc(w->hosts, (w->host_count + 1) * sizeof(*h));
	if (h == NULL)
		return NULL;
	w->hosts = h;
	h += w->host_count;
	*h = (struct walk_host){ .id = *id };
	look_up(w, h, &trust);
	h->trust = trust;
	h->verifier = verifier_new(&trust, NULL);
	if (h->verifier == NULL)
		return NULL;
	if (w->excerpt)
		verifier_excerpt(h->verifier, &w->stream);
	else if (w->one_stream && !w->unsigned_yet)
		verifier_watch_stream(h->verifier, &w->stream);
	w->host_count++;
	return h;
}

static int hold(struct walk *w, const struct unit *u, uint64_t offset)
{
	if (w->held == NULL) {
		w->held = calloc(BLOCK_CHUNKS_MAX, sizeof(*w->held));
		if (w->held == NULL)
			return ITM_ENOMEM;
	}
	if (w->held_count == BLOCK_CHUNKS_MAX)
		return ITM_ELIMIT;
	w->held[w->held_count] = (struct walk_held){
		.type = u->type, .version = u->version, .start = w->held_bytes.len, .len = u->len, .offset = offset,
	};
	if (buffer_put(&w->held_bytes, u->payload, u->len) != 0)
		return ITM_ELIMIT;
	w->held_count++;
	return 0;
}

static void drop_held(struct walk *w)
{
	w->held_count = 0;
	buffer_clear(&w->held_bytes);
}

static void release_held(struct walk *w, struct verifier *v)
{
	size_t i;

	for (i = 0; i < w->held_count; i++) {
		const struct walk_held *h = &w->held[i];
		struct unit u = {
			.type = h->type, .version = h->version, .payload = w->held_bytes.data + h->start,
			.len = (uint32_t)h->len, .size = UNIT_HEADER_SIZE + h->len,
		};

		verifier_unit(v, &u, w->origin, h->offset);
	}
	drop_held(w);
}

static int give(struct walk *w, const struct id *host, const struct unit *u, uint64_t offset)
{
	struct walk_host *h;

	if (w->one_host && !id_equal(host, &w->host)) {
		drop_held(w);
		return 0;
	}
	h = walk_host(w, host);
	if (h == NULL)
		return ITM_ENOMEM;
	release_held(w, h->verifier);
	verifier_unit(h->verifier, u, w->origin, offset);
	return 0;
}

/* In a store the chunks stand before the block that says whose they are. */
static int store_unit(struct walk *w, const struct unit *u, uint64_t offset)
{
	struct fault fault = { 0 };
	struct receipt receipt;
	struct removal removal;
	struct block block;
	int r;

	count_unit(w);
	switch (u->type) {
	case UNIT_BLOCK:
		r = block_decode(u->payload, u->len, &block, &fault);
		if (r == 0)
			return give(w, &block.host, u, offset);
		break;
	case UNIT_RECEIPT:
	case UNIT_COUNTERSIGN:
		r = receipt_decode(u->payload, u->len, &receipt, &fault);
		if (r == 0)
			return give(w, &receipt.record.host, u, offset);
		break;
	case UNIT_REMOVAL:
		r = removal_decode(u->payload, u->len, &removal, &fault);
		if (r == 0 && w->log_before > 0)
			walk_acts_removal(w, &removal);
		if (r == 0)
			return give(w, &removal.host, u, offset);
		break;
	default:
		r = hold(w, u, offset);
		if (r == 0)
			return 0;
		fault.reason = "a group without a block";
		break;
	}
	flaw(w, offset + fault.offset, fault.reason ? fault.reason : error_text(r));
	drop_held(w);
	return r == ITM_ENOMEM ? r : 0;
}

/* end: where the record ends by the store's own word; 0 = the file's end. */
static int store_segment(struct walk *w, const char *path, uint64_t end)
{
	struct segment_reader *reader;
	struct fault fault = { .reason = "cannot be read" };
	uint64_t offset = 0;
	struct unit u;
	int r = 0;

	set_origin(w, path);
	reader = segment_reader_open(path, &r, &fault);
	if (reader == NULL) {
		flaw(w, fault.offset, r == ITM_ENOENT ? "the file is missing" : fault.reason);
		return 0;
	}
	segment_reader_limit(reader, end);
	while ((r = segment_reader_next(reader, &u, &offset, &fault)) == 1) {
		r = store_unit(w, &u, offset);
		if (r != 0)
			break;
	}
	segment_reader_close(reader);
	if (r == ITM_ENOMEM)
		return r;
	if (r < 0)
		flaw(w, offset, fault.reason);
	else if (end != 0 && offset < end)
		flaw(w, offset, "the file is shorter than what was stored");
	if (w->held_count > 0)
		flaw(w, w->held[0].offset, "chunks without the block that signs them");
	drop_held(w);
	return 0;
}

static int each_segment(void *context, const struct evidence_segment *s)
{
	/* Nothing committed in it yet. */
	if (s->committed <= SEGMENT_HEADER_SIZE)
		return 0;
	return store_segment(context, s->path, s->committed);
}

int walk_store(struct walk *w, const char *dir)
{
	int r = 0;

	w->evidence = evidence_open(dir, NULL, false, &r);
	if (w->evidence == NULL)
		return r;
	r = walk_log_size(dir, &w->log_before);
	if (r == 0)
		r = evidence_segments(w->evidence, each_segment, w);
	if (r == 0)
		r = walk_log(w, dir);
	walk_quarantine(w, dir);
	return r;
}

static int spool_unit(struct walk *w, struct walk_host *h, const struct unit *u, uint64_t offset)
{
	count_unit(w);
	verifier_unit(h->verifier, u, w->origin, offset);
	return 0;
}

static void spool_path(const struct walk *w, const char *dir, char path[PATH_SIZE])
{
	snprintf(path, PATH_SIZE, "%.3800s/%s", dir, w->origin);
}

static void name_spool_segment(struct walk *w, uint64_t segment)
{
	snprintf(w->origin, sizeof(w->origin), "seg-%016" PRIx64 ".itm", segment);
}

/* Could a unit begin here?  Only what we know, so that noise is not read on. */
static bool unit_begins(const uint8_t *p, size_t len)
{
	struct unit u;

	return ((p[0] >= UNIT_FRAME && p[0] <= UNIT_TOMBSTONE) || p[0] == UNIT_TORN) && p[2] == 0 && p[3] == 0 &&
	       unit_decode(p, len, &u, NULL) == 0;
}

/* The unit at the start of rest says it is longer than the file.  A crash
 * leaves that; but then nothing whole can follow, and the unit is not whole
 * with the length that is there. */
static const char *false_end(uint8_t *rest, size_t len)
{
	size_t payload = len - UNIT_HEADER_SIZE, i;
	struct unit u;

	/* It was being written, and is whole by now. */
	if (unit_decode(rest, len, &u, NULL) == 0)
		return NULL;
	for (i = 1; i + UNIT_HEADER_SIZE <= len; i++)
		if (unit_begins(rest + i, len - i))
			return "the unit's length is wrong: whole units follow inside it";
	for (i = 0; i < 4; i++)
		rest[4 + i] = (uint8_t)(payload >> (8 * i));
	if (unit_decode(rest, len, &u, NULL) == 0)
		return "the unit's length is wrong";
	return NULL;
}

/* The last file of a spool ends inside the unit at offset: torn, or altered? */
static void check_end(struct walk *w, const char *path, uint64_t offset)
{
	struct buffer rest;
	const char *reason;
	struct stat st;

	if (stat(path, &st) != 0 || (uint64_t)st.st_size < offset + UNIT_HEADER_SIZE)
		return;
	buffer_init(&rest, REST_MAX);
	if (segment_read(path, offset, (size_t)((uint64_t)st.st_size - offset), &rest) == 0) {
		reason = false_end(rest.data, rest.len);
		if (reason != NULL)
			flaw(w, offset, reason);
	}
	buffer_free(&rest);
}

/* The host a spool's first segment names. */
static int spool_owner(struct walk *w, const char *dir, struct id *out)
{
	struct spool_reader *reader = spool_reader_new(dir);
	struct spool_place place = { 0 };
	struct fault fault = { 0 };
	struct segment_reader *segment;
	char path[PATH_SIZE];
	struct unit u;
	int r = 0;

	if (reader == NULL)
		return ITM_ENOENT;
	/* Any outcome tells which file comes first. */
	spool_reader_next(reader, &u, &place, &fault);
	spool_reader_free(reader);
	name_spool_segment(w, place.segment);
	spool_path(w, dir, path);
	segment = segment_reader_open(path, &r, &fault);
	if (segment == NULL) {
		flaw(w, fault.offset, fault.reason);
		return r;
	}
	*out = segment_reader_header(segment)->owner;
	segment_reader_close(segment);
	return 0;
}

static int read_spool(struct walk *w, struct walk_host *h, struct spool_reader *reader, const char *dir)
{
	char path[PATH_SIZE];
	struct spool_place place;
	struct fault fault;
	struct unit u;
	int r;

	for (;;) {
		fault = (struct fault){ .reason = "cannot be read" };
		r = spool_reader_next(reader, &u, &place, &fault);
		name_spool_segment(w, place.segment);
		if (r == 0) {
			spool_path(w, dir, path);
			check_end(w, path, place.offset);
			return 0;
		}
		if (r == 1) {
			spool_unit(w, h, &u, place.offset);
			continue;
		}
		if (r == ITM_ENOMEM)
			return r;
		if (r == ITM_ETRUNC)
			verifier_torn(h->verifier, w->origin, place.segment, place.offset);
		else
			verifier_broken(h->verifier, w->origin, &fault);
		if (spool_reader_next_segment(reader) != 1)
			return 0;
	}
}

int walk_spool(struct walk *w, const char *dir)
{
	struct spool_reader *reader;
	struct walk_host *h;
	struct id owner = { 0 };
	int r;

	/* A broken header is a flaw of the record, not of the call. */
	r = spool_owner(w, dir, &owner);
	if (r == ITM_ENOENT || r == ITM_ESYS)
		return r;
	h = walk_host(w, &owner);
	reader = spool_reader_new(dir);
	if (h == NULL || reader == NULL) {
		spool_reader_free(reader);
		return ITM_ENOMEM;
	}
	r = read_spool(w, h, reader, dir);
	spool_reader_free(reader);
	return r;
}

static int spool_file(struct walk *w, struct segment_reader *reader, const char *path)
{
	struct walk_host *h = walk_host(w, &segment_reader_header(reader)->owner);
	uint64_t number = segment_reader_header(reader)->number, offset;
	struct fault fault = { .reason = "cannot be read" };
	struct unit u;
	int r;

	if (h == NULL)
		return ITM_ENOMEM;
	while ((r = segment_reader_next(reader, &u, &offset, &fault)) == 1)
		spool_unit(w, h, &u, offset);
	if (r == ITM_ETRUNC) {
		verifier_torn(h->verifier, w->origin, number, offset);
		check_end(w, path, offset);
	} else if (r < 0) {
		verifier_broken(h->verifier, w->origin, &fault);
	}
	return 0;
}

int walk_file(struct walk *w, const char *path)
{
	struct segment_reader *reader;
	struct fault fault = { .reason = "cannot be read" };
	uint8_t kind;
	int r = 0;

	set_origin(w, path);
	reader = segment_reader_open(path, &r, &fault);
	if (reader == NULL && (r == ITM_ENOENT || r == ITM_ESYS || r == ITM_ENOMEM))
		return r;
	if (reader == NULL) {
		flaw(w, fault.offset, fault.reason);
		return 0;
	}
	kind = segment_reader_header(reader)->store;
	if (kind == SEGMENT_EXCERPT) {
		w->excerpt = true;
		w->stream = segment_reader_header(reader)->owner;
	}
	r = kind == SEGMENT_SPOOL ? spool_file(w, reader, path) : 0;
	segment_reader_close(reader);
	return kind == SEGMENT_SPOOL ? r : store_segment(w, path, 0);
}

int walk_excerpt(struct walk *w, const char *name, const void *data, size_t len)
{
	const uint8_t *bytes = data;
	struct segment_header header;
	struct fault fault = { 0 };
	struct unit u;
	size_t at;
	int r = unit_segment_decode(data, len, &header, &fault);

	set_origin(w, name);
	w->excerpt = true;
	w->stream = header.owner;
	for (at = SEGMENT_HEADER_SIZE; r == 0 && at < len; at += u.size) {
		r = unit_decode(bytes + at, len - at, &u, &fault);
		if (r == 0)
			r = store_unit(w, &u, at);
		else
			flaw(w, at + fault.offset, fault.reason);
	}
	if (r != ITM_ENOMEM && w->held_count > 0)
		flaw(w, w->held[0].offset, "chunks without the block that signs them");
	drop_held(w);
	return r == ITM_ENOMEM ? r : 0;
}

static int session_unit(void *context, const struct unit *u, const char *place, uint64_t offset)
{
	struct walk *w = context;

	snprintf(w->origin, sizeof(w->origin), "%s", place);
	return store_unit(w, u, offset);
}

int walk_session(struct walk *w, const char *dir, const struct id *stream)
{
	int r = 0;

	w->evidence = evidence_open(dir, NULL, false, &r);
	if (w->evidence == NULL)
		return r;
	w->excerpt = true;
	w->stream = *stream;
	r = evidence_lineage(w->evidence, stream, session_unit, w);
	/* What the folder of evidence says is there, and is not. */
	if (r == ITM_ETRUNC || r == ITM_EFORMAT || r == ITM_ELIMIT || r == ITM_ECRC) {
		flaw(w, 0, "what the store says stands there does not");
		r = 0;
	}
	drop_held(w);
	return r;
}

enum verdict walk_finish(struct walk *w)
{
	enum verdict worst = w->flaws > 0 ? VERDICT_TAMPERED : VERDICT_OK;
	size_t i;

	for (i = 0; i < w->host_count; i++) {
		verifier_finish(w->hosts[i].verifier, &w->hosts[i].result);
		if (w->unsigned_yet && w->hosts[i].result.verdict <= VERDICT_OPEN_TAIL) {
			w->hosts[i].result.verdict = VERDICT_OPEN_TAIL;
			snprintf(w->hosts[i].result.detail, sizeof w->hosts[i].result.detail,
				 "nothing of the session is signed yet");
		}
		if (w->doubt != NULL && w->hosts[i].result.verdict < VERDICT_UNATTESTED) {
			w->hosts[i].result.verdict = VERDICT_UNATTESTED;
			snprintf(w->hosts[i].result.detail, sizeof(w->hosts[i].result.detail), "%s", w->doubt);
		}
		if (w->hosts[i].result.verdict > worst)
			worst = w->hosts[i].result.verdict;
	}
	return worst;
}
