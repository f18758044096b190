#include "agent/watchd/snapshot.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/watchd/describe.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/reader.h"

/* The kernel's side names processes by the numbers of the first namespace; in
 * another our /proc means others by them. */
static bool in_first_namespace(void)
{
	char text[64];
	ssize_t n = readlink("/proc/self/ns/pid", text, sizeof text - 1);

	text[n > 0 ? n : 0] = '\0';
	return strcmp(text, "pid:[4026531836]") == 0; /* PROC_PID_INIT_INO of linux/proc_ns.h */
}

/* What stands in /proc/PID/cmdline; 0 when the process has gone. */
static size_t read_arguments(uint32_t pid, char *out, size_t size)
{
	char path[64];

	snprintf(path, sizeof path, "/proc/%" PRIu32 "/cmdline", pid);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd >= 0 ? read(fd, out, size) : -1;
	if (fd >= 0)
		close(fd);
	return n > 0 ? (size_t)n : 0;
}

static int keep(struct snapshot *s, const struct activity_event *e)
{
	struct buffer one;
	size_t before = s->events.len;

	buffer_init(&one, ACTIVITY_EVENT_MAX + 64);
	int r = activity_put(&one, e);
	if (r == 0)
		r = buffer_put_varint(&s->events, one.len);
	if (r == 0)
		r = buffer_put(&s->events, one.data, one.len);
	if (r != 0)
		s->events.len = before;
	buffer_free(&one);
	return r;
}

static bool on_process(void *context, const struct probe_head *head)
{
	struct snapshot *s = context;
	char arguments[PROBE_ARGV_INLINE];
	struct describe_fds fds;
	struct activity_event e;

	if (describe_record(head, &fds, &e) != 0)
		return true;
	size_t len = s->own_numbers ? read_arguments(head->pid, arguments, sizeof arguments) : 0;
	activity_set_bytes(&e, ACTIVITY_ARGUMENTS, arguments, len);
	e.number[ACTIVITY_AGE_NS] = s->boot_ns > head->start ? s->boot_ns - head->start : 0;
	if (len == sizeof arguments)
		e.number[ACTIVITY_FLAGS] |= ACTIVITY_ARGV_CUT;
	if (keep(s, &e) != 0)
		s->left_out++;
	return true;
}

void snapshot_take(struct snapshot *s, struct probe *p)
{
	*s = (struct snapshot){ .boot_ns = clock_boot_ns(), .own_numbers = in_first_namespace() };
	buffer_init(&s->events, SNAPSHOT_MAX);
	int r = probe_snapshot(p, on_process, s);
	if (r != 0)
		log_error("the processes that are there already cannot be told: %s", error_text(r));
	if (s->left_out > 0)
		log_error("%" PRIu64 " processes that were there already are left out", s->left_out);
}

bool snapshot_next(struct snapshot *s, const uint8_t **data, size_t *len)
{
	struct reader r;

	reader_init(&r, s->events.data + s->at, s->events.len - s->at);
	*len = s->events.len > s->at ? reader_varint(&r) : 0;
	*data = reader_bytes(&r, *len);
	if (*len == 0 || *data == NULL) {
		buffer_free(&s->events);
		s->at = 0;
		return false;
	}
	s->at += r.pos;
	return true;
}
