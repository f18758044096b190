#include "agent/forwardd/forwarder.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/forwardd/connect.h"
#include "agent/forwardd/sealer_link.h"
#include "base/atomicfile.h"
#include "base/clock.h"
#include "base/log.h"
#include "format/receipt.h"
#include "format/unit.h"
#include "net/forward.h"

enum {
	FORWARDER_RETRY_MIN_MS = 100, FORWARDER_RETRY_MAX_MS = 5000,
	FORWARDER_STEP_MS = 10000,   /* for each of: connect, handshake, WELCOME */
	FORWARDER_SILENT_MS = 45000, /* the server sends PING every 15 s */
	FORWARDER_STATUS_MS = 1000,
	FORWARDER_LOOK_MS = 200,     /* without a sealer: look at the spool this often */
	FORWARDER_OUT_LOW = 256 * 1024, /* bytes waiting below which more is made ready */
	FORWARDER_IN_MAX = 64 * 1024,   /* the server says little */
	FORWARDER_WORDS = 320,
};

enum forwarder_state { FORWARDER_IDLE, FORWARDER_CONNECT, FORWARDER_HANDSHAKE, FORWARDER_HELLO, FORWARDER_OPEN };

struct forwarder {
	const struct forwarder_config *config;
	struct sealer_link sealer;
	enum forwarder_state state;
	char host[CONNECT_NAME_SIZE], port[16];
	unsigned attempt;
	int fd;                      /* while connecting; later the link's */
	struct tls_link *link;
	struct buffer in, out;
	uint64_t since_ms, heard_ms, retry_ms, retry_at_ms, status_ms;
	bool stuck;                  /* the spool can't be sent on; until the next connection */
	bool stop;
	/* status */
	uint64_t sent, receipt, bytes, frames, errors;
	char words[FORWARDER_WORDS];
};

static uint64_t forwarder_now(void)
{
	return clock_boot_ns() / 1000000;
}

/* The link is lost, or never came: try again later, a little at random so that
 * a thousand hosts do not come back at one moment. */
static void forwarder_lost(struct forwarder *f, const char *why, uint64_t now_ms)
{
	/* One line for one trouble, however often it is met. */
	if (strcmp(f->words, why) != 0 && !f->stuck)
		log_error("%s:%s: %s", f->host, f->port, why);
	if (!f->stuck)
		snprintf(f->words, sizeof f->words, "%s", why);
	f->errors++;
	if (f->link != NULL)
		tls_link_free(f->link);
	else if (f->fd >= 0)
		close(f->fd);
	f->link = NULL;
	f->fd = -1;
	f->state = FORWARDER_IDLE;
	buffer_clear(&f->in);
	buffer_clear(&f->out);
	struct id random = id_random();
	f->retry_at_ms = now_ms + f->retry_ms * 3 / 4 + f->retry_ms * random.bytes[0] / 512;
	f->retry_ms = f->retry_ms * 2 < FORWARDER_RETRY_MAX_MS ? f->retry_ms * 2 : FORWARDER_RETRY_MAX_MS;
}

/* Connecting */

static void forwarder_connect(struct forwarder *f, uint64_t now_ms)
{
	f->since_ms = now_ms;
	int fd = connect_begin(f->host, f->port, f->attempt++);
	if (fd < 0) {
		forwarder_lost(f, fd == ITM_ENET ? "the server's name has no address" : error_text(fd), forwarder_now());
		return;
	}
	f->fd = fd;
	f->state = FORWARDER_CONNECT;
}

static void forwarder_connected(struct forwarder *f, uint64_t now_ms)
{
	int rc = connect_result(f->fd);
	if (rc != 0) {
		forwarder_lost(f, error_text(rc), now_ms);
		return;
	}
	f->link = tls_link_new(f->config->tls, f->fd, f->host);
	if (f->link == NULL) {
		f->fd = -1; /* the link took it */
		forwarder_lost(f, "no TLS session", now_ms);
		return;
	}
	f->state = FORWARDER_HANDSHAKE;
	f->since_ms = now_ms;
}

static void forwarder_handshake(struct forwarder *f, uint64_t now_ms)
{
	int rc = tls_link_handshake(f->link);
	if (rc == ITM_EBUSY)
		return;
	const struct forward_hello hello = { .version = FORWARD_VERSION, .last_sequence = walk_last(f->config->walk),
					     .log_size = f->sealer.log_size };
	if (rc == 0)
		rc = forward_put_hello(&f->out, &hello);
	if (rc != 0) {
		forwarder_lost(f, tls_link_error(f->link), now_ms);
		return;
	}
	f->state = FORWARDER_HELLO;
	f->since_ms = f->heard_ms = now_ms;
}

/* Messages.  Each returns NULL, or why the link must go. */

static const char *forwarder_welcome(struct forwarder *f, const struct forward_message *m)
{
	struct forward_welcome welcome;
	struct fault fault = { 0 };
	if (forward_welcome(m, &welcome, &fault) != 0)
		return fault.reason;
	if (welcome.version != FORWARD_VERSION)
		return "the server speaks another version";
	int rc = walk_resume(f->config->walk, welcome.last_sequence, welcome.last_hash);
	if (rc != 0)
		return error_text(rc);
	log_info("connected to %s:%s; it has blocks up to %" PRIu64, f->host, f->port, welcome.last_sequence);
	f->state = FORWARDER_OPEN;
	f->retry_ms = FORWARDER_RETRY_MIN_MS;
	if (!f->stuck)
		f->words[0] = '\0';
	f->stuck = false;
	if (f->receipt < welcome.last_sequence)
		f->receipt = welcome.last_sequence;
	return NULL;
}

/* The number is for the status only: whether the receipt is good, the sealer says. */
static void forwarder_receipt(struct forwarder *f, const struct forward_message *m, uint16_t unit_type)
{
	struct receipt r;
	if (unit_type == UNIT_RECEIPT && receipt_decode(m->payload, m->len, &r, NULL) == 0 &&
	    r.record.sequence > f->receipt) {
		f->receipt = r.record.sequence;
		walk_receipt(f->config->walk, f->receipt);
	}
	sealer_link_receipt(&f->sealer, unit_type, m->payload, m->len);
}

static const char *forwarder_refused(struct forwarder *f, const struct forward_message *m)
{
	static char words[FORWARDER_WORDS];
	struct forward_error error;
	if (forward_error(m, &error, NULL) != 0)
		return "the server refuses";
	snprintf(words, sizeof words, "the server refuses: %s (%u)", error.text, error.code);
	f->retry_ms = FORWARDER_RETRY_MAX_MS;
	return words;
}

static const char *forwarder_message(struct forwarder *f, const struct forward_message *m)
{
	if (m->type == FORWARD_ERROR)
		return forwarder_refused(f, m);
	if (f->state == FORWARDER_HELLO)
		return m->type == FORWARD_WELCOME ? forwarder_welcome(f, m) : "the server did not say WELCOME";
	switch (m->type) {
	case FORWARD_RECEIPT:
		forwarder_receipt(f, m, UNIT_RECEIPT);
		return NULL;
	case FORWARD_COUNTERSIGN:
		forwarder_receipt(f, m, UNIT_COUNTERSIGN);
		return NULL;
	case FORWARD_PING:
		return forward_put(&f->out, FORWARD_PONG, NULL, 0) == 0 ? NULL : "no room to answer";
	case FORWARD_PONG:
		return NULL;
	default:
		return "a message servers do not send";
	}
}

static const char *forwarder_messages(struct forwarder *f)
{
	size_t used = 0;
	const char *why = NULL;
	while (why == NULL && !sealer_link_busy(&f->sealer)) {
		struct forward_message m;
		struct fault fault = { 0 };
		int rc = forward_next(f->in.data + used, f->in.len - used, &m, &fault);
		if (rc == ITM_EBUSY)
			break;
		if (rc != 0) {
			why = fault.reason;
			break;
		}
		why = forwarder_message(f, &m);
		used += m.size;
	}
	buffer_consume(&f->in, used);
	return why;
}

static const char *forwarder_read(struct forwarder *f, uint64_t now_ms)
{
	const char *why = forwarder_messages(f);
	while (why == NULL && !sealer_link_busy(&f->sealer)) {
		if (buffer_reserve(&f->in, 4096) != 0)
			return "a message over the limit";
		ssize_t n = tls_link_read(f->link, f->in.data + f->in.len, 4096);
		if (n == ITM_EBUSY)
			return NULL;
		if (n < 0)
			return n == ITM_ECLOSED ? "closed by the server" : tls_link_error(f->link);
		f->in.len += (size_t)n;
		f->heard_ms = now_ms;
		why = forwarder_messages(f);
	}
	return why;
}

/* Sending */

static void forwarder_fill(struct forwarder *f)
{
	struct walk_message message;
	if (f->config->control_fd >= 0 && !f->sealer.durable_known)
		return;
	while (!f->stuck && f->out.len < FORWARDER_OUT_LOW) {
		size_t before = f->out.len;
		int rc = walk_next(f->config->walk, &f->out, &message);
		if (rc == 0)
			return;
		if (rc < 0) {
			/* Nothing that comes later can be sent without it. */
			f->stuck = true;
			f->retry_ms = FORWARDER_RETRY_MAX_MS;
			f->errors++;
			if (strcmp(f->words, walk_words(f->config->walk)) != 0)
				log_error("%s", walk_words(f->config->walk));
			snprintf(f->words, sizeof f->words, "%s", walk_words(f->config->walk));
			forward_put_error(&f->out, rc == ITM_EBUSY ? FORWARD_E_FORK : FORWARD_E_REFUSED, f->words);
			return;
		}
		f->bytes += f->out.len - before;
		if (message.group)
			f->sent = message.sequence;
		else
			f->frames++;
	}
}

static const char *forwarder_write(struct forwarder *f)
{
	for (;;) {
		if (f->state == FORWARDER_OPEN)
			forwarder_fill(f);
		if (f->out.len == 0)
			return NULL;
		ssize_t n = tls_link_write(f->link, f->out.data, f->out.len);
		if (n == ITM_EBUSY)
			return NULL;
		if (n < 0)
			return tls_link_error(f->link);
		buffer_consume(&f->out, (size_t)n);
	}
}

/* The loop */

static void forwarder_work(struct forwarder *f, uint64_t now_ms)
{
	if (f->state == FORWARDER_HANDSHAKE)
		forwarder_handshake(f, now_ms);
	if (f->state != FORWARDER_HELLO && f->state != FORWARDER_OPEN)
		return;
	const char *why = forwarder_read(f, now_ms);
	if (why == NULL)
		why = forwarder_write(f);
	if (why != NULL)
		forwarder_lost(f, why, now_ms);
}

static void forwarder_times(struct forwarder *f, uint64_t now_ms)
{
	if (f->state == FORWARDER_IDLE) {
		/* HELLO says how far the spool goes: that has to be known first. */
		if (f->config->server[0] != '\0' && now_ms >= f->retry_at_ms &&
		    (f->config->control_fd < 0 || f->sealer.durable_known))
			forwarder_connect(f, now_ms);
	} else if (f->state != FORWARDER_OPEN) {
		if (now_ms - f->since_ms >= FORWARDER_STEP_MS)
			forwarder_lost(f, "no answer in time", now_ms);
	} else if (now_ms - f->heard_ms >= FORWARDER_SILENT_MS) {
		forwarder_lost(f, "the server is silent", now_ms);
	}
}

static void forwarder_status(struct forwarder *f, uint64_t now_ms)
{
	struct buffer b;
	if (now_ms - f->status_ms < FORWARDER_STATUS_MS)
		return;
	f->status_ms = now_ms;
	buffer_init(&b, 4096);
	buffer_printf(&b, "connected=%s\nserver=%s\nlast_sent=%" PRIu64 "\nlast_receipt=%" PRIu64
		      "\noldest_unacknowledged_wall_ns=%" PRId64 "\nbytes=%" PRIu64 "\nframes=%" PRIu64 "\nerrors=%" PRIu64
		      "\nlast_error=%s\nwall_ns=%" PRId64 "\n",
		      f->state == FORWARDER_OPEN ? "yes" : "no", f->config->server, f->sent, f->receipt,
		      walk_wall_after(f->config->walk, f->receipt), f->bytes, f->frames, f->errors, f->words, clock_wall_ns());
	atomicfile_publish(f->config->status_path, b.data, b.len, 0644);
	buffer_free(&b);
}

static int forwarder_timeout(const struct forwarder *f, uint64_t now_ms)
{
	if (f->state == FORWARDER_IDLE && f->config->server[0] != '\0' &&
	    (f->config->control_fd < 0 || f->sealer.durable_known) && f->retry_at_ms < now_ms + FORWARDER_STATUS_MS)
		return f->retry_at_ms > now_ms ? (int)(f->retry_at_ms - now_ms) : 0;
	return f->config->control_fd < 0 ? FORWARDER_LOOK_MS : FORWARDER_STATUS_MS;
}

static short forwarder_events(const struct forwarder *f)
{
	if (f->state == FORWARDER_CONNECT)
		return POLLOUT;
	if (f->state == FORWARDER_HANDSHAKE)
		return tls_link_events(f->link);
	return (short)((sealer_link_busy(&f->sealer) ? 0 : POLLIN) | (f->out.len > 0 ? POLLOUT : 0));
}

static int forwarder_turn(struct forwarder *f)
{
	struct pollfd fds[] = {
		{ .fd = f->config->signal_fd, .events = POLLIN },
		{ .fd = f->config->control_fd, .events = POLLIN },
		{ .fd = f->sealer.fd, .events = (short)(POLLIN | (sealer_link_busy(&f->sealer) ? POLLOUT : 0)) },
		{ .fd = f->fd, .events = forwarder_events(f) },
	};
	bool look = f->config->control_fd < 0, unblocked = false;
	if (poll(fds, sizeof fds / sizeof *fds, forwarder_timeout(f, forwarder_now())) < 0)
		return errno == EINTR ? 0 : ITM_ESYS;
	uint64_t now_ms = forwarder_now();
	f->stop = fds[0].revents != 0;
	if (fds[2].revents != 0) {
		bool busy = sealer_link_busy(&f->sealer);
		sealer_link_flush(&f->sealer);
		unblocked = busy && !sealer_link_busy(&f->sealer);
		look |= sealer_link_read(&f->sealer);
		walk_limit(f->config->walk, f->sealer.segment, f->sealer.offset);
	}
	if (fds[1].revents != 0)
		sealer_link_control(&f->sealer);
	sealer_link_ask(&f->sealer, now_ms);
	/* The server must hear from where the sealer follows its log. */
	if (f->sealer.renewed && f->state == FORWARDER_OPEN)
		forwarder_lost(f, "the sealer asks for its receipts anew", now_ms);
	f->sealer.renewed = false;
	/* The client speaks first: a handshake that waits for the server to say something waits for ever. */
	if (f->state == FORWARDER_CONNECT && fds[3].revents != 0)
		forwarder_connected(f, now_ms);
	if (f->fd >= 0 && f->state != FORWARDER_CONNECT && (fds[3].revents != 0 || look || unblocked))
		forwarder_work(f, now_ms);
	forwarder_times(f, now_ms);
	forwarder_status(f, now_ms);
	f->stop |= f->sealer.stop;
	return 0;
}

int forwarder_run(const struct forwarder_config *config)
{
	struct forwarder *f = calloc(1, sizeof *f);
	if (f == NULL)
		return ITM_ENOMEM;
	f->config = config;
	f->fd = -1;
	f->retry_ms = FORWARDER_RETRY_MIN_MS;
	buffer_init(&f->in, FORWARDER_IN_MAX);
	buffer_init(&f->out, FORWARD_MAX + FORWARDER_OUT_LOW + 4096);
	sealer_link_init(&f->sealer, config->control_fd);
	int rc = config->server[0] == '\0' ? 0 : connect_split(config->server, f->host, f->port);
	if (rc != 0)
		log_error("server %s: not host:port", config->server);
	while (rc == 0 && !f->stop)
		rc = forwarder_turn(f);
	if (f->link != NULL)
		tls_link_free(f->link);
	else if (f->fd >= 0)
		close(f->fd);
	sealer_link_close(&f->sealer);
	buffer_free(&f->in);
	buffer_free(&f->out);
	free(f);
	return rc;
}
