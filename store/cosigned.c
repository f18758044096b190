#include "store/cosigned.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>

#include "base/atomicfile.h"
#include "base/error.h"

enum { COSIGNED_NAME = 2 * NOTE_ID_SIZE, COSIGNED_LOOKED_AT = 256 };

void cosigned_path(const char *dir, const struct note_key *witness, char out[COSIGNED_PATH_SIZE])
{
	snprintf(out, COSIGNED_PATH_SIZE, "%.4000s/%02x%02x%02x%02x", dir, witness->id[0], witness->id[1], witness->id[2],
		 witness->id[3]);
}

int cosigned_each(const char *log, int (*each)(void *context, const struct buffer *file, const struct note *n), void *context)
{
	char dir[COSIGNED_PATH_SIZE], path[COSIGNED_PATH_SIZE + 16];
	struct dirent *entry;
	struct buffer file;
	struct note note;
	int found = 0, e = 0;
	snprintf(dir, sizeof dir, "%.4000s/cosigned", log);
	DIR *d = opendir(dir);
	if (d == NULL)
		return 0;
	buffer_init(&file, NOTE_MAX);
	for (int i = 0; e == 0 && i < COSIGNED_LOOKED_AT && found < COSIGNED_MAX && (entry = readdir(d)) != NULL; i++) {
		if (strlen(entry->d_name) != COSIGNED_NAME || strspn(entry->d_name, "0123456789abcdef") != COSIGNED_NAME)
			continue;
		buffer_clear(&file);
		snprintf(path, sizeof path, "%s/%.8s", dir, entry->d_name);
		if (atomicfile_read(path, &file) != 0 || note_decode(file.data, file.len, &note, NULL) != 0)
			continue;
		found++;
		e = each(context, &file, &note);
	}
	buffer_free(&file);
	closedir(d);
	return e;
}

struct newest {
	struct tile_log *tiles;
	const struct checkpoint *now;
	uint64_t leaf;
	struct buffer *note;
	struct checkpoint *best;
	int found;
};

static int cosigned_compare(void *context, const struct buffer *file, const struct note *n)
{
	struct newest *w = context;
	struct checkpoint c;
	uint8_t root[HASH_SIZE];
	if (checkpoint_decode(n->text, n->text_len, &c, NULL) != 0 || strcmp(c.origin, w->now->origin) != 0)
		return 0;
	if (c.size <= w->leaf || c.size > w->now->size || (w->found && c.size <= w->best->size))
		return 0;
	if (merkle_root(c.size, tile_get, w->tiles, root) != 0 || memcmp(root, c.root, HASH_SIZE) != 0)
		return 0;
	buffer_clear(w->note);
	*w->best = c;
	w->found = 1;
	return buffer_put(w->note, file->data, file->len);
}

int cosigned_newest(struct tile_log *tiles, const struct checkpoint *now, uint64_t leaf, struct buffer *note,
		    struct checkpoint *c)
{
	struct newest w = { .tiles = tiles, .now = now, .leaf = leaf, .note = note, .best = c };
	int e = cosigned_each(tiles->dir, cosigned_compare, &w);
	return e != 0 ? e : w.found;
}

struct attach { struct buffer *note; int added; };

static int cosigned_has(const struct note *n, const struct note_signature *s)
{
	for (size_t i = 0; i < n->count; i++)
		if (n->signature[i].name_len == s->name_len && memcmp(n->signature[i].name, s->name, s->name_len) == 0 &&
		    memcmp(n->signature[i].id, s->id, NOTE_ID_SIZE) == 0)
			return 1;
	return 0;
}

static int cosigned_add(void *context, const struct buffer *file, const struct note *n)
{
	struct attach *a = context;
	struct note now;
	(void)file;
	for (size_t i = 0; i < n->count; i++) {
		int e = note_decode(a->note->data, a->note->len, &now, NULL);
		if (e != 0)
			return e;
		if (now.text_len != n->text_len || memcmp(now.text, n->text, n->text_len) != 0)
			return 0;
		if (now.count == NOTE_SIGNATURES_MAX || cosigned_has(&now, &n->signature[i]))
			continue;
		e = note_put_line(a->note, &n->signature[i]);
		if (e != 0)
			return e;
		a->added++;
	}
	return 0;
}

int cosigned_attach(const char *log, struct buffer *note)
{
	struct attach a = { .note = note };
	int e = cosigned_each(log, cosigned_add, &a);
	return e != 0 ? e : a.added;
}
