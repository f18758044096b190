#include "agent/brokerd/login.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/brokerd/events.h"
#include "agent/brokerd/job.h"
#include "agent/brokerd/monitor.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "base/reader.h"

enum { KEPT_VERSION = 2 };

static void make_key(const struct login *l, char key[SUPERVISOR_KEY_MAX])
{
	char id[ID_TEXT_SIZE];
	id_format(&l->id, id);
	snprintf(key, SUPERVISOR_KEY_MAX, "login-%s", id);
}

/* u8 version, login id, u64 start, u64 opened, u32 shells, then the announcement as it came. */
static void store(const struct login *l)
{
	char key[SUPERVISOR_KEY_MAX];
	struct buffer b;
	make_key(l, key);
	buffer_init(&b, SUPERVISOR_BLOB_MAX);
	if (buffer_put_u8(&b, KEPT_VERSION) == 0 && buffer_put(&b, l->id.bytes, ID_SIZE) == 0 &&
	    buffer_put_u64(&b, l->start) == 0 && buffer_put_u64(&b, l->opened_ns) == 0 &&
	    buffer_put_u32(&b, l->shells) == 0 && message_encode_login(&b, MESSAGE_ANNOUNCE, &l->says) == 0)
		control_store(l->table->control, key, b.data, b.len, &l->pidfd, 1);
	buffer_free(&b);
}

static void drop(struct login *l)
{
	struct login_table *t = l->table;
	for (struct login **at = &t->first; *at != NULL; at = &(*at)->next)
		if (*at == l) {
			*at = l->next;
			t->count--;
			break;
		}
	loop_remove(t->loop, &l->watch);
	close(l->pidfd);
	free(l);
}

static void forget(struct login *l, const char *reason)
{
	events_login_closed(l->table->events, l, reason);
	char key[SUPERVISOR_KEY_MAX];
	make_key(l, key);
	control_remove(l->table->control, key);
	drop(l);
}

static void opener_died(void *context)
{
	forget(context, "the process that opened it has ended");
}

/* Takes pidfd in any case. */
static struct login *add(struct login_table *t, const struct message_login *m, uint64_t start, int pidfd,
			 const struct id *id)
{
	struct login *l = t->count < LOGIN_MAX ? calloc(1, sizeof *l) : NULL;
	if (l == NULL) {
		close(pidfd);
		return NULL;
	}
	*l = (struct login){ .next = t->first, .table = t, .id = *id, .start = start, .pidfd = pidfd, .says = *m,
			     .opened_ns = clock_boot_ns(), .watch = { .fd = pidfd, .ready = opener_died, .context = l } };
	t->first = l;
	t->count++;
	if (loop_add(t->loop, &l->watch) != 0) {
		drop(l);
		return NULL;
	}
	return l;
}

void login_init(struct login_table *t, struct loop *loop, struct control *control)
{
	*t = (struct login_table){ .loop = loop, .control = control };
}

static struct login *find_service(const struct login_table *t, const struct message_login *m, uint64_t start)
{
	for (struct login *l = t->first; l != NULL; l = l->next)
		if (l->says.pid == m->pid && l->start == start && strcmp(l->says.service, m->service) == 0)
			return l;
	return NULL;
}

int login_announce(struct login_table *t, const struct message_login *m, uint64_t start, int pidfd)
{
	struct login *l = find_service(t, m, start);
	if (l != NULL) {
		close(pidfd);
		l->says = *m;
	} else {
		struct id id = id_random();
		l = add(t, m, start, pidfd, &id);
		if (l == NULL)
			return ITM_ELIMIT;
		if (t->monitor != NULL && job_is(m->service))
			monitor_tie_job(t->monitor, l->pidfd, m->pid, start, &id);
		events_login_opened(t->events, l);
		log_info("login of %s by %s, process %d", m->user, m->service, (int)m->pid);
	}
	store(l);
	return 0;
}

void login_shell(struct login_table *t, const struct id *id)
{
	for (struct login *l = t->first; l != NULL; l = l->next)
		if (id_equal(&l->id, id)) {
			if (l->shells++ == 0)
				store(l);
			return;
		}
}

void login_end(struct login_table *t, const struct message_login *m, uint64_t start)
{
	struct login *l = find_service(t, m, start);
	if (l != NULL)
		forget(l, "");
}

const struct login *login_find(const struct login_table *t, pid_t pid, uint64_t start)
{
	for (const struct login *l = t->first; l != NULL; l = l->next)
		if (l->says.pid == pid && l->start == start)
			return l;
	return NULL;
}

int login_recall(struct login_table *t, const void *blob, size_t len, int pidfd)
{
	struct reader r;
	struct id id;
	struct message_login m;
	reader_init(&r, blob, len);
	uint8_t version = reader_u8(&r);
	reader_copy(&r, id.bytes, ID_SIZE);
	uint64_t start = reader_u64(&r), opened_ns = reader_u64(&r);
	uint32_t shells = reader_u32(&r);
	size_t left = reader_left(&r);
	const uint8_t *rest = reader_bytes(&r, left);
	int result = r.error != 0 ? r.error
		: version != KEPT_VERSION ? ITM_EVERSION
		: message_decode_login(rest, left, &m, NULL);
	if (result != 0) {
		close(pidfd);
		return result;
	}
	struct login *l = add(t, &m, start, pidfd, &id);
	if (l == NULL)
		return ITM_ELIMIT;
	l->opened_ns = opened_ns;
	l->shells = shells;
	l->recalled = true;
	return 0;
}

void login_store_all(const struct login_table *t)
{
	for (const struct login *l = t->first; l != NULL; l = l->next)
		store(l);
}

void login_close(struct login_table *t)
{
	while (t->first != NULL)
		drop(t->first);
}
