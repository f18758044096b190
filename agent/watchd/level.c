#include "agent/watchd/level.h"

#include <stdio.h>
#include <string.h>

#include "agent/watchd/eye.h"
#include "base/atomicfile.h"
#include "base/buffer.h"
#include "base/error.h"
#include "base/log.h"

enum { TEXT_MAX = 32 };

int level_read(const char *path)
{
	struct buffer b;
	int level = -1;

	buffer_init(&b, TEXT_MAX);
	const char *text = atomicfile_read(path, &b) == 0 ? buffer_text(&b) : NULL;
	for (int i = SETTINGS_LEVEL_NONE; text != NULL && i <= SETTINGS_LEVEL_BPF; i++)
		if (strlen(eye_name(i)) + 1 == b.len && strncmp(text, eye_name(i), b.len - 1) == 0)
			level = i;
	buffer_free(&b);
	return level;
}

void level_keep(const char *path, int level)
{
	char text[TEXT_MAX];
	int n = snprintf(text, sizeof text, "%s\n", eye_name(level));

	if (atomicfile_write(path, text, (size_t)n, 0644) != 0)
		log_error("%s: cannot be written: %s", path, error_text(ITM_ESYS));
}
