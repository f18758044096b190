#include "local/roll.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/atomicfile.h"
#include "base/clock.h"
#include "base/log.h"

enum { TEXT_MAX = 64 * 1024 };
static const char *const state_names[] = { "down", "orphan", "starting", "ready", "gone" };

static int put_ward(struct buffer *b, const struct ward *w)
{
	const char *name = w->spec->name;
	return buffer_printf(b, "%s.state=%s\n%s.pid=%d\n%s.start=%llu\n%s.restarts=%u\n", name,
			     state_names[w->state], name, (int)w->process.pid, name,
			     (unsigned long long)w->process.start_ticks, name, w->restarts);
}

void roll_publish(const char *path, const struct ward *wards, size_t count, int64_t started_wall_ns, bool stopping)
{
	char boot[ID_TEXT_SIZE];
	struct id boot_id = clock_boot_id();
	struct buffer b;

	if (path == NULL)
		return;
	id_format(&boot_id, boot);
	buffer_init(&b, TEXT_MAX);
	int r = buffer_printf(&b, "pid=%d\nboot=%s\nstarted_wall_ns=%lld\nstopping=%d\n", (int)getpid(), boot,
			      (long long)started_wall_ns, stopping);
	for (size_t i = 0; i < count && r == 0; i++)
		r = put_ward(&b, &wards[i]);
	if (r == 0)
		r = atomicfile_publish(path, b.data, b.len, 0644);
	if (r != 0)
		log_error("%s: cannot write the status: %s", path, error_text(r));
	buffer_free(&b);
}

/* The value of `key=` at the start of a line, or NULL. */
static const char *find_value(const char *text, const char *key)
{
	size_t len = strlen(key);
	for (const char *at = text; at != NULL; at = strchr(at, '\n')) {
		at += *at == '\n';
		if (strncmp(at, key, len) == 0 && at[len] == '=')
			return at + len + 1;
	}
	return NULL;
}

static void find_orphan(struct ward *w, const char *text)
{
	char key[SUPERVISOR_KEY_MAX + 8];
	(void)snprintf(key, sizeof key, "%s.pid", w->spec->name);
	const char *pid = find_value(text, key);
	(void)snprintf(key, sizeof key, "%s.start", w->spec->name);
	const char *start = find_value(text, key);
	if (pid == NULL || start == NULL)
		return;
	unsigned long long ticks = strtoull(start, NULL, 10);
	if (ticks == 0 || process_find(&w->process, (pid_t)strtol(pid, NULL, 10), ticks) != 0)
		return;
	log_info("%s %d outlived the supervisor before this one", w->spec->name, (int)w->process.pid);
	w->since_ms = ward_now_ms();
	ward_set_state(w, WARD_ORPHAN);
	if (!w->spec->adopt) {
		w->stop_since_ms = w->since_ms;
		process_signal(&w->process, SIGTERM);
	}
}

/* One that runs holds the lock, so it is not looked for. */
static pid_t find_dead(const char *text)
{
	const char *pid = find_value(text, "pid"), *stopping = find_value(text, "stopping");
	return pid != NULL && stopping != NULL && *stopping == '0' ? (pid_t)strtol(pid, NULL, 10) : 0;
}

pid_t roll_find_orphans(const char *path, struct ward *wards, size_t count)
{
	char boot[ID_TEXT_SIZE];
	struct id boot_id = clock_boot_id();
	struct buffer b;
	pid_t dead = 0;

	buffer_init(&b, TEXT_MAX);
	id_format(&boot_id, boot);
	if (path != NULL && atomicfile_read(path, &b) == 0) {
		const char *text = buffer_text(&b);
		const char *was = text ? find_value(text, "boot") : NULL;
		/* Pids of another boot name nobody. */
		if (was != NULL && strncmp(was, boot, strlen(boot)) == 0) {
			for (size_t i = 0; i < count; i++)
				find_orphan(&wards[i], text);
			dead = find_dead(text);
		}
	}
	buffer_free(&b);
	return dead;
}
