/* Reads a spool and says whether everything that was acknowledged is in it.
 * usage: spool_check SPOOL IDENTITY.PUBLIC ACKED
 * Exit 0: the verdict is not TAMPERED or FORK, every acknowledged frame is
 * there with its bytes, every END that was acknowledged is sealed. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/chunk.h"
#include "format/frame.h"
#include "format/verify.h"
#include "store/spool.h"

enum { STREAMS_MAX = 64 };
struct seen {
	struct id id;
	struct chunk_reader *reader;
	uint64_t chunked, framed, said; /* last frame in chunks; in frame units; whose text was read */
	bool ended, wrong;
};
static struct seen seen[STREAMS_MAX];
static size_t seen_count;

static struct seen *find(const struct id *id)
{
	for (size_t i = 0; i < seen_count; i++)
		if (id_equal(&seen[i].id, id))
			return &seen[i];
	if (seen_count == STREAMS_MAX)
		exit(2);
	seen[seen_count] = (struct seen){ .id = *id, .reader = chunk_reader_new() };
	return &seen[seen_count++];
}

/* The client writes each frame's number again and again: 1 1 1 2 2 3 ... */
static void read_text(struct seen *s, const uint8_t *data, size_t len)
{
	char text[64] = "";
	memcpy(text, data, len < sizeof text ? len : sizeof text - 1);
	uint64_t n = strtoull(text, NULL, 10);
	if (n != s->said && n != s->said + 1)
		s->wrong = true;
	s->said = n;
}

static void take_chunk(const struct unit *u)
{
	struct chunk c;
	struct record_cursor cursor;
	struct record_event e;
	uint8_t digest[HASH_SIZE];
	struct fault fault;
	if (chunk_decode(u->payload, u->len, &c, &fault) != 0)
		return;
	struct seen *s = find(&c.stream);
	if (chunk_reader_next(s->reader, u->payload, u->len, &c, &cursor, digest, &fault) != 0) {
		s->wrong = true;
		return;
	}
	while (record_cursor_next(&cursor, &e, NULL) == 1)
		if (e.kind == RECORD_OUT)
			read_text(s, e.data, e.len);
	s->chunked = c.last_frame;
	s->ended |= (c.flags & CHUNK_END) != 0;
	if (s->said != c.last_frame)
		s->wrong = true;
}

static void take_unit(const struct unit *u)
{
	struct frame f;
	if (u->type == UNIT_CHUNK)
		take_chunk(u);
	else if (u->type == UNIT_FRAME && frame_decode(u->payload, u->len, &f, NULL) == 0)
		find(&f.stream)->framed = f.number;
}

static int compare(const char *path)
{
	char key[64];
	uint64_t acked, total = 0;
	int ended, bad = 0;
	FILE *f = fopen(path, "r");
	if (f == NULL)
		return -1;
	while (fscanf(f, "%63s %" SCNu64 " %d", key, &acked, &ended) == 3) {
		struct id id;
		if (id_parse(key, &id) != 0)
			bad++;
		struct seen *s = find(&id);
		uint64_t there = s->chunked > s->framed ? s->chunked : s->framed;
		total += acked;
		if (there < acked || s->wrong || (ended && !s->ended)) {
			printf("%s: acknowledged %" PRIu64 ", there %" PRIu64 "%s%s\n", key, acked, there,
			       s->wrong ? ", bytes wrong" : "", ended && !s->ended ? ", END not sealed" : "");
			bad++;
		}
	}
	fclose(f);
	printf("%" PRIu64 " frames acknowledged\n", total);
	return total == 0 ? -1 : bad;
}

int main(int argc, char **argv)
{
	struct verify_trust trust = { .has_identity = true };
	struct verify_result result;
	struct unit u;
	struct spool_place place;
	struct fault fault;
	int r;

	if (argc != 4 || sign_init() != 0 || sign_load_public(argv[2], trust.identity) != 0)
		return 64;
	struct verifier *v = verifier_new(&trust, NULL);
	struct spool_reader *reader = spool_reader_new(argv[1]);
	if (v == NULL || reader == NULL)
		return 66;
	while ((r = spool_reader_next(reader, &u, &place, &fault)) != 0) {
		char origin[64];
		(void)snprintf(origin, sizeof origin, "segment %" PRIu64, place.segment);
		if (r < 0) {
			verifier_broken(v, origin, &fault);
			if (!spool_reader_next_segment(reader))
				break;
			continue;
		}
		(void)verifier_unit(v, &u, origin, place.offset);
		take_unit(&u);
	}
	verifier_finish(v, &result);
	verifier_free(v);
	spool_reader_free(reader);
	int bad = compare(argv[3]);
	printf("%s: %s; %" PRIu64 " blocks, %" PRIu64 " chunks, %" PRIu64 " frames, lost %" PRIu64 ", closed %d\n",
	       verdict_name(result.verdict), result.detail, result.blocks, result.chunks, result.frames_unsigned,
	       result.lost_bytes, result.closed);
	for (size_t i = 0; i < seen_count; i++)
		chunk_reader_free(seen[i].reader);
	return bad != 0 || result.verdict == VERDICT_TAMPERED || result.verdict == VERDICT_FORK;
}
