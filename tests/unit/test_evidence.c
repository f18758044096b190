/* evidence.h, segment.h and source.h over a store in a temporary folder. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "chain.h"
#include "format/frame.h"
#include "store/enroll.h"
#include "store/evidence.h"
#include "store/segment.h"
#include "store/source.h"

struct fixture {
	char dir[64];
	struct id server;
	struct evidence *e;
	struct chain chain;
	size_t taken;            /* bytes of chain.units put into the store so far */
	struct buffer frames;    /* payload of the frame met last */
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);
	int error;
	log_open("test_evidence", 0);
	snprintf(f->dir, sizeof f->dir, "/tmp/itm-evidence-XXXXXX");
	if (mkdtemp(f->dir) == NULL)
		return -1;
	f->server = id_random();
	chain_init(&f->chain);
	buffer_init(&f->frames, UNIT_PAYLOAD_MAX);
	f->e = evidence_open(f->dir, &f->server, true, &error);
	*state = f;
	return f->e == NULL ? -1 :
	       evidence_host_add(f->e, &f->chain.host, "alpha", f->chain.identity.public_key, false);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *walk)
{
	return remove(path);
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	evidence_close(f->e);
	chain_free(&f->chain);
	buffer_free(&f->frames);
	nftw(f->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	free(f);
	return 0;
}

static void reopen(struct fixture *f)
{
	int error;
	evidence_close(f->e);
	f->e = evidence_open(f->dir, &f->server, true, &error);
	assert_non_null(f->e);
}

/* Put what the chain made since the last call as one group; frames go to the
 * tail when tail is set.  What evidence_put says. */
static int put(struct fixture *f, bool tail)
{
	static struct evidence_piece pieces[64];
	static struct chunk decoded[64];
	struct evidence_piece block_piece = { 0 };
	struct block block;
	size_t count = 0;
	for (; f->taken < f->chain.units.len; ) {
		struct unit u;
		struct frame frame;
		assert_int_equal(unit_decode(f->chain.units.data + f->taken, f->chain.units.len - f->taken, &u, NULL), 0);
		f->taken += u.size;
		if (u.type == UNIT_FRAME && tail) {
			assert_int_equal(frame_decode(u.payload, u.len, &frame, NULL), 0);
			assert_int_equal(evidence_tail_put(f->e, &f->chain.host, &frame, u.payload, u.len), 0);
		} else if (u.type == UNIT_CHUNK) {
			pieces[count] = (struct evidence_piece){ u.payload, u.len };
			assert_int_equal(chunk_decode(u.payload, u.len, &decoded[count++], NULL), 0);
		} else if (u.type == UNIT_BLOCK) {
			block_piece = (struct evidence_piece){ u.payload, u.len };
			assert_int_equal(block_decode(u.payload, u.len, &block, NULL), 0);
		}
	}
	if (block_piece.data == NULL)
		return 0;
	return evidence_put(f->e, &block, pieces, decoded, count, &block_piece);
}

static int count_chunks(void *context, const struct evidence_chunk *c)
{
	(*(size_t *)context)++;
	return 0;
}

static size_t chunks(struct fixture *f)
{
	size_t n = 0;
	assert_int_equal(evidence_chunks_after(f->e, 0, 0, count_chunks, &n), 0);
	return n;
}

static int find_event(void *context, const struct evidence_event *event)
{
	return strcmp(event->kind, context) == 0;
}

static bool has_event(struct fixture *f, const char *kind)
{
	char name[32];
	snprintf(name, sizeof name, "%s", kind);
	return evidence_events_after(f->e, 0, find_event, name) == 1;
}

static void put_and_read(void **state)
{
	struct fixture *f = *state;
	struct evidence_host h;
	struct evidence_logged logged;
	chain_block(&f->chain, BLOCK_GENESIS);
	assert_int_equal(put(f, false), 0);
	chain_chunk(&f->chain, "one", 0);
	chain_chunk(&f->chain, "two", 0);
	chain_block(&f->chain, 0);
	assert_int_equal(put(f, false), 0);
	assert_int_equal(chunks(f), 2);
	assert_int_equal(evidence_host_get(f->e, &f->chain.host, &h), 0);
	assert_int_equal(h.last_sequence, 2);
	assert_memory_equal(h.last_hash, f->chain.head, HASH_SIZE);
	assert_memory_equal(h.next_key, f->chain.key.public_key, SIGN_PUBLIC_SIZE);
	assert_int_equal(evidence_logged(f->e, &f->chain.host, 2, f->chain.head, &logged), 0);
	assert_int_equal(logged.leaf, 2); /* behind the GENESIS' two */
	assert_false(logged.genesis);
	assert_int_equal(evidence_logged(f->e, &f->chain.host, 2, f->chain.identity.public_key, &logged), ITM_ENOENT);
}

static void exactly_once(void **state)
{
	struct fixture *f = *state;
	chain_block(&f->chain, BLOCK_GENESIS);
	assert_int_equal(put(f, false), 0);
	size_t before = f->taken;
	chain_chunk(&f->chain, "once", 0);
	chain_block(&f->chain, 0);
	assert_int_equal(put(f, false), 0);
	f->taken = before;
	assert_int_equal(put(f, false), 0);
	assert_int_equal(chunks(f), 1);
	/* Another block of the number. */
	f->chain.sequence--;
	chain_chunk(&f->chain, "other", 0);
	chain_block(&f->chain, 0);
	assert_int_equal(put(f, false), ITM_EBUSY);
	assert_int_equal(chunks(f), 1);
	/* One number left out; and the right number on another head. */
	f->chain.sequence++;
	chain_block(&f->chain, 0);
	assert_int_equal(put(f, false), ITM_EINVAL);
	f->chain.sequence = 2;
	chain_block(&f->chain, 0);
	assert_int_equal(put(f, false), ITM_EINVAL);
	/* A host nobody entered. */
	f->chain.host = id_random();
	f->chain.sequence = 0;
	chain_block(&f->chain, BLOCK_GENESIS);
	assert_int_equal(put(f, false), ITM_ENOENT);
}

static int count_units(void *context, const struct evidence_segment *s)
{
	struct fault fault;
	struct unit u;
	uint64_t offset;
	int rc;
	struct segment_reader *r = segment_reader_open(s->path, &rc, &fault);
	assert_non_null(r);
	segment_reader_limit(r, s->committed);
	while ((rc = segment_reader_next(r, &u, &offset, &fault)) == 1)
		((size_t *)context)[u.type == UNIT_BLOCK]++;
	assert_int_equal(rc, 0);
	segment_reader_close(r);
	((size_t *)context)[2]++;
	return 0;
}

/* A writer that died: what it left behind the committed end is kept, named,
 * and read by nobody. */
static void torn_end(void **state)
{
	struct fixture *f = *state;
	char path[256];
	size_t seen[3] = { 0 };
	chain_block(&f->chain, BLOCK_GENESIS);
	assert_int_equal(put(f, false), 0);
	snprintf(path, sizeof path, "%s/segments/0000000000000001.itm", f->dir);
	int fd = open(path, O_WRONLY | O_APPEND);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, "half a unit", 11), 11);
	close(fd);
	reopen(f);
	assert_true(has_event(f, "segment-torn"));
	chain_chunk(&f->chain, "after", 0);
	chain_block(&f->chain, 0);
	assert_int_equal(put(f, false), 0);
	assert_int_equal(evidence_segments(f->e, count_units, seen), 0);
	assert_int_equal(seen[1], 2);   /* blocks */
	assert_int_equal(seen[0], 1);   /* a chunk */
	assert_int_equal(seen[2], 2);   /* segments */
	struct stat st;
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0440);
}

static void batches(void **state)
{
	struct fixture *f = *state;
	chain_block(&f->chain, BLOCK_GENESIS);
	assert_int_equal(evidence_begin(f->e), 0);
	assert_int_equal(put(f, false), 0);
	chain_chunk(&f->chain, "in a batch", 0);
	chain_block(&f->chain, 0);
	assert_int_equal(put(f, false), 0);
	/* One that is refused takes only itself back. */
	f->chain.sequence += 5;
	chain_block(&f->chain, 0);
	assert_int_equal(put(f, false), ITM_EINVAL);
	assert_int_equal(evidence_commit(f->e), 0);
	reopen(f);
	assert_int_equal(chunks(f), 1);
	/* Given up before the commit: nothing of it is there. */
	struct evidence_host h;
	f->chain.sequence = 2;
	assert_int_equal(evidence_host_get(f->e, &f->chain.host, &h), 0);
	memcpy(f->chain.head, h.last_hash, HASH_SIZE);
	assert_int_equal(evidence_begin(f->e), 0);
	chain_chunk(&f->chain, "never", 0);
	chain_block(&f->chain, 0);
	assert_int_equal(put(f, false), 0);
	reopen(f);
	assert_int_equal(chunks(f), 1);
	assert_int_equal(evidence_host_get(f->e, &f->chain.host, &h), 0);
	assert_int_equal(h.last_sequence, 2);
}

static void new_segments(void **state)
{
	struct fixture *f = *state;
	size_t seen[3] = { 0 };
	evidence_set_segment_size(f->e, 600);
	chain_block(&f->chain, BLOCK_GENESIS);
	assert_int_equal(put(f, false), 0);
	assert_int_equal(evidence_begin(f->e), 0);
	for (int i = 0; i < 6; i++) {
		chain_chunk(&f->chain, "some text", 0);
		chain_block(&f->chain, 0);
		assert_int_equal(put(f, false), 0);
	}
	assert_int_equal(evidence_commit(f->e), 0);
	assert_int_equal(evidence_segments(f->e, count_units, seen), 0);
	assert_int_equal(seen[1], 7);
	assert_true(seen[2] > 3);
}

static void one_writer(void **state)
{
	struct fixture *f = *state;
	int error = 0;
	struct id other = id_random(), server;
	assert_null(evidence_open(f->dir, &f->server, true, &error));
	assert_int_equal(error, ITM_EBUSY);
	struct evidence *reader = evidence_open(f->dir, NULL, false, &error);
	assert_non_null(reader);
	assert_int_equal(evidence_server(reader, &server), 0);
	assert_true(id_equal(&server, &f->server));
	assert_int_equal(evidence_begin(f->e), 0);
	assert_int_not_equal(evidence_host_add(reader, &other, "x", f->chain.identity.public_key, false), 0);
	assert_int_equal(evidence_commit(f->e), 0);
	evidence_close(reader);
	evidence_close(f->e);
	f->e = evidence_open(f->dir, &other, true, &error);
	assert_null(f->e);
	assert_int_equal(error, ITM_EPERM);
	assert_null(evidence_open("/tmp", NULL, false, &error));
	assert_int_equal(error, ITM_ENOENT);
}

static void claimed_stream(void **state)
{
	struct fixture *f = *state;
	struct chain *c = &f->chain;
	chain_chunk(c, "mine", 0);
	chain_block(c, BLOCK_GENESIS);
	assert_int_equal(put(f, false), 0);
	size_t mine = chunks(f);
	assert_int_equal(mine, 1);
	/* Another enrolled host signs chunks of the same stream. */
	c->host = id_random();
	c->sequence = 0;
	memset(c->head, 0, sizeof c->head);
	assert_int_equal(evidence_host_add(f->e, &c->host, "beta", c->identity.public_key, false), 0);
	chain_chunk(c, "stolen", 0);
	chain_block(c, BLOCK_GENESIS);
	assert_int_equal(put(f, false), 0);
	assert_int_equal(chunks(f), mine);
	assert_true(has_event(f, "stream-claimed"));
}

/* Reading a session */

static void collect(struct source *s, char *out, size_t size, size_t *sealed)
{
	struct source_event event;
	size_t used = strlen(out);
	int rc;
	while ((rc = source_next(s, &event)) == 1)
		if (event.event.kind == RECORD_OUT) {
			assert_true(used + event.event.len < size);
			memcpy(out + used, event.event.data, event.event.len);
			used += event.event.len;
			out[used] = '\0';
			*sealed += event.sealed;
		}
	assert_int_equal(rc, 0);
}

static void session_follows(void **state)
{
	struct fixture *f = *state;
	char text[256] = "";
	size_t sealed = 0;
	int error;
	chain_block(&f->chain, BLOCK_GENESIS);
	assert_int_equal(put(f, false), 0);
	/* A frame ahead of its block. */
	size_t start = f->taken;
	chain_chunk(&f->chain, "a ", 0);
	struct unit u;
	struct frame frame;
	assert_int_equal(unit_decode(f->chain.units.data + start, f->chain.units.len - start, &u, NULL), 0);
	assert_int_equal(frame_decode(u.payload, u.len, &frame, NULL), 0);
	assert_null(source_open(f->dir, &f->chain.stream, &error));
	assert_int_equal(error, ITM_ENOENT);
	assert_int_equal(evidence_tail_put(f->e, &f->chain.host, &frame, u.payload, u.len), 0);
	struct source *s = source_open(f->dir, &f->chain.stream, &error);
	assert_non_null(s);
	collect(s, text, sizeof text, &sealed);
	assert_string_equal(text, "a ");
	assert_int_equal(sealed, 0);
	/* Its block comes, with one more chunk: the frame is not shown again. */
	chain_chunk(&f->chain, "b ", 0);
	chain_block(&f->chain, 0);
	assert_int_equal(put(f, false), 0);
	collect(s, text, sizeof text, &sealed);
	assert_string_equal(text, "a b ");
	assert_false(source_ended(s));
	chain_chunk(&f->chain, "c", CHUNK_END);
	chain_block(&f->chain, 0);
	assert_int_equal(put(f, true), 0);
	collect(s, text, sizeof text, &sealed);
	assert_string_equal(text, "a b c");
	assert_true(source_ended(s));
	/* From the start: all of it sealed, the tail file gone. */
	assert_int_equal(source_rewind(s), 0);
	text[0] = '\0';
	sealed = 0;
	collect(s, text, sizeof text, &sealed);
	assert_string_equal(text, "a b c");
	assert_int_equal(sealed, 3);
	source_close(s);
	char host[ID_TEXT_SIZE], stream[ID_TEXT_SIZE], path[256];
	id_format(&f->chain.host, host);
	id_format(&f->chain.stream, stream);
	snprintf(path, sizeof path, "%s/tail/%s/%s", f->dir, host, stream);
	assert_int_not_equal(access(path, F_OK), 0);
}

/* A file of units is a source too; a flipped bit is said, once. */
static void session_of_file(void **state)
{
	struct fixture *f = *state;
	char path[128], text[256] = "";
	size_t sealed = 0;
	int error;
	struct source_event event;
	uint8_t header[SEGMENT_HEADER_SIZE];
	const struct segment_header h = { .store = 1, .owner = f->server, .number = 1 };
	chain_sample(&f->chain);
	f->taken = f->chain.units.len;
	unit_segment_encode(&h, header);
	snprintf(path, sizeof path, "%s/file.itm", f->dir);
	int fd = open(path, O_RDWR | O_CREAT, 0600);
	assert_int_equal(write(fd, header, sizeof header), (ssize_t)sizeof header);
	assert_int_equal(write(fd, f->chain.units.data, f->chain.units.len), (ssize_t)f->chain.units.len);
	struct source *s = source_open(path, &f->chain.stream, &error);
	assert_non_null(s);
	collect(s, text, sizeof text, &sealed);
	assert_string_equal(text, "first screen\r\nsecond screen\r\nthe end\r\n");
	assert_true(source_ended(s));
	source_close(s);
	uint8_t byte = f->chain.units.data[f->chain.units.len - 300] ^ 1;
	assert_int_equal(pwrite(fd, &byte, 1, (off_t)(sizeof header + f->chain.units.len - 300)), 1);
	close(fd);
	s = source_open(path, &f->chain.stream, &error);
	assert_non_null(s);
	int rc, broken = 0;
	while ((rc = source_next(s, &event)) != 0)
		broken += rc < 0;
	assert_int_equal(broken, 1);
	assert_string_not_equal(source_fault(s), "");
	assert_false(source_ended(s));
	source_close(s);
}

static void tail_limits(void **state)
{
	struct fixture *f = *state;
	struct buffer payload;
	uint8_t run[64] = { 0 };
	struct frame frame = { .stream = id_random(), .run = run, .run_len = sizeof run };
	size_t stored = 0;
	buffer_init(&payload, UNIT_PAYLOAD_MAX);
	for (frame.number = 1; frame.number < 40; frame.number++) {
		buffer_clear(&payload);
		assert_int_equal(frame_encode(&payload, &frame), 0);
		stored += evidence_tail_put(f->e, &f->chain.host, &frame, payload.data, payload.len) == 0;
	}
	assert_int_equal(stored, 39);
	buffer_free(&payload);
}

static int keep_entry(void *context, const struct enroll_entry *entry)
{
	*(struct enroll_entry *)context = *entry;
	return 1;
}

static void enrolment(void **state)
{
	struct fixture *f = *state;
	char path[128], error[ENROLL_ERROR_SIZE];
	struct evidence_host h;
	struct settings_server settings = { 0 };
	struct enroll_entry entry = { .id = id_random(), .name = "gamma.example" }, back;
	snprintf(settings.store, sizeof settings.store, "%s", f->dir);
	snprintf(path, sizeof path, "%s/hosts", f->dir);
	assert_int_equal(mkdir(path, 0700), 0);
	memset(entry.identity, 0x5c, sizeof entry.identity);
	assert_int_equal(enroll_entry_write(f->dir, &entry), 0);
	assert_int_equal(enroll_entries(f->dir, keep_entry, &back), 1);
	assert_string_equal(back.name, entry.name);
	assert_memory_equal(back.identity, entry.identity, sizeof entry.identity);
	assert_int_equal(evidence_host_get(f->e, &entry.id, &h), ITM_ENOENT);
	assert_int_equal(evidence_host_import(f->e), 0);
	assert_int_equal(evidence_host_get(f->e, &entry.id, &h), 0);
	assert_false(h.revoked);
	assert_int_equal(enroll_host_revoke(&settings, &entry.id, error), 0);
	assert_int_equal(evidence_host_import(f->e), 0);
	assert_int_equal(evidence_host_get(f->e, &entry.id, &h), 0);
	assert_true(h.revoked);
	struct id nobody = id_random();
	assert_int_equal(enroll_host_revoke(&settings, &nobody, error), ITM_ENOENT);
	assert_non_null(strstr(error, "no such host"));
}

static void quarantine(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(evidence_quarantine(f->e, &f->chain.host, "FORK: test", "bytes", 5), 0);
	assert_true(has_event(f, "quarantined"));
	assert_int_equal(evidence_quarantine(f->e, &f->chain.host, "FORK: test", "bytes", 5), 0);
	char path[128];
	int files = 0;
	snprintf(path, sizeof path, "%s/quarantine", f->dir);
	DIR *d = opendir(path);
	for (struct dirent *entry; (entry = readdir(d)) != NULL; )
		files += entry->d_name[0] != '.';
	closedir(d);
	assert_int_equal(files, 1);
}

/* A host fills its share and no more; another still has its own. */
static void quarantine_is_bounded(void **state)
{
	struct fixture *f = *state;
	struct id other = { { 77 } };
	for (uint32_t i = 0; i < EVIDENCE_QUARANTINE_FILES; i++)
		assert_int_equal(evidence_quarantine(f->e, &f->chain.host, "FORK: test", &i, sizeof i), 0);
	assert_false(has_event(f, "quarantine-full"));
	for (uint32_t i = 1000; i < 1010; i++)
		assert_int_equal(evidence_quarantine(f->e, &f->chain.host, "FORK: test", &i, sizeof i), ITM_ELIMIT);
	assert_true(has_event(f, "quarantine-full"));
	assert_int_equal(evidence_quarantine_left_out(f->e), 10);
	assert_int_equal(evidence_quarantine(f->e, &other, "FORK: test", "bytes", 5), 0);
}

#define ONE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ONE(put_and_read), ONE(exactly_once), ONE(torn_end), ONE(batches), ONE(new_segments), ONE(one_writer),
		ONE(claimed_stream), ONE(session_follows), ONE(session_of_file), ONE(tail_limits), ONE(enrolment), ONE(quarantine), ONE(quarantine_is_bounded),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
