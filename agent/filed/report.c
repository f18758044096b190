#include "agent/filed/report.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/atomicfile.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/id.h"
#include "base/log.h"

enum { REPORT_SIZE = 1024 }; /* bytes of the file, always: what is left over is line ends */

void report_open(struct report *r, const char *run)
{
	char path[512];
	struct id boot = clock_boot_id();

	id_format(&boot, r->boot);
	r->statm = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
	snprintf(path, sizeof path, "%s/filed", run);
	(void)atomicfile_mkdir(path, 0755);
	snprintf(path, sizeof path, "%s/filed/status", run);
	r->fd = open(path, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (r->fd < 0)
		log_error("%s: cannot be written: %s", path, error_text(ITM_ESYS));
}

static uint64_t resident_bytes(const struct report *r)
{
	char text[128], *resident;
	ssize_t n = pread(r->statm, text, sizeof text - 1, 0);

	text[n > 0 ? n : 0] = '\0';
	(void)strtoull(text, &resident, 10); /* the first number is the whole address space */
	return strtoull(resident, NULL, 10) * (uint64_t)sysconf(_SC_PAGESIZE);
}

void report_publish(const struct report *r, const struct report_facts *f)
{
	char text[REPORT_SIZE];

	memset(text, '\n', sizeof text);
	int n = snprintf(text, sizeof text,
			 "pid=%d\nboot_id=%s\nwall_ns=%" PRId64 "\nfiles=%" PRIu64 " watched (%s%s%.100s)\nlevel=%s\npolled=%" PRIu64
			 "\nfolders=%" PRIu64 "\nleft_out=%" PRIu64 "\nreceived=%" PRIu64 "\ntold=%" PRIu64 "\noverflows=%" PRIu64
			 "\nlost=%" PRIu64 "\nmemory_bytes=%" PRIu64 "\nstate=ok\n",
			 (int)getpid(), r->boot, clock_wall_ns(), f->watched, f->refusal != NULL ? "by looks alone" : "fanotify",
			 f->refusal != NULL ? ": " : "", f->refusal != NULL ? f->refusal : "",
			 f->refusal != NULL ? "looks" : "fanotify", f->polled, f->folders, f->left_out, f->received, f->told,
			 f->overflows, f->lost, resident_bytes(r));
	if (n > 0 && (size_t)n < sizeof text)
		text[n] = '\n';
	if (r->fd >= 0 && pwrite(r->fd, text, sizeof text, 0) != sizeof text)
		log_error("the status cannot be written: %s", error_text(ITM_ESYS));
}
