/* seek: eight hours of a terminal; wherever the player jumps to, from wherever,
 * the screen is the one that playing from the start shows.  Prints how long
 * the jumps took. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/buffer.h"
#include "format/chunk.h"
#include "format/unit.h"
#include "itm-replay/player.h"

enum { CHUNKS = 5760, CHUNK_MS = 5000, EVENTS = 4, COLUMNS = 80, ROWS = 24, JUMPS = 60, PATH_SIZE = 300 };

static const struct id stream = { { 7, 7, 7 } };
static uint64_t state = 1;

static unsigned chance(unsigned below)
{
	state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407); /* Knuth, MMIX */
	return (unsigned)(state >> 33) % below;
}

static void must(bool condition, const char *what)
{
	if (condition)
		return;
	fprintf(stderr, "seek: %s\n", what);
	exit(1);
}

static void put_events(struct record_columns *c, unsigned n)
{
	static const char meta[] = "v=1\nmode=pty\ncolumns=80\nrows=24\nuser=alice\n";
	struct record_event e = { .kind = RECORD_ENV, .data = (const uint8_t *)meta, .len = sizeof meta - 1, .code = sizeof meta - 1 };

	record_columns_clear(c);
	if (n == 0)
		must(record_columns_put(c, &e) == 0, "metadata");
	for (unsigned i = 0; i < EVENTS; i++) {
		char text[400];
		int len = snprintf(text, sizeof text, "\033[%u;%uH\033[3%um%u of %u\033[m\r\n%.*s\r\n", 1 + chance(ROWS),
				   1 + chance(COLUMNS), chance(8), i, n, (int)chance(200),
				   "the quick brown fox jumps over the lazy dog and then does it again and again until nobody "
				   "wants to see it any more, not even the dog, which was lazy from the very first line of it");
		e = (struct record_event){ .time_ms = i * 1000 + chance(900), .kind = RECORD_OUT,
					   .data = (const uint8_t *)text, .len = (size_t)len, .code = (uint64_t)len };
		must(record_columns_put(c, &e) == 0, "an event");
	}
}

static void make_record(const char *path)
{
	struct segment_header header = { .number = 1 };
	uint8_t head[SEGMENT_HEADER_SIZE], digest[HASH_SIZE];
	struct record_columns columns;
	struct buffer payload, out;
	struct chunk_writer *w = chunk_writer_new(&stream, 1);

	record_columns_init(&columns, CHUNK_PLAIN_MAX);
	buffer_init(&payload, UNIT_PAYLOAD_MAX);
	buffer_init(&out, 256 << 20);
	unit_segment_encode(&header, head);
	must(w != NULL && buffer_put(&out, head, sizeof head) == 0, "memory");
	for (unsigned n = 0; n < CHUNKS; n++) {
		struct chunk info = { .flags = n + 1 == CHUNKS ? CHUNK_END : 0, .last_frame = n + 1, .duration_ms = CHUNK_MS,
				      .boot_ns = UINT64_C(1000000000) + (uint64_t)n * CHUNK_MS * 1000000,
				      .wall_ns = INT64_C(1700000000000000000) + (int64_t)n * CHUNK_MS * 1000000 };
		put_events(&columns, n);
		buffer_clear(&payload);
		must(chunk_writer_put(w, &info, &columns, &payload, digest) == 0 &&
		     unit_put(&out, UNIT_CHUNK, 1, payload.data, payload.len) == 0, "a chunk");
	}
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	must(fd >= 0 && write(fd, out.data, out.len) == (ssize_t)out.len && close(fd) == 0, path);
	chunk_writer_free(w);
	record_columns_free(&columns);
	buffer_free(&payload);
	buffer_free(&out);
}

static double jump(struct player *p, uint64_t ms)
{
	struct timespec from, to;
	struct player_view view;

	clock_gettime(CLOCK_MONOTONIC, &from);
	player_seek(p, ms);
	do {
		player_advance(p, 0);
		player_look(p, &view);
	} while (view.busy);
	clock_gettime(CLOCK_MONOTONIC, &to);
	must(view.position_ms == ms, "it stands elsewhere");
	return (double)(to.tv_sec - from.tv_sec) * 1e3 + (double)(to.tv_nsec - from.tv_nsec) / 1e6;
}

static void same_screen(const struct vt *a, const struct vt *b, uint64_t ms)
{
	unsigned ax, ay, bx, by;
	bool av, bv;

	vt_cursor(a, &ax, &ay, &av);
	vt_cursor(b, &bx, &by, &bv);
	bool same = ax == bx && ay == by && av == bv;
	for (unsigned y = 0; y < ROWS; y++)
		for (unsigned x = 0; x < COLUMNS; x++) {
			const struct vt_cell *c = &vt_row(a, y)[x], *d = &vt_row(b, y)[x];
			same = same && c->rune == d->rune && c->fg == d->fg && c->width == d->width;
		}
	if (same)
		return;
	fprintf(stderr, "seek: at %llu ms the screen is another\n", (unsigned long long)ms);
	exit(1);
}

static struct player *open_player(const char *path, struct source **source)
{
	static const struct player_config config = { .speed = PLAYER_SPEED_DEFAULT,
						     .total_ms = (uint64_t)CHUNKS * CHUNK_MS };
	int error;

	*source = source_open(path, &stream, &error);
	must(*source != NULL, "the record can't be opened");
	struct player *p = player_new(*source, &config);
	must(p != NULL, "memory");
	player_pause(p, true);
	return p;
}

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

int main(void)
{
	char path[PATH_SIZE];
	const char *tmp = getenv("TMPDIR");
	struct source *jumping_source, *fresh_source;
	double took[JUMPS], first;

	snprintf(path, sizeof path, "%s/itm-seek.%d.itm", tmp != NULL ? tmp : "/tmp", (int)getpid());
	make_record(path);
	struct player *jumping = open_player(path, &jumping_source);
	first = jump(jumping, (uint64_t)CHUNKS * CHUNK_MS - CHUNK_MS);
	for (int i = 0; i < JUMPS; i++) {
		uint64_t ms = chance(CHUNKS * CHUNK_MS - CHUNK_MS);
		took[i] = jump(jumping, ms);
		if (i % 10 != 0)
			continue;
		struct player *fresh = open_player(path, &fresh_source);
		jump(fresh, ms);
		same_screen(player_screen(fresh), player_screen(jumping), ms);
		player_free(fresh);
		source_close(fresh_source);
	}
	player_free(jumping);
	source_close(jumping_source);
	unlink(path);
	qsort(took, JUMPS, sizeof took[0], by_size);
	printf("8 h: to the end for the first time %.0f ms; anywhere then: median %.1f ms, worst %.1f ms\n", first,
	       took[JUMPS / 2], took[JUMPS - 1]);
	return 0;
}
