#include "agent/watchd/report.h"

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

enum { REFUSED_MAX = 400 };

void report_open(struct report *r, const char *run)
{
	char path[512];
	struct id boot = clock_boot_id();

	id_format(&boot, r->boot);
	r->statm = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
	snprintf(path, sizeof path, "%s/watchd", run);
	(void)atomicfile_mkdir(path, 0755);
	snprintf(path, sizeof path, "%s/watchd/status", run);
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

uint64_t report_sum(const uint64_t per_type[PROBE_TYPES])
{
	uint64_t n = 0;

	for (int i = 0; i < PROBE_TYPES; i++)
		n += per_type[i];
	return n;
}

static const char *how(const char *level)
{
	return strcmp(level, "bpf") == 0 ? "watched" : strcmp(level, "none") == 0 ? "not watched" : "watched in part";
}

/* Text of the system, in one line. */
static void one_line(char *text)
{
	for (; *text != '\0'; text++)
		if ((unsigned char)*text < ' ')
			*text = ' ';
}

void report_publish(const struct report *r, const struct probe_totals *t, const char *level, const char *refused)
{
	char text[REPORT_SIZE], error[64] = "", words[REFUSED_MAX];

	memset(text, '\n', sizeof text);
	if (t->missing > 0)
		snprintf(error, sizeof error, "%" PRIu64 " events were taken from the ring", t->missing);
	snprintf(words, sizeof words, "%s", refused);
	one_line(words);
	int n = snprintf(text, sizeof text,
			 "pid=%d\nboot_id=%s\nwall_ns=%" PRId64 "\nlevel=%s\nprocesses=%s (%s)\nrefused=%s\nmade=%" PRIu64
			 "\nreceived=%" PRIu64 "\ndropped=%" PRIu64 "\nmissed=%" PRIu64 "\nmissing=%" PRIu64
			 "\nsessions_lost=%" PRIu64 "\nmemory_bytes=%" PRIu64 "\nstate=%s\nerror=%s\n",
			 (int)getpid(), r->boot, clock_wall_ns(), level, how(level), level, words, report_sum(t->made),
			 report_sum(t->received), report_sum(t->dropped), t->missed, t->missing, t->sessions_lost,
			 resident_bytes(r), t->missing > 0 ? "failing" : "ok", error);
	if (n > 0 && (size_t)n < sizeof text)
		text[n] = '\n';
	if (r->fd >= 0 && pwrite(r->fd, text, sizeof text, 0) != sizeof text)
		log_error("the status cannot be written: %s", error_text(ITM_ESYS));
}
