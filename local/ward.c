#include "local/ward.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/fdpass.h"
#include "base/log.h"

enum {
	SHORT_LIFE_MS = 1000, PAUSE_FIRST_MS = 50, PAUSE_MAX_MS = 1000,
	STOP_TERM_MS = 3000, STOP_KILL_MS = 5000,
};

int64_t ward_now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

void ward_init(struct ward *w, const struct supervisor_child *spec)
{
	*w = (struct ward){ .spec = spec, .control = -1, .changed = true };
	process_init(&w->process);
}

void ward_free(struct ward *w)
{
	ward_close_control(w);
	process_forget(&w->process);
	kept_free(&w->kept);
}

void ward_set_state(struct ward *w, enum ward_state state)
{
	w->state = state;
	w->changed = true;
}

static void close_fds(const int *fds, size_t count)
{
	for (size_t i = 0; i < count; i++)
		close(fds[i]);
}

int ward_send(int sock, int type, const char *key, const void *blob, size_t len, const int *fds, size_t count)
{
	struct supervisor_message m = { .type = type, .blob = blob, .blob_len = len };
	struct buffer b;

	(void)snprintf(m.key, sizeof m.key, "%s", key);
	buffer_init(&b, WARD_MESSAGE_SIZE);
	int r = supervisor_encode(&b, &m);
	if (r == 0)
		r = fdpass_send(sock, b.data, b.len, fds, count);
	buffer_free(&b);
	return r;
}

/* prepare's way to store: keeps copies, since it goes on owning its own. */
static int store_prepared(void *handle, const char *key, const void *blob, size_t len, const int *fds, size_t count)
{
	struct ward *w = handle;
	int copy[SUPERVISOR_FDS_MAX] = { 0 };
	size_t n = 0;

	if (count > SUPERVISOR_FDS_MAX)
		return ITM_ELIMIT;
	for (; n < count; n++) {
		copy[n] = fcntl(fds[n], F_DUPFD_CLOEXEC, 3);
		if (copy[n] < 0)
			break;
	}
	int r = n == count ? kept_put(&w->kept, key, blob, len, copy, count, false) : ITM_ESYS;
	if (r != 0)
		close_fds(copy, n);
	return r;
}

/* Send what the child does not have yet, then BEGIN; a full socket ends the
 * turn and poll tells when to go on. */
bool ward_flush(struct ward *w)
{
	for (struct kept_entry *e = w->kept.first; e != NULL; e = e->next) {
		if (e->sent)
			continue;
		if (ward_send(w->control, SUPERVISOR_KEPT, e->key, e->blob, e->len, e->fds, e->count) != 0)
			return false;
		e->sent = true;
	}
	if (!w->begun && ward_send(w->control, SUPERVISOR_BEGIN, "", NULL, 0, NULL, 0) != 0)
		return false;
	w->begun = true;
	return true;
}

bool ward_has_unsent(const struct ward *w)
{
	for (const struct kept_entry *e = w->kept.first; e != NULL; e = e->next)
		if (!e->sent)
			return true;
	return !w->begun;
}

void ward_start_later(struct ward *w, bool short_life)
{
	if (!short_life)
		w->pause_ms = 0;
	else if (w->pause_ms == 0)
		w->pause_ms = PAUSE_FIRST_MS;
	else
		w->pause_ms = w->pause_ms * 2 < PAUSE_MAX_MS ? w->pause_ms * 2 : PAUSE_MAX_MS;
	w->start_at_ms = ward_now_ms() + w->pause_ms;
	ward_set_state(w, WARD_DOWN);
}

void ward_start(struct ward *w, const struct supervisor_config *config)
{
	int pair[2];

	int r = config->prepare ? config->prepare(config->context, w->spec->name, store_prepared, w) : 0;
	if (r != 0) {
		log_error("%s: cannot prepare its start: %s", w->spec->name, error_text(r));
		ward_start_later(w, true);
		return;
	}
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0 ||
	    fcntl(pair[0], F_SETFL, O_NONBLOCK) != 0 ||
	    process_start(&w->process, w->spec->path, w->spec->argv, w->spec->nice, pair[1]) != 0) {
		log_error("%s: cannot start: %s", w->spec->name, error_text(ITM_ESYS));
		ward_start_later(w, true);
		return;
	}
	close(pair[1]);
	w->control = pair[0];
	w->begun = false;
	w->since_ms = ward_now_ms();
	ward_set_state(w, WARD_STARTING);
	log_info("%s started, pid %d", w->spec->name, (int)w->process.pid);
	(void)ward_flush(w);
}

void ward_close_control(struct ward *w)
{
	if (w->control >= 0)
		close(w->control);
	w->control = -1;
	w->lost_ms = ward_now_ms();
	kept_unsend(&w->kept);
}

void ward_died(struct ward *w, bool again)
{
	int pid = (int)w->process.pid;
	bool orphan = w->state == WARD_ORPHAN;
	process_reap(&w->process, w->how, sizeof w->how);
	bool short_life = ward_now_ms() - w->since_ms < SHORT_LIFE_MS;
	ward_close_control(w);
	if (!again || orphan)
		log_info("%s %d %s", w->spec->name, pid, w->how);
	else
		log_error("%s %d %s; starting it again", w->spec->name, pid, w->how);
	w->restarts += !orphan;
	w->stop_since_ms = 0;
	ward_start_later(w, short_life && !orphan);
	if (!again)
		ward_set_state(w, WARD_GONE);
}

void ward_adopt(struct ward *w, int fd, pid_t pid)
{
	if (w->process.pid != 0 && w->process.pid != pid) {
		/* The one with the live sessions goes on, not our fresh one. */
		process_signal(&w->process, SIGKILL);
		char how[64];
		process_reap(&w->process, how, sizeof how);
		ward_close_control(w);
	}
	if (w->process.pid == 0 && process_find(&w->process, pid, 0) != 0) {
		close(fd);
		ward_start_later(w, true);
		return;
	}
	(void)fcntl(fd, F_SETFL, O_NONBLOCK);
	w->control = fd;
	w->begun = true;
	w->since_ms = ward_now_ms();
	w->stop_since_ms = 0;
	ward_set_state(w, WARD_STARTING);
	log_info("%s %d taken over", w->spec->name, (int)w->process.pid);
	(void)ward_flush(w);
}

/* STOP, SIGTERM, SIGKILL by the clock.  Returns when to look again. */
int64_t ward_drive_stop(struct ward *w, int64_t now)
{
	if (w->stop_since_ms == 0) {
		w->stop_since_ms = now;
		w->stop_step = 0;
		if (w->control < 0 || ward_send(w->control, SUPERVISOR_STOP, "", NULL, 0, NULL, 0) != 0)
			process_signal(&w->process, SIGTERM);
	}
	int64_t passed = now - w->stop_since_ms;
	if (passed >= STOP_TERM_MS && w->stop_step == 0) {
		process_signal(&w->process, SIGTERM);
		w->stop_step = 1;
	}
	if (passed >= STOP_KILL_MS && w->stop_step == 1) {
		process_signal(&w->process, SIGKILL);
		w->stop_step = 2;
	}
	return w->stop_since_ms + (w->stop_step == 0 ? STOP_TERM_MS : STOP_KILL_MS);
}

int64_t ward_drive_orphan(struct ward *w, int64_t now)
{
	if (w->stop_since_ms == 0 && now - w->since_ms >= WARD_ORPHAN_MS) {
		log_error("%s %d did not come back; ending it", w->spec->name, (int)w->process.pid);
		process_signal(&w->process, SIGTERM);
		w->stop_since_ms = now;
	}
	if (w->stop_since_ms == 0)
		return w->since_ms + WARD_ORPHAN_MS;
	if (now - w->stop_since_ms >= STOP_TERM_MS)
		process_signal(&w->process, SIGKILL);
	return w->stop_since_ms + STOP_TERM_MS;
}

int64_t ward_drive_lost(struct ward *w, int64_t now)
{
	if (now - w->lost_ms >= WARD_ORPHAN_MS)
		process_signal(&w->process, SIGKILL);
	return w->lost_ms + WARD_ORPHAN_MS;
}
