/* peer: one host's connection: handshake, HELLO, then groups and frames in,
 * receipts out.  Non-blocking; the caller polls and keeps time. */
#ifndef ITM_STORE_INGESTD_PEER_H
#define ITM_STORE_INGESTD_PEER_H

#include <stdbool.h>
#include <stdint.h>

#include "net/tls.h"
#include "store/ingestd/alarm.h"
#include "store/ingestd/intake.h"
#include "store/ingestd/lending.h"

enum {
	PEER_HANDSHAKE_MS = 10000,
	PEER_SILENT_MS = 30000,
	PEER_PING_MS = 15000,
	PEER_RATE = 16 * 1024,       /* bytes/s a message must come in at, on top of PEER_SILENT_MS */
};

/* What all peers share. */
struct peer_service {
	struct evidence *evidence;
	struct intake *intake;
	struct tlog *log;
	struct alarm *alarm;         /* NULL = none */
	struct id server;
	bool batch;                  /* a batch is open: groups were put */
	struct lending lending;
	uint64_t groups, frames, refused, blocks_again;
};

struct peer;
/* Takes link.  serial rises with every connection.  Owned. */
struct peer *peer_new(struct tls_link *link, const char *address, uint64_t serial, uint64_t now_ms);
uint64_t peer_serial(const struct peer *p);
void peer_free(struct peer *p, struct peer_service *s);
int peer_fd(const struct peer *p);
short peer_events(const struct peer *p);
/* Zero id before HELLO. */
const struct id *peer_host(const struct peer *p);

/* Work on what poll found: reads, judges, prepares answers.  Opens a batch for
 * groups; they are answered by peer_logged.  false: drop the peer
 * (the reason is logged). */
bool peer_work(struct peer *p, struct peer_service *s, short revents, uint64_t now_ms);
/* The batch is committed (or not: then the peer goes, the host sends again).
 * Sends what is waiting. */
bool peer_committed(struct peer *p, bool stored, uint64_t now_ms);
/* The log has a new checkpoint, or this peer asked again for an answer: sends
 * the receipts it covers. */
bool peer_logged(struct peer *p, struct peer_service *s, uint64_t now_ms);
/* Timers: silence, slowness, PING, revocation. */
bool peer_tick(struct peer *p, struct peer_service *s, uint64_t now_ms);
/* More input is at hand than one turn takes: don't sleep. */
bool peer_ready(const struct peer *p);

#endif
