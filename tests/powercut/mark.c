#include "tests/powercut/mark.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

int mark_open(const char *log)
{
	return open(log, O_WRONLY | O_APPEND | O_CLOEXEC);
}

void mark(int fd, const char *text)
{
	struct { uint32_t type, len; uint64_t offset; } e = { 'M', (uint32_t)strlen(text), 0 };
	struct iovec parts[2] = { { &e, sizeof e }, { (void *)(uintptr_t)text, e.len } };
	if (writev(fd, parts, 2) != (ssize_t)(sizeof e + e.len))
		abort();
}
