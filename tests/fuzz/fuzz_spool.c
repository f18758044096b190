/* A hostile segment file, through the reader and through recovery. */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/sealer/recovery.h"
#include "base/log.h"
#include "store/spool.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static char dir[64], file[128];

static void clean(void)
{
	unlink(file);
	rmdir(dir);
}

static void prepare(void)
{
	if (dir[0] != '\0')
		return;
	(void)snprintf(dir, sizeof dir, "/tmp/itm-fuzz-spool.XXXXXX");
	if (mkdtemp(dir) == NULL)
		abort();
	(void)snprintf(file, sizeof file, "%s/seg-0000000000000001.itm", dir);
	log_open("fuzz", 0);
	atexit(clean);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const struct id owner;
	struct segment_header h = { .owner = owner, .number = 1 };
	uint8_t header[SEGMENT_HEADER_SIZE];
	struct recovery r;

	prepare();
	unit_segment_encode(&h, header);
	int fd = open(file, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	if (fd < 0 || write(fd, header, sizeof header) != (ssize_t)sizeof header || write(fd, data, len) != (ssize_t)len)
		abort();
	close(fd);
	(void)recovery_read(&r, dir, 1, 1);
	recovery_free(&r);
	return 0;
}
