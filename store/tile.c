#include "store/tile.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/atomicfile.h"
#include "base/error.h"

static void tile_number(uint64_t n, char *out, size_t size)
{
	char groups[7][5];
	size_t count = 0, used = 0;
	do {
		snprintf(groups[count], sizeof groups[count], "%s%03u", count ? "x" : "", (unsigned)(n % 1000));
		n /= 1000;
		count++;
	} while (n > 0);
	for (size_t i = count; i-- > 0; )
		used += (size_t)snprintf(out + used, size - used, "%s%s", groups[i], i > 0 ? "/" : "");
}

void tile_path(const char *dir, int level, uint64_t number, unsigned width, char out[TILE_PATH_SIZE])
{
	char n[64], kind[16], part[16] = "";
	tile_number(number, n, sizeof n);
	if (level == TILE_ENTRIES)
		snprintf(kind, sizeof kind, "entries");
	else
		snprintf(kind, sizeof kind, "%d", level);
	if (width < TILE_WIDTH)
		snprintf(part, sizeof part, ".p/%u", width);
	snprintf(out, TILE_PATH_SIZE, "%.4000s/tile/%s/%s%s", dir, kind, n, part);
}

int tile_open(struct tile_log *t, const char *dir, uint64_t size)
{
	*t = (struct tile_log){ .size = size };
	if (strlen(dir) >= 4000)
		return ITM_EINVAL;
	snprintf(t->dir, sizeof t->dir, "%s", dir);
	t->cached = calloc(TILE_CACHED, sizeof *t->cached);
	return t->cached != NULL ? 0 : ITM_ENOMEM;
}

void tile_close(struct tile_log *t)
{
	free(t->cached);
	t->cached = NULL;
}

/* How many hashes the tile holds in a log of that size. */
static unsigned tile_width(const struct tile_log *t, int level, uint64_t number)
{
	uint64_t there = t->size >> (level == TILE_ENTRIES ? 0 : 8 * level);
	if (there <= number * TILE_WIDTH)
		return 0;
	there -= number * TILE_WIDTH;
	return there < TILE_WIDTH ? (unsigned)there : TILE_WIDTH;
}

/* A full tile may have taken the place of the partial one meanwhile. */
static int tile_file(const struct tile_log *t, int level, uint64_t number, unsigned width, struct buffer *b)
{
	char path[TILE_PATH_SIZE];
	tile_path(t->dir, level, number, width, path);
	int e = atomicfile_read(path, b);
	if (e == ITM_ENOENT && width < TILE_WIDTH) {
		tile_path(t->dir, level, number, TILE_WIDTH, path);
		e = atomicfile_read(path, b);
	}
	return e;
}

static int tile_load(struct tile_log *t, int level, uint64_t number, const struct tile_cached **out)
{
	unsigned width = tile_width(t, level, number);
	struct buffer b;
	for (unsigned i = 0; i < TILE_CACHED; i++)
		if (t->cached[i].width >= width && t->cached[i].level == level && t->cached[i].number == number) {
			*out = &t->cached[i];
			return width > 0 ? 0 : ITM_EINVAL;
		}
	if (width == 0)
		return ITM_EINVAL;
	buffer_init(&b, TILE_WIDTH * HASH_SIZE);
	int e = tile_file(t, level, number, width, &b);
	if (e == 0 && b.len < (size_t)width * HASH_SIZE)
		e = ITM_EFORMAT;
	if (e == 0) {
		struct tile_cached *c = &t->cached[t->next++ % TILE_CACHED];
		*c = (struct tile_cached){ .level = level, .number = number, .width = width };
		memcpy(c->hash, b.data, (size_t)width * HASH_SIZE);
		*out = c;
	}
	buffer_free(&b);
	return e;
}

int tile_get(void *context, unsigned level, uint64_t index, uint8_t out[HASH_SIZE])
{
	struct tile_log *t = context;
	const struct tile_cached *c;
	struct merkle_edge edge = { 0 };
	unsigned up = level % 8;
	uint64_t first = index << up;
	int e = tile_load(t, (int)(level / 8), first / TILE_WIDTH, &c);
	if (e != 0)
		return e;
	uint64_t at = first % TILE_WIDTH;
	if (at + ((uint64_t)1 << up) > c->width)
		return ITM_EINVAL;
	for (uint64_t i = 0; i < (uint64_t)1 << up; i++)
		merkle_edge_add(&edge, c->hash[at + i]);
	merkle_edge_root(&edge, out);
	return 0;
}

int tile_entries(struct tile_log *t, uint64_t from, int (*each)(void *context, uint64_t index, const uint8_t *data, size_t len),
		 void *context)
{
	struct buffer b;
	int e = 0;
	buffer_init(&b, TILE_BUNDLE_MAX);
	for (uint64_t n = from / TILE_WIDTH; e == 0 && n * TILE_WIDTH < t->size; n++) {
		unsigned width = tile_width(t, TILE_ENTRIES, n);
		size_t at = 0;
		buffer_clear(&b);
		e = tile_file(t, TILE_ENTRIES, n, width, &b);
		for (unsigned i = 0; e == 0 && i < width; i++) {
			if (b.len - at < 2) {
				e = ITM_EFORMAT;
				break;
			}
			size_t len = (size_t)b.data[at] << 8 | b.data[at + 1];
			if (b.len - at - 2 < len) {
				e = ITM_EFORMAT;
				break;
			}
			if (n * TILE_WIDTH + i >= from)
				e = each(context, n * TILE_WIDTH + i, b.data + at + 2, len);
			at += 2 + len;
		}
	}
	buffer_free(&b);
	return e;
}

int tile_checkpoint(const char *dir, struct buffer *note)
{
	char path[TILE_PATH_SIZE];
	snprintf(path, sizeof path, "%.4000s/checkpoint", dir);
	return atomicfile_read(path, note);
}
