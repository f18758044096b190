#include "agent/sealer/loop.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "agent/sealer/courier.h"
#include "agent/sealer/report.h"
#include "agent/sealer/slot.h"
#include "base/fdpass.h"
#include "base/log.h"
#include "local/message.h"
#include "local/supervisor.h"

enum {
	CONTROL_SIZE = SUPERVISOR_BLOB_MAX + 4 * SUPERVISOR_KEY_MAX,
	EVENTS_MAX = 64,
	STREAM_TURN = 1 << 20,     /* bytes taken from one recorder before the others have their turn */
	OFFER_MS = 100,
	START_MS = 5000,           /* for the supervisor to hand over what it keeps */
	STOP_PATIENCE_MS = 2500,   /* before SIGTERM comes after STOP */
	ROOM_MS = 5000,            /* others fill the disk, too: it is looked at so often, */
	ROOM_FULL_MS = 500,        /* and so often while it is full */
};
static const char slot_key[] = "slot", forwarder_key[] = "forwarder", own_name[] = "sealer";

struct loop {
	struct loop_config *config;
	struct sealer *sealer;
	int epoll, control, signals, slot_fd;
	struct courier courier;
	bool began, stopping;
	int64_t offer_at_ms;
	struct report report;
	struct early { struct id id; bool vital; int fd; } *early; /* recorders' sockets that came before the sealer was open */
	size_t early_count;
	uint8_t *message;          /* MESSAGE_MAX bytes */
};

static int64_t now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int watch(struct loop *l, int fd, void *what)
{
	struct epoll_event e = { .events = EPOLLIN, .data.ptr = what };
	int flags = fcntl(fd, F_GETFL);
	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0)
		return ITM_ESYS;
	return epoll_ctl(l->epoll, EPOLL_CTL_ADD, fd, &e) == 0 ? 0 : ITM_ESYS;
}

static int send_numbers(int sock, enum message_type type, uint64_t a, uint64_t c)
{
	struct buffer b;
	buffer_init(&b, 256);
	int r = message_encode_numbers(&b, type, a, c);
	if (r == 0)
		r = fdpass_send(sock, b.data, b.len, NULL, 0);
	buffer_free(&b);
	return r;
}

/* ---- recorders ---- */

/* The supervisor holds the same open sockets: closing ours does not take them
 * out of epoll. */
static void unwatch(struct loop *l, int fd)
{
	(void)epoll_ctl(l->epoll, EPOLL_CTL_DEL, fd, NULL);
}

static void close_stream(struct loop *l, struct stream *st)
{
	if (st->sock < 0)
		return;
	unwatch(l, st->sock);
	close(st->sock);
	st->sock = -1;
	st->polled = false;
}

static int drop_stream(struct loop *l, struct stream *st, const char *why)
{
	close_stream(l, st);
	return sealer_lost(l->sealer, st, why);
}

static void set_polled(struct loop *l, struct stream *st, bool on)
{
	struct epoll_event e = { .events = EPOLLIN, .data.ptr = st };
	if (st->sock < 0 || st->polled == on)
		return;
	/* Out of epoll altogether: a hang-up would be reported in any case. */
	if (epoll_ctl(l->epoll, on ? EPOLL_CTL_ADD : EPOLL_CTL_DEL, st->sock, &e) == 0)
		st->polled = on;
}

/* A recorder that can't take it now is told in a later turn. */
static void tell_space(const struct loop *l, struct stream *st)
{
	enum space_level now = sealer_space(l->sealer);
	if (st->sock >= 0 && st->told != now && send_numbers(st->sock, MESSAGE_SPACE, now, l->config->sealer.spool_full) == 0)
		st->told = now;
}

/* Acks and endings, after something became durable. */
static void answer_streams(struct loop *l)
{
	struct stream *next;
	for (struct stream *st = sealer_streams(l->sealer); st != NULL; st = next) {
		next = st->next;
		tell_space(l, st);
		if (st->sock >= 0 && (st->durable > st->acked || (st->ack_due && st->durable > 0))) {
			int r = send_numbers(st->sock, MESSAGE_ACK, st->durable, 0);
			if (r == 0) {
				st->acked = st->durable;
				st->ack_due = false;
			} else if (r == ITM_ECLOSED) {
				st->acked = st->durable; /* its end is read in its turn */
			}
		}
		if (!sealer_done(st))
			continue;
		char key[ID_TEXT_SIZE];
		id_format(&st->id, key);
		if (l->control >= 0)
			(void)supervisor_remove(l->control, key);
		close_stream(l, st);
		sealer_forget(l->sealer, st);
	}
}

/* One message.  1 = taken, 0 = none there, ITM_E* = this process can't go on. */
static int read_stream_once(struct loop *l, struct stream *st, size_t *bytes)
{
	const uint8_t *payload;
	size_t len;
	struct fault fault = { .reason = "not a message" };
	char key[ID_TEXT_SIZE];

	ssize_t n = fdpass_recv(st->sock, l->message, MESSAGE_MAX, NULL, NULL);
	if (n == ITM_ESYS && errno == EAGAIN)
		return 0;
	if (n == ITM_ECLOSED || n == ITM_ESYS)
		return drop_stream(l, st, "recorder lost");
	int r = n < 0 ? (int)n : message_decode_bytes(l->message, (size_t)n, MESSAGE_FRAME, &payload, &len, &fault);
	if (r == 0)
		r = sealer_frame(l->sealer, st, payload, len, &fault);
	if (r == 0) {
		*bytes += (size_t)n;
		return 1;
	}
	if (r == ITM_ENOMEM || r == ITM_ESYS)
		return r;
	id_format(&st->id, key);
	log_error("%s: bad frame from its recorder at byte %" PRIu64 ": %s", key, fault.offset, fault.reason);
	return drop_stream(l, st, "bad message from the recorder");
}

static int read_stream(struct loop *l, struct stream *st)
{
	size_t bytes = 0;
	int r = 1;
	while (r == 1 && st->sock >= 0 && bytes < STREAM_TURN && sealer_accepting(l->sealer, st))
		r = read_stream_once(l, st, &bytes);
	return r < 0 ? r : 0;
}

static int add_stream(struct loop *l, const struct id *id, bool vital, int fd)
{
	struct stream *st = sealer_stream(l->sealer, id);
	if (st == NULL) {
		close(fd);
		return ITM_ENOMEM;
	}
	close_stream(l, st);
	if (watch(l, fd, st) != 0) {
		close(fd);
		return ITM_ESYS;
	}
	st->sock = fd;
	st->polled = true;
	st->vital = vital;
	/* A recorder begins with room; the broker may know of another time. */
	st->told = vital ? SPACE_LEVELS : SPACE_ROOM;
	return 0;
}

static int add_early(struct loop *l, const struct id *id, bool vital, int fd)
{
	struct early *more = realloc(l->early, (l->early_count + 1) * sizeof *more);
	if (more == NULL) {
		close(fd);
		return ITM_ENOMEM;
	}
	l->early = more;
	l->early[l->early_count++] = (struct early){ *id, vital, fd };
	return 0;
}

/* ---- control ---- */

static int take_slot(struct loop *l, int fd)
{
	if (l->slot_fd >= 0) {
		close(fd);
		return 0;
	}
	l->config->sealer.slot = slot_map(fd);
	if (l->config->sealer.slot == NULL) {
		log_error("the key slot is not usable: %s", error_text(ITM_ESYS));
		close(fd);
		return ITM_ESYS;
	}
	l->slot_fd = fd;
	return 0;
}

static int take_stream(struct loop *l, const struct supervisor_message *m, int fd)
{
	struct id id;
	if (m->blob_len != ID_SIZE && m->blob_len != ID_SIZE + 1) {
		log_error("%s: a stream without its id", m->key);
		close(fd);
		return 0;
	}
	memcpy(id.bytes, m->blob, ID_SIZE);
	bool vital = m->blob_len > ID_SIZE && m->blob[ID_SIZE] == MESSAGE_STREAM_VITAL;
	return l->sealer ? add_stream(l, &id, vital, fd) : add_early(l, &id, vital, fd);
}

static int take_kept(struct loop *l, const struct supervisor_message *m, int fd)
{
	if (strcmp(m->key, slot_key) == 0)
		return take_slot(l, fd);
	if (strcmp(m->key, forwarder_key) != 0)
		return take_stream(l, m, fd);
	courier_set(&l->courier, l->epoll, fd);
	if (l->sealer != NULL)
		courier_tell(&l->courier, l->sealer);
	return 0;
}

static int serve_message(struct loop *l, const struct supervisor_message *m, int *fds, size_t count)
{
	if (m->type == SUPERVISOR_KEPT && count == 1)
		return take_kept(l, m, fds[0]);
	for (size_t i = 0; i < count; i++)
		close(fds[i]);
	if (m->type == SUPERVISOR_BEGIN)
		l->began = true;
	else if (m->type == SUPERVISOR_PING)
		(void)supervisor_pong(l->control);
	else if (m->type == SUPERVISOR_STOP)
		l->stopping = true;
	return 0;
}

static void lose_control(struct loop *l)
{
	log_error("the supervisor is gone; going on, and waiting for the next one");
	close(l->control);
	l->control = -1;
	l->offer_at_ms = now_ms();
}

static int serve_control(struct loop *l)
{
	uint8_t data[CONTROL_SIZE];
	while (l->control >= 0) {
		struct supervisor_message m;
		int fds[SUPERVISOR_FDS_MAX];
		size_t count = SUPERVISOR_FDS_MAX;
		int r = supervisor_recv(l->control, data, sizeof data, &m, fds, &count);
		if (r == ITM_ESYS && errno == EAGAIN)
			return 0;
		if (r == 0)
			r = serve_message(l, &m, fds, count);
		else
			lose_control(l);
		if (r == ITM_ENOMEM)
			return r;
	}
	return 0;
}

/* Give a new supervisor everything the old one kept for us. */
static int hand_over(struct loop *l, int sock)
{
	int r = supervisor_store(sock, slot_key, NULL, 0, &l->slot_fd, 1);
	for (struct stream *st = sealer_streams(l->sealer); st != NULL && r == 0; st = st->next) {
		char key[ID_TEXT_SIZE];
		uint8_t blob[ID_SIZE + 1];
		id_format(&st->id, key);
		memcpy(blob, st->id.bytes, ID_SIZE);
		blob[ID_SIZE] = MESSAGE_STREAM_VITAL;
		if (st->sock >= 0)
			r = supervisor_store(sock, key, blob, ID_SIZE + (st->vital ? 1 : 0), &st->sock, 1);
	}
	return r ? r : supervisor_ready(sock);
}

static void offer(struct loop *l)
{
	l->offer_at_ms = now_ms() + OFFER_MS;
	int sock = supervisor_offer(l->config->control_path, own_name);
	if (sock < 0)
		return;
	if (hand_over(l, sock) != 0 || watch(l, sock, &l->control) != 0) {
		close(sock);
		return;
	}
	l->control = sock;
	log_info("a new supervisor is there");
}

/* ---- the loop ---- */

static int serve_event(struct loop *l, const struct epoll_event *e)
{
	if (e->data.ptr == &l->control)
		return serve_control(l);
	if (e->data.ptr == &l->courier) {
		if (l->sealer != NULL) /* before that, epoll tells again */
			courier_read(&l->courier, l->sealer, l->message);
		return 0;
	}
	if (e->data.ptr == &l->signals) {
		struct signalfd_siginfo info;
		while (read(l->signals, &info, sizeof info) == sizeof info)
			l->stopping |= info.ssi_signo != SIGHUP;
		return 0;
	}
	return read_stream(l, e->data.ptr);
}

static void poll_streams(struct loop *l)
{
	for (struct stream *st = sealer_streams(l->sealer); st != NULL; st = st->next)
		set_polled(l, st, sealer_accepting(l->sealer, st));
}

static int turn(struct loop *l)
{
	struct epoll_event events[EVENTS_MAX];
	int64_t wait_ms;
	bool progress;

	int r = sealer_turn(l->sealer, &wait_ms, &progress);
	if (r != 0)
		return r;
	answer_streams(l);
	courier_tell(&l->courier, l->sealer);
	poll_streams(l);
	if (l->control < 0) {
		if (now_ms() >= l->offer_at_ms)
			offer(l);
		wait_ms = l->control < 0 && wait_ms > OFFER_MS ? OFFER_MS : wait_ms;
	}
	int64_t room_ms = sealer_space(l->sealer) >= SPACE_FULL ? ROOM_FULL_MS : ROOM_MS;
	wait_ms = room_ms < wait_ms ? room_ms : wait_ms;
	int64_t report_ms = report_publish(&l->report, l->sealer, l->config->status_path, now_ms());
	if (report_ms < wait_ms)
		wait_ms = report_ms;
	int n = epoll_wait(l->epoll, events, EVENTS_MAX, (int)wait_ms);
	/* A stream is freed only in answer_streams, so no event here is stale. */
	for (int i = 0; i < n && r == 0; i++)
		r = serve_event(l, &events[i]);
	return r;
}

static int await_begin(struct loop *l)
{
	int64_t until = now_ms() + START_MS;
	while (!l->began && !l->stopping && l->control >= 0) {
		struct epoll_event e;
		int64_t left = until - now_ms();
		if (left <= 0)
			return ITM_ETIMEOUT;
		int n = epoll_wait(l->epoll, &e, 1, (int)left);
		int r = n == 1 ? serve_event(l, &e) : 0;
		if (r != 0)
			return r;
	}
	return l->began && l->config->sealer.slot != NULL ? 0 : ITM_ECLOSED;
}

static int open_sealer(struct loop *l)
{
	int r = 0;
	struct id *live = calloc(l->early_count + 1, sizeof *live);
	if (live == NULL)
		return ITM_ENOMEM;
	for (size_t i = 0; i < l->early_count; i++)
		live[i] = l->early[i].id;
	l->sealer = sealer_open(&l->config->sealer, live, l->early_count, &r);
	free(live);
	if (l->sealer == NULL)
		return r;
	for (; l->early_count > 0 && r == 0; l->early_count--) {
		const struct early *e = &l->early[l->early_count - 1];
		r = add_stream(l, &e->id, e->vital, e->fd);
		struct stream *st = sealer_stream(l->sealer, &e->id);
		if (r != 0 || st == NULL)
			continue;
		st->resuming = true;
		st->told = SPACE_LEVELS; /* whatever the sealer before us said */
		(void)send_numbers(st->sock, MESSAGE_RESUME_FROM, st->accepted, 0);
	}
	return r ? r : supervisor_ready(l->control);
}

static int open_loop(struct loop *l)
{
	sigset_t signals;
	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGHUP);
	l->epoll = epoll_create1(EPOLL_CLOEXEC);
	l->signals = sigprocmask(SIG_BLOCK, &signals, NULL) == 0 ? signalfd(-1, &signals, SFD_CLOEXEC) : -1;
	l->message = malloc(MESSAGE_MAX);
	if (l->message == NULL)
		return ITM_ENOMEM;
	if (l->epoll < 0 || l->signals < 0 || watch(l, l->signals, &l->signals) != 0 ||
	    watch(l, l->control, &l->control) != 0)
		return ITM_ESYS;
	return 0;
}

static void close_loop(struct loop *l)
{
	sealer_free(l->sealer);
	slot_unmap(l->config->sealer.slot);
	for (size_t i = 0; i < l->early_count; i++)
		close(l->early[i].fd);
	free(l->early);
	free(l->message);
	courier_close(&l->courier);
	const int fds[] = { l->slot_fd, l->signals, l->epoll, l->control };
	for (size_t i = 0; i < sizeof fds / sizeof fds[0]; i++)
		if (fds[i] >= 0)
			close(fds[i]);
}

int loop_run(struct loop_config *config)
{
	struct loop l = { .config = config, .epoll = -1, .control = SUPERVISOR_CONTROL_FD, .signals = -1,
			  .courier = { .fd = -1 }, .slot_fd = -1 };
	int r = open_loop(&l);
	if (r == 0)
		r = await_begin(&l);
	if (r == 0 && !l.stopping)
		r = open_sealer(&l);
	if (r != 0)
		log_error("cannot start: %s", error_text(r));
	while (r == 0 && !l.stopping)
		r = turn(&l);
	if (l.sealer != NULL && l.stopping && r == 0) {
		r = sealer_stop(l.sealer, STOP_PATIENCE_MS);
		answer_streams(&l);
		courier_tell(&l.courier, l.sealer);
		(void)report_publish(&l.report, l.sealer, config->status_path, INT64_MAX);
		log_info("stopped: %s", r == 0 ? "all is signed" : error_text(r));
	}
	close_loop(&l);
	return r;
}
