/* What ingestd kept aside: not part of the record, but a second block that the
 * host signed under a number of its record shows that there are two histories. */
#include "cli/walk.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>

#include "base/atomicfile.h"
#include "format/block.h"

enum { QUARANTINE_FILE_MAX = 16 << 20, QUARANTINE_PATH_SIZE = 4096 };

static void look_at_block(struct walk *w, const struct block *b, const char *name)
{
	size_t i;

	for (i = 0; i < w->host_count; i++)
		if (id_equal(&w->hosts[i].id, &b->host))
			verifier_second_block(w->hosts[i].verifier, b, name);
}

/* Foreign bytes of any kind: what is no block says nothing. */
static void look_at_file(struct walk *w, const char *path, const char *name)
{
	struct buffer file;
	struct block block;
	struct unit u;
	size_t at;

	buffer_init(&file, QUARANTINE_FILE_MAX);
	if (atomicfile_read(path, &file) == 0) {
		for (at = 0; at < file.len && unit_decode(file.data + at, file.len - at, &u, NULL) == 0; at += u.size)
			if (u.type == UNIT_BLOCK && block_decode(u.payload, u.len, &block, NULL) == 0)
				look_at_block(w, &block, name);
	}
	buffer_free(&file);
}

void walk_quarantine(struct walk *w, const char *dir)
{
	char path[QUARANTINE_PATH_SIZE], origin[WALK_ORIGIN_SIZE];
	struct dirent *entry;
	DIR *d;

	snprintf(path, sizeof(path), "%.3800s/quarantine", dir);
	d = opendir(path);
	while (d != NULL && (entry = readdir(d)) != NULL) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%.3800s/quarantine/%.200s", dir, entry->d_name);
		snprintf(origin, sizeof(origin), "quarantine/%.200s", entry->d_name);
		look_at_file(w, path, origin);
	}
	if (d != NULL)
		closedir(d);
}
