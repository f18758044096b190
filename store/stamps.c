#include "store/stamps.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/atomicfile.h"
#include "base/error.h"
#include "format/note.h"

enum { STAMPS_MODE = 0444, STAMPS_DIGITS = 18 /* of a checkpoint's size */ };
static const char checkpoint[] = "checkpoint", response_ending[] = "tsr";

void stamps_path(const char *dir, uint64_t size, const char *ending, char out[STAMPS_PATH_SIZE])
{
	snprintf(out, STAMPS_PATH_SIZE, "%.4000s/%" PRIu64 ".%s", dir, size, ending);
}

int stamps_read(const char *dir, uint64_t size, struct buffer *note, struct buffer *response)
{
	char path[STAMPS_PATH_SIZE];

	stamps_path(dir, size, checkpoint, path);
	int r = atomicfile_read(path, note);
	stamps_path(dir, size, response_ending, path);
	return r != 0 ? r : atomicfile_read(path, response);
}

/* The size that a response's name says; 0 = it is none. */
static uint64_t stamps_size(const char *name)
{
	size_t digits = strspn(name, "0123456789");

	if (digits == 0 || digits > STAMPS_DIGITS || name[0] == '0' || name[digits] != '.' ||
	    strcmp(name + digits + 1, response_ending) != 0)
		return 0;
	return strtoull(name, NULL, 10);
}

static uint64_t stamps_nearest(const char *dir, uint64_t from, uint64_t to, int last)
{
	uint64_t found = 0, size;
	struct dirent *entry;
	DIR *d = opendir(dir);

	while (d != NULL && (entry = readdir(d)) != NULL) {
		size = stamps_size(entry->d_name);
		if (size > from && size < to && (found == 0 || (last ? size > found : size < found)))
			found = size;
	}
	if (d != NULL)
		closedir(d);
	return found;
}

uint64_t stamps_above(const char *dir, uint64_t size)
{
	return stamps_nearest(dir, size, UINT64_MAX, 0);
}

uint64_t stamps_below(const char *dir, uint64_t size)
{
	return stamps_nearest(dir, 0, size, 1);
}

int stamps_send(const char *dir, const struct buffer *note)
{
	char path[STAMPS_PATH_SIZE];
	int r = atomicfile_mkdir(dir, 0755);

	snprintf(path, sizeof path, "%.4000s/pending", dir);
	return r != 0 ? r : atomicfile_write(path, note->data, note->len, STAMPS_MODE);
}

int stamps_keep(const char *dir, uint64_t size, const struct buffer *note, const struct buffer *response)
{
	char path[STAMPS_PATH_SIZE];

	/* The response last: its name is what says that there is a stamp. */
	stamps_path(dir, size, checkpoint, path);
	int r = atomicfile_write(path, note->data, note->len, STAMPS_MODE);
	stamps_path(dir, size, response_ending, path);
	return r != 0 ? r : atomicfile_write(path, response->data, response->len, STAMPS_MODE);
}
