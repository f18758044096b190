#include "store/ingestd/peer.h"

#include <assert.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"

enum {
	PEER_TURN = 512 * 1024,      /* bytes read of one peer before the next has its turn */
	PEER_OUT_MAX = 256 * 1024,   /* bytes of answers; a host that reads none is slow */
	PEER_IN_OWN = 128 * 1024,    /* bytes of input that every peer may hold; for more it borrows */
	PEER_ROOM = 64 * 1024,       /* bytes read at a time: so much may come behind a message */
	PEER_LAST_MAX = 1024,
	PEER_HELLO_MAX = 1024,
	PEER_ADDRESS_SIZE = 80,
	PEER_CLOSE_MS = 2000,        /* to get an ERROR out before closing */
};

static_assert((size_t)LENDING_MAX >= (size_t)FORWARD_MAX + PEER_ROOM + 4, "the largest message can be received");

enum peer_state { PEER_HANDSHAKE, PEER_HELLO, PEER_OPEN, PEER_CLOSING };

struct peer {
	struct tls_link *link;
	uint64_t serial;
	enum peer_state state;
	struct id host;
	char name[PEER_ADDRESS_SIZE + ID_TEXT_SIZE + 2]; /* address, then host id, for the log */
	struct buffer in, out;
	struct buffer held;          /* answers of this turn */
	bool in_batch;               /* a group of this peer is in the open batch */
	struct answers answers;
	struct buffer last;          /* an ERROR, to stand after them */
	uint64_t heard_ms;           /* last byte came */
	uint64_t began_ms;           /* first byte of the message in `in` came */
	uint64_t sent_ms;            /* last byte of `out` went, or out became non-empty */
	uint64_t ping_ms, close_ms;
	bool more;
	struct loan loan;            /* of the service's memory, for the message in `in`; not read while it waits */
};

struct peer *peer_new(struct tls_link *link, const char *address, uint64_t serial, uint64_t now_ms)
{
	struct peer *p = calloc(1, sizeof *p);
	if (p == NULL) {
		tls_link_free(link);
		return NULL;
	}
	p->link = link;
	p->serial = serial;
	snprintf(p->name, sizeof p->name, "%.*s", PEER_ADDRESS_SIZE - 1, address);
	buffer_init(&p->in, PEER_IN_OWN);
	buffer_init(&p->out, PEER_OUT_MAX);
	buffer_init(&p->held, PEER_OUT_MAX);
	buffer_init(&p->last, PEER_LAST_MAX);
	p->heard_ms = p->began_ms = p->sent_ms = p->ping_ms = now_ms;
	return p;
}

void peer_free(struct peer *p, struct peer_service *s)
{
	if (p == NULL)
		return;
	lending_repay(&s->lending, &p->loan);
	tls_link_free(p->link);
	buffer_free(&p->in);
	buffer_free(&p->out);
	buffer_free(&p->held);
	buffer_free(&p->last);
	answers_free(&p->answers);
	free(p);
}

uint64_t peer_serial(const struct peer *p)
{
	return p->serial;
}

int peer_fd(const struct peer *p)
{
	return tls_link_fd(p->link);
}

const struct id *peer_host(const struct peer *p)
{
	return &p->host;
}

bool peer_ready(const struct peer *p)
{
	return p->more && p->state == PEER_OPEN && p->out.len <= PEER_OUT_MAX / 2;
}

short peer_events(const struct peer *p)
{
	if (p->state == PEER_HANDSHAKE)
		return tls_link_events(p->link);
	short events = p->out.len > 0 ? POLLOUT : 0;
	/* A host that doesn't read its receipts isn't read either. */
	if (p->state != PEER_CLOSING && p->out.len <= PEER_OUT_MAX / 2 && !p->loan.waits)
		events |= POLLIN;
	return events;
}

static bool peer_drop(const struct peer *p, const char *why)
{
	log_info("%s: %s", p->name, why);
	return false;
}

/* Say why, then close. */
static bool peer_refuse(struct peer *p, struct peer_service *s, enum forward_error_code code, const char *why,
			uint64_t now_ms)
{
	s->refused++;
	log_error("%s: refused: %s", p->name, why);
	if (!id_is_zero(&p->host) && code != FORWARD_E_UNKNOWN_HOST)
		evidence_event(s->evidence, &p->host, code == FORWARD_E_FORK ? "fork" : "refused", why);
	if (code == FORWARD_E_FORK)
		alarm_raise(s->alarm, ALERT_FORK, &p->host, why, now_ms);
	else if (code == FORWARD_E_REFUSED)
		alarm_raise(s->alarm, ALERT_EVIDENCE_REFUSED, &p->host, why, now_ms);
	p->state = PEER_CLOSING;
	p->close_ms = now_ms;
	p->in.len = 0;
	return forward_put_error(&p->last, code, why) == 0;
}

static bool peer_flush(struct peer *p, uint64_t now_ms)
{
	while (p->out.len > 0) {
		ssize_t n = tls_link_write(p->link, p->out.data, p->out.len);
		if (n == ITM_EBUSY)
			return true;
		if (n < 0)
			return peer_drop(p, tls_link_error(p->link));
		buffer_consume(&p->out, (size_t)n);
		p->sent_ms = now_ms;
	}
	return p->state != PEER_CLOSING;
}

/* Messages */

/* Who it is comes from the certificate, never from what it says. */
static bool peer_handshake(struct peer *p, struct peer_service *s, uint64_t now_ms)
{
	struct evidence_host h;
	char text[ID_TEXT_SIZE];
	int rc = tls_link_handshake(p->link);
	if (rc == ITM_EBUSY)
		return true;
	if (rc != 0)
		return peer_drop(p, tls_link_error(p->link));
	p->state = PEER_HELLO;
	p->heard_ms = p->began_ms = now_ms;
	if (tls_link_peer(p->link, &p->host) != 0)
		return peer_refuse(p, s, FORWARD_E_UNKNOWN_HOST, "the certificate names no host id", now_ms);
	id_format(&p->host, text);
	size_t used = strlen(p->name);
	snprintf(p->name + used, sizeof p->name - used, " %s", text);
	rc = evidence_host_get(s->evidence, &p->host, &h);
	if (rc == ITM_ENOENT) {
		evidence_host_import(s->evidence);
		rc = evidence_host_get(s->evidence, &p->host, &h);
	}
	if (rc == ITM_ENOENT)
		return peer_refuse(p, s, FORWARD_E_UNKNOWN_HOST, "not enrolled", now_ms);
	if (rc != 0)
		return peer_drop(p, error_text(rc));
	if (h.revoked)
		return peer_refuse(p, s, FORWARD_E_REVOKED, "revoked", now_ms);
	return true;
}

static bool peer_hello(struct peer *p, struct peer_service *s, const struct forward_message *m, uint64_t now_ms)
{
	struct forward_hello hello;
	struct evidence_host h;
	struct fault fault = { 0 };
	if (forward_hello(m, &hello, &fault) != 0)
		return peer_refuse(p, s, FORWARD_E_FORMAT, fault.reason, now_ms);
	if (hello.version != FORWARD_VERSION)
		return peer_refuse(p, s, FORWARD_E_VERSION, "a version of the protocol not known here", now_ms);
	int rc = evidence_host_get(s->evidence, &p->host, &h);
	if (rc != 0)
		return peer_drop(p, error_text(rc));
	struct forward_welcome welcome = {
		.version = FORWARD_VERSION, .last_sequence = h.last_sequence, .server = s->server,
	};
	memcpy(welcome.last_hash, h.last_hash, HASH_SIZE);
	if (hello.last_sequence < h.last_sequence) {
		char words[160];
		snprintf(words, sizeof words, "the host has blocks up to %" PRIu64 ", %" PRIu64 " are stored: its spool went back",
			 hello.last_sequence, h.last_sequence);
		log_error("%s: %s", p->name, words);
		evidence_event(s->evidence, &p->host, "behind", words);
		alarm_raise(s->alarm, ALERT_HOST_BEHIND, &p->host, words, now_ms);
	}
	if (hello.log_size > tlog_size(s->log)) {
		char words[160];
		snprintf(words, sizeof words, "the host has seen a log of %" PRIu64 " leaves, this one has %" PRIu64
			 ": it went back, or is another", hello.log_size, tlog_size(s->log));
		log_error("%s: %s", p->name, words);
		evidence_event(s->evidence, &p->host, "log-behind", words);
		alarm_raise(s->alarm, ALERT_LOG_BEHIND, &p->host, words, now_ms);
	}
	p->answers.seen = hello.log_size;
	evidence_host_seen(s->evidence, &p->host, clock_wall_ns());
	p->state = PEER_OPEN;
	p->ping_ms = now_ms;
	log_info("%s: connected; blocks stored %" PRIu64 ", on the host %" PRIu64, p->name, h.last_sequence,
		 hello.last_sequence);
	return forward_put_welcome(&p->out, &welcome) == 0;
}

static bool peer_group(struct peer *p, struct peer_service *s, const struct forward_message *m, uint64_t now_ms)
{
	struct intake_refusal refusal;
	if (!s->batch) {
		int rc = evidence_begin(s->evidence);
		if (rc != 0)
			return peer_drop(p, error_text(rc));
		s->batch = true;
	}
	p->in_batch = true;
	int rc = intake_group(s->intake, &p->host, m->payload, m->len, &p->answers, &refusal);
	if (rc == ITM_EPERM)
		return peer_refuse(p, s, refusal.code, refusal.text, now_ms);
	if (rc != 0) {
		log_error("%s: a group could not be stored: %s", p->name, error_text(rc));
		return false;
	}
	s->groups++;
	if (intake_stored(s->intake) != NULL)
		alarm_block(s->alarm, intake_stored(s->intake), now_ms);
	return true;
}

static bool peer_tail(struct peer *p, struct peer_service *s, const struct forward_message *m, uint64_t now_ms)
{
	struct intake_refusal refusal;
	if (intake_tail(s->intake, &p->host, m->payload, m->len, &refusal) != 0)
		return peer_refuse(p, s, refusal.code, refusal.text, now_ms);
	s->frames++;
	return true;
}

static bool peer_error(struct peer *p, const struct forward_message *m)
{
	struct forward_error error;
	if (forward_error(m, &error, NULL) == 0)
		log_info("%s: the host says: error %u: %s", p->name, error.code, error.text);
	return peer_drop(p, "closed by the host");
}

static bool peer_message(struct peer *p, struct peer_service *s, const struct forward_message *m, uint64_t now_ms)
{
	if (p->state == PEER_HELLO)
		return m->type == FORWARD_HELLO ? peer_hello(p, s, m, now_ms)
						: peer_refuse(p, s, FORWARD_E_FORMAT, "HELLO comes first", now_ms);
	switch (m->type) {
	case FORWARD_GROUP:
		return peer_group(p, s, m, now_ms);
	case FORWARD_TAIL:
		return peer_tail(p, s, m, now_ms);
	case FORWARD_PING:
		return forward_put(&p->held, FORWARD_PONG, NULL, 0) == 0;
	case FORWARD_PONG:
		return true;
	case FORWARD_ERROR:
		return peer_error(p, m);
	default:
		return peer_refuse(p, s, FORWARD_E_FORMAT, "a message hosts do not send", now_ms);
	}
}

/* Whether the message that has begun in `in` may be received: a large one
 * needs memory of all peers. */
static bool peer_borrow(struct peer *p, struct peer_service *s)
{
	size_t need = forward_size(p->in.data, p->in.len) + PEER_ROOM;
	if (need <= PEER_IN_OWN)
		return true;
	if (!lending_take(&s->lending, &p->loan, need))
		return false;
	p->in.max = p->loan.bytes;
	return true;
}

/* The large message is done: what came behind it goes into memory of its own. */
static bool peer_repay(struct peer *p, struct peer_service *s)
{
	struct buffer rest;
	buffer_init(&rest, PEER_IN_OWN);
	if (buffer_put(&rest, p->in.data, p->in.len) != 0) {
		buffer_free(&rest);
		return peer_drop(p, error_text(ITM_ENOMEM));
	}
	buffer_free(&p->in);
	p->in = rest;
	lending_repay(&s->lending, &p->loan);
	return true;
}

/* Whole messages of `in`; stops while too many answers wait. */
static bool peer_messages(struct peer *p, struct peer_service *s, uint64_t now_ms)
{
	size_t used = 0;
	bool keep = true;
	while (keep && (p->state == PEER_HELLO || p->state == PEER_OPEN) && p->held.len <= PEER_OUT_MAX / 4) {
		struct forward_message m;
		struct fault fault = { 0 };
		int rc = forward_next(p->in.data + used, p->in.len - used, &m, &fault);
		if (rc == ITM_EBUSY)
			break;
		if (rc != 0) {
			keep = peer_refuse(p, s, FORWARD_E_FORMAT, fault.reason, now_ms);
			break;
		}
		keep = peer_message(p, s, &m, now_ms);
		used += m.size;
	}
	if (p->state == PEER_CLOSING)
		used = p->in.len;
	if (used > 0)
		p->began_ms = now_ms;
	buffer_consume(&p->in, used);
	return keep && (used == 0 || p->loan.bytes == 0 || p->state == PEER_CLOSING || peer_repay(p, s));
}

static bool peer_read(struct peer *p, struct peer_service *s, uint64_t now_ms)
{
	size_t turn = 0;
	p->more = false;
	while (p->state == PEER_HELLO || p->state == PEER_OPEN) {
		/* A host says HELLO before it may take memory. */
		size_t room = p->state == PEER_HELLO ? 1024 : PEER_ROOM;
		if (turn >= PEER_TURN || p->held.len > PEER_OUT_MAX / 4) {
			p->more = true;
			return true;
		}
		if (p->state == PEER_HELLO && forward_size(p->in.data, p->in.len) > PEER_HELLO_MAX)
			return peer_drop(p, "HELLO is too long");
		if (!peer_borrow(p, s))
			return true;
		if (p->in.len + room > p->in.max)
			room = p->in.max - p->in.len;
		int rc = buffer_reserve(&p->in, room);
		if (rc != 0)
			return peer_drop(p, error_text(rc));
		ssize_t n = tls_link_read(p->link, p->in.data + p->in.len, room);
		if (n == ITM_EBUSY)
			return true;
		if (n < 0)
			return peer_drop(p, n == ITM_ECLOSED ? "closed by the host" : tls_link_error(p->link));
		if (p->in.len == 0)
			p->began_ms = now_ms;
		p->in.len += (size_t)n;
		turn += (size_t)n;
		p->heard_ms = now_ms;
		if (!peer_messages(p, s, now_ms))
			return false;
	}
	return true;
}

bool peer_work(struct peer *p, struct peer_service *s, short revents, uint64_t now_ms)
{
	if (revents & POLLNVAL)
		return false;
	if (p->loan.waits && (revents & (POLLHUP | POLLERR)))
		return peer_drop(p, "closed by the host");
	if (p->state == PEER_HANDSHAKE) {
		if (!peer_handshake(p, s, now_ms))
			return false;
		if (p->state == PEER_HANDSHAKE)
			return true;
	}
	if (revents & POLLOUT)
		if (!peer_flush(p, now_ms))
			return false;
	if (p->in.len > 0 && !peer_messages(p, s, now_ms))
		return false;
	return peer_read(p, s, now_ms);
}

bool peer_committed(struct peer *p, bool stored, uint64_t now_ms)
{
	if (p->in_batch && !stored)
		return peer_drop(p, "the store failed; the host sends again");
	p->in_batch = false;
	if (p->out.len == 0)
		p->sent_ms = now_ms;
	if (buffer_put(&p->out, p->held.data, p->held.len) != 0 || buffer_put(&p->out, p->last.data, p->last.len) != 0)
		return peer_drop(p, "reads no answers");
	buffer_clear(&p->held);
	buffer_clear(&p->last);
	return p->out.len == 0 ? p->state != PEER_CLOSING : peer_flush(p, now_ms);
}

bool peer_logged(struct peer *p, struct peer_service *s, uint64_t now_ms)
{
	size_t before = p->out.len;
	if (p->loan.waits && peer_borrow(p, s))
		p->more = true;
	if (p->state != PEER_OPEN || !p->answers.due)
		return true;
	int rc = answers_put(&p->answers, s->evidence, s->log, &p->host, &p->out);
	if (rc != 0) {
		log_error("%s: a receipt could not be made: %s", p->name, error_text(rc));
		return false;
	}
	if (before == 0)
		p->sent_ms = now_ms;
	return p->out.len == before || peer_flush(p, now_ms);
}

static bool peer_revoked(struct peer *p, struct peer_service *s)
{
	struct evidence_host h;
	return evidence_host_get(s->evidence, &p->host, &h) == 0 && h.revoked;
}

bool peer_tick(struct peer *p, struct peer_service *s, uint64_t now_ms)
{
	if (p->state == PEER_HANDSHAKE || p->state == PEER_HELLO)
		return now_ms - p->began_ms < PEER_HANDSHAKE_MS || peer_drop(p, "no handshake and HELLO in time");
	if (p->state == PEER_CLOSING)
		return now_ms - p->close_ms < PEER_CLOSE_MS;
	if (p->loan.waits) /* for us */
		p->heard_ms = p->began_ms = now_ms;
	if (now_ms - p->heard_ms >= PEER_SILENT_MS)
		return peer_drop(p, "silent");
	if (p->in.len > 0 && now_ms - p->began_ms >= PEER_SILENT_MS + p->in.len * 1000 / PEER_RATE)
		return peer_drop(p, "slow");
	if (p->out.len > 0 && now_ms - p->sent_ms >= PEER_SILENT_MS)
		return peer_drop(p, "reads no answers");
	if (now_ms - p->ping_ms < PEER_PING_MS)
		return true;
	p->ping_ms = now_ms;
	if (peer_revoked(p, s))
		return peer_refuse(p, s, FORWARD_E_REVOKED, "revoked", now_ms) && peer_committed(p, true, now_ms);
	if (p->out.len == 0)
		p->sent_ms = now_ms;
	return forward_put(&p->out, FORWARD_PING, NULL, 0) == 0 && peer_flush(p, now_ms);
}
