/* tile: the files of the central log, as C2SP tlog-tiles lays them out below
 * one folder, and reading them:
 *
 *   checkpoint                     signed note: size and root
 *   tile/<L>/<N>                   256 hashes of level 8 L, 32 bytes each; never changes
 *   tile/<L>/<N>.p/<W>             the first W of them, while there are no more
 *   tile/entries/<N>[.p/<W>]       the leaves: u16 big-endian length, bytes
 *
 * <N> is written in groups of three digits: 1234067 is x001/x234/067. */
#ifndef ITM_STORE_TILE_H
#define ITM_STORE_TILE_H

#include <stdint.h>

#include "base/buffer.h"
#include "format/checkpoint.h"
#include "format/merkle.h"

enum {
	TILE_WIDTH = 256, TILE_LEVELS = 8, TILE_ENTRIES = -1,
	TILE_PATH_SIZE = 4352, TILE_CACHED = 16,
	TILE_BUNDLE_MAX = 256 * 66000,
};

/* level TILE_ENTRIES for the leaves; width TILE_WIDTH for a full tile. */
void tile_path(const char *dir, int level, uint64_t number, unsigned width, char out[TILE_PATH_SIZE]);

struct tile_cached { int level; uint64_t number; unsigned width; uint8_t hash[TILE_WIDTH][HASH_SIZE]; };
/* A log of a known size, read from its files. */
struct tile_log {
	char dir[4096];
	uint64_t size;
	struct tile_cached *cached;  /* TILE_CACHED of them */
	unsigned next;
};
/* size may be raised later.  0 or ITM_ENOMEM, ITM_EINVAL. */
int tile_open(struct tile_log *t, const char *dir, uint64_t size);
void tile_close(struct tile_log *t);
/* merkle_get for a struct tile_log. */
int tile_get(void *context, unsigned level, uint64_t index, uint8_t out[HASH_SIZE]);
/* Leaves from..size in order; each returns 0 to go on.  ITM_EFORMAT when the
 * files do not hold what their names say. */
int tile_entries(struct tile_log *t, uint64_t from, int (*each)(void *context, uint64_t index, const uint8_t *data, size_t len),
		 void *context);
/* The checkpoint file.  ITM_ENOENT: there is none. */
int tile_checkpoint(const char *dir, struct buffer *note);

#endif
