#include "agent/watchd/blind.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { TAIL_SIZE = 262144 }; /* bytes: interrupts of many CPUs stand before the line */

void blind_open(struct blind *b)
{
	*b = (struct blind){ .stat = open("/proc/stat", O_RDONLY | O_CLOEXEC) };
}

uint64_t blind_kernel(const struct blind *b)
{
	static char text[TAIL_SIZE];
	size_t len = 0;
	ssize_t n = 0;
	while (b->stat >= 0 && len < sizeof text - 1 && (n = pread(b->stat, text + len, sizeof text - 1 - len, (off_t)len)) > 0)
		len += (size_t)n;
	text[len] = '\0';
	const char *line = strstr(text, "\nprocesses ");
	return line != NULL ? strtoull(line + strlen("\nprocesses "), NULL, 10) : 0;
}

bool blind_look(struct blind *b, uint64_t kernel, uint64_t seen, uint64_t *unseen)
{
	uint64_t begun = kernel - b->kernel;
	bool known = b->known && kernel >= b->kernel, stands = seen == b->seen;
	if (kernel == 0)
		return false;
	/* Few at a time add up. */
	if (known && stands && begun < BLIND_FORKS)
		return false;
	b->known = true;
	b->kernel = kernel;
	b->seen = seen;
	bool blind = known && stands, first = blind && !b->told;
	b->told = blind;
	*unseen = begun;
	return first;
}
