#include "tests/golden/vector.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/atomicfile.h"
#include "base/error.h"

enum { PATH_MAX_BYTES = 512 };

static const char *folder;
static uint64_t counter;

void vector_must(int ok, const char *what)
{
	if (!ok) {
		fprintf(stderr, "make_vectors: %s failed\n", what);
		exit(1);
	}
}

/* Not random */

static const char *fixed_name(void)
{
	return "fixed";
}

static void fixed_bytes(void *const out, const size_t len)
{
	uint8_t *p = out, digest[HASH_SIZE];
	size_t at = 0, n;

	while (at < len) {
		counter++;
		hash_parts("vector", 6, &counter, sizeof(counter), NULL, 0, digest);
		n = len - at < sizeof(digest) ? len - at : sizeof(digest);
		memcpy(p + at, digest, n);
		at += n;
	}
}

static uint32_t fixed_number(void)
{
	uint32_t n;

	fixed_bytes(&n, sizeof(n));
	return n;
}

static struct randombytes_implementation fixed = {
	.implementation_name = fixed_name, .random = fixed_number, .buf = fixed_bytes,
};

/* Files */

void vector_folder(const char *name)
{
	char path[PATH_MAX_BYTES];

	snprintf(path, sizeof(path), "%.200s/%.200s", folder, name);
	vector_must(mkdir(path, 0755) == 0 || access(path, W_OK) == 0, path);
}

void vector_file(const char *name, const void *data, size_t len)
{
	char path[PATH_MAX_BYTES];

	snprintf(path, sizeof(path), "%.200s/%.200s", folder, name);
	vector_must(atomicfile_write(path, data, len, 0644) == 0, path);
}

void vector_segment(const char *name, const struct chain *c, uint64_t number, const uint8_t *units, size_t len)
{
	struct segment_header h = { .owner = c->host, .number = number, .wall_ns = VECTOR_WALL_START };
	uint8_t header[SEGMENT_HEADER_SIZE];
	struct buffer file;

	buffer_init(&file, VECTOR_FILE_MAX);
	unit_segment_encode(&h, header);
	vector_must(buffer_put(&file, header, sizeof(header)) == 0 && buffer_put(&file, units, len) == 0, name);
	vector_file(name, file.data, file.len);
	buffer_free(&file);
}

void vector_begin(struct chain *c)
{
	counter = 0;
	chain_init(c);
	c->wall_offset_ns = VECTOR_WALL_START;
}

void vector_whole(struct chain *c)
{
	chain_block(c, BLOCK_GENESIS);
	chain_receipt(c, RECEIPT_BLOCK);
	chain_chunk(c, "$ id\r\nuid=1000(alice)\r\n", 0);
	chain_chunk(c, "$ sudo cat /etc/shadow\r\n", 0);
	chain_block(c, 0);
	chain_receipt(c, RECEIPT_BLOCK);
	chain_chunk(c, "$ exit\r\n", CHUNK_END);
	chain_block(c, 0);
	chain_receipt(c, RECEIPT_BLOCK);
}

void vector_close_host(struct chain *c)
{
	chain_block(c, BLOCK_CLOSE);
	chain_receipt(c, RECEIPT_BLOCK);
}

void vector_split(const struct chain *c, struct pieces *out)
{
	struct unit u;
	size_t at;

	out->count = 0;
	for (at = 0; at < c->units.len; at += u.size) {
		vector_must(out->count < VECTOR_PIECES_MAX && unit_decode(c->units.data + at, c->units.len - at, &u, NULL) == 0, "split");
		out->piece[out->count++] = (struct piece){ at, u.size, u.type };
	}
}

size_t vector_nth(const struct pieces *p, uint8_t type, size_t n)
{
	size_t i;

	for (i = 0; i < p->count; i++)
		if (p->piece[i].type == type && n-- == 0)
			return i;
	vector_must(0, "nth");
	return 0;
}

void vector_put_piece(struct buffer *b, const struct chain *c, const struct piece *p)
{
	vector_must(buffer_put(b, c->units.data + p->at, p->len) == 0, "put");
}

void vector_join(const char *name, const struct chain *c, const struct pieces *p, size_t skip, size_t a, size_t b)
{
	struct buffer units;
	size_t i, from;

	buffer_init(&units, VECTOR_FILE_MAX);
	for (i = 0; i < p->count; i++) {
		from = i == a ? b : i == b ? a : i;
		if (i != skip)
			vector_put_piece(&units, c, &p->piece[from]);
	}
	vector_segment(name, c, 1, units.data, units.len);
	buffer_free(&units);
}

void vector_replace(const char *name, const struct chain *c, const struct pieces *p, size_t at, uint8_t type,
		    uint8_t version, const void *payload, size_t len)
{
	struct buffer units;
	size_t i;

	buffer_init(&units, VECTOR_FILE_MAX);
	for (i = 0; i < p->count; i++) {
		if (i != at)
			vector_put_piece(&units, c, &p->piece[i]);
		else
			vector_must(unit_put(&units, type, version, payload, len) == 0, "replace");
	}
	vector_segment(name, c, 1, units.data, units.len);
	buffer_free(&units);
}

struct unit vector_unit_at(const struct chain *c, const struct piece *p)
{
	struct unit u;

	vector_must(unit_decode(c->units.data + p->at, p->len, &u, NULL) == 0, "unit");
	return u;
}

void vector_finish(struct chain *c, const char *name)
{
	vector_segment(name, c, 1, c->units.data, c->units.len);
}

void vector_closed_pieces(struct chain *c, struct pieces *p)
{
	vector_whole(c);
	vector_close_host(c);
	vector_split(c, p);
}

void vector_open(const char *to)
{
	folder = to;
	/* libsodium's own start takes some, once. */
	vector_must(randombytes_set_implementation(&fixed) == 0 && sign_init() == 0, "randomness");
}
