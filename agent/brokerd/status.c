#include "agent/brokerd/status.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/atomicfile.h"
#include "base/clock.h"
#include "base/log.h"

enum { EVERY_MS = 1000 };

void status_init(struct status *s, const char *run)
{
	*s = (struct status){ .since_wall_ns = clock_wall_ns() };
	snprintf(s->path, sizeof s->path, "%s/broker", run);
	if (atomicfile_mkdir(s->path, 0755) != 0)
		log_error("%s can't be made: no status file", s->path);
	snprintf(s->path, sizeof s->path, "%s/broker/status", run);
}

/* What becomes of keystrokes, in words. */
static void describe_sealing(const struct sealing *s, char *out, size_t size)
{
	const struct keylist *l = sealing_list(s);

	if (l == NULL)
		snprintf(out, size, "counted");
	else
		snprintf(out, size, "sealed to %zu key%s of list %" PRIu64 "%s%s", l->count, l->count == 1 ? "" : "s", l->number,
			 l->note[0] != '\0' ? ": " : "", l->note);
}

static size_t describe(const struct status *s, const struct request_table *t, char *out, size_t size)
{
	char boot[ID_TEXT_SIZE], since[CLOCK_TEXT_SIZE], keystrokes[256];
	struct id boot_id = clock_boot_id();
	id_format(&boot_id, boot);
	clock_format(s->since_wall_ns, since);
	describe_sealing(&t->scope->sealing, keystrokes, sizeof keystrokes);
	int n = snprintf(out, size,
			 "pid=%d\nboot_id=%s\nsince=%s\nsupervisor=%s\nsessions=%zu\nlogins=%zu\npending=%zu\n"
			 "served=%" PRIu64 "\nrefused=%" PRIu64 "\nunrecorded=%" PRIu64 "\nusers=%zu\n"
			 "users_version=%" PRIu64 "\nkeystrokes=%s\n",
			 (int)getpid(), boot, since, t->control->sock >= 0 ? "yes" : "no", t->sessions->count,
			 t->logins->count, t->count, t->served, t->refused, t->unrecorded,
			 t->scope->users.count, t->scope->changes, keystrokes);
	return n > 0 && (size_t)n < size ? (size_t)n : 0;
}

int status_tick(struct status *s, const struct request_table *requests, int64_t now_ms)
{
	char text[sizeof s->last];
	size_t len = describe(s, requests, text, sizeof text);
	if (len == 0 || strcmp(text, s->last) == 0)
		return -1;
	if (now_ms < s->next_ms)
		return (int)(s->next_ms - now_ms);
	s->next_ms = now_ms + EVERY_MS;
	atomicfile_publish(s->path, text, len, 0644);
	memcpy(s->last, text, len + 1);
	return -1;
}
