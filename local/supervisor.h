/* supervisor: starts and restarts a set of child programs and keeps
 * descriptors for them, so that a restarted child goes on where the old one
 * stopped.  Used by itm-agentd and itm-server.
 *
 * Each child gets a SEQPACKET control socket as descriptor 3 (and the
 * environment variable ITM_CONTROL=3).  Over it:
 *   child -> supervisor
 *     STORE  u16 key length, key, u32 blob length, blob (+ up to 4 descriptors):
 *            keep these under key, replacing what was there
 *     REMOVE key
 *     PAIR   target child's name, key, blob: make a SEQPACKET pair; one end is
 *            stored for the target under key and delivered to it as KEPT, the
 *            other comes back to the asker as PAIRED (same key); the supervisor
 *            keeps only the target's end, so the target sees end of file when
 *            the asker's side is gone
 *     READY  start-up is over
 *     PONG   the answer to PING
 *   supervisor -> child
 *     KEPT   key, blob, descriptors: one for each stored entry at start, then
 *     BEGIN  that was all of them
 *     PAIRED key (+ 1 descriptor)
 *     PING   once READY, if the child answers such: it lives and reads
 *     STOP   end in good order (then SIGTERM after 3 s, SIGKILL after 5 s)
 * End of file on the control socket means the supervisor died: a child either
 * exits, or (children marked `adopt`) keeps working and offers itself again:
 * it connects to the control path every 100 ms and sends ADOPT name, then
 * STORE for everything it has, then READY.  The supervisor finds orphans by
 * the pids in the status file its predecessor left: an `adopt` child is given
 * 3 s to come back, any other is ended before a new one is started. */
#ifndef ITM_LOCAL_SUPERVISOR_H
#define ITM_LOCAL_SUPERVISOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"
#include "format/alert.h"

enum {
	SUPERVISOR_STORE = 30, SUPERVISOR_REMOVE = 31, SUPERVISOR_PAIR = 32, SUPERVISOR_READY = 33,
	SUPERVISOR_KEPT = 34, SUPERVISOR_BEGIN = 35, SUPERVISOR_PAIRED = 36, SUPERVISOR_STOP = 37,
	SUPERVISOR_ADOPT = 38, SUPERVISOR_PING = 39, SUPERVISOR_PONG = 40,
	SUPERVISOR_KEY_MAX = 64, SUPERVISOR_BLOB_MAX = 4096, SUPERVISOR_FDS_MAX = 4,
	SUPERVISOR_CONTROL_FD = 3,
	SUPERVISOR_NICE = 10,        /* for what may wait: forwarding, storing, indexing */
};

struct supervisor_message {
	int type;
	char name[SUPERVISOR_KEY_MAX];   /* PAIR: target; ADOPT: own name; else "" */
	char key[SUPERVISOR_KEY_MAX];
	const uint8_t *blob;             /* borrowed */
	size_t blob_len;
};
int supervisor_encode(struct buffer *b, const struct supervisor_message *m);
int supervisor_decode(const void *data, size_t len, struct supervisor_message *out, struct fault *fault);

/* The supervising side. */
struct supervisor_child {
	const char *name;          /* "sealer" */
	const char *path;          /* program */
	const char *const *argv;   /* NULL-ended, argv[0] first */
	bool adopt;                /* outlives us and may come back */
	const char *user;          /* account it runs as, for the check of ADOPT; NULL = root */
	bool pulse;                /* answers PING */
	int nice;                  /* 0..19, setpriority(2): work that may wait for the users' */
};
struct supervisor_config {
	const struct supervisor_child *children; /* name NULL ends */
	const char *control_path;  /* for ADOPT; NULL = none */
	const char *status_path;   /* a `key=value` file, rewritten on change */
	/* Called before each start of a child with the supervisor's own means to
	 * store descriptors for it (listening sockets, the key slot); may be NULL. */
	int (*prepare)(void *context, const char *child,
		       int (*store)(void *handle, const char *key, const void *blob, size_t len, const int *fds, size_t count),
		       void *handle);
	/* A child stored something (also when it came back by ADOPT); may be NULL. */
	void (*stored)(void *context, const char *child, const char *key, const int *fds, size_t count);
	/* The child that puts our alerts into the record (notice.h); NULL = none. */
	const char *reporter;
	uint64_t pulse_ms;         /* between two PING; 0 = none */
	/* Called about every pulse_ms: what else there is to look after; it may
	 * raise alerts by supervisor_run_alert(handle, ...).  May be NULL. */
	void (*look)(void *context, void *handle);
	void *context;
};
void supervisor_run_alert(void *handle, enum alert a, const struct buffer *facts);
/* In prepare: whether something is stored under key already. */
bool supervisor_run_has(void *handle, const char *key);
/* Runs until SIGTERM or SIGINT; SIGHUP is passed on to the children.  SIGUSR2
 * ends the supervisor alone: children marked `adopt` wait for the next one,
 * which starts those anew whose program was replaced meanwhile.  A child
 * that dies is started again at once, then with growing pauses up to 1 s when
 * it dies within 1 s of its start.  0 or ITM_ESYS. */
int supervisor_run(const struct supervisor_config *config);

/* The child's side.  sock is SUPERVISOR_CONTROL_FD or, after adoption, new. */
int supervisor_store(int sock, const char *key, const void *blob, size_t len, const int *fds, size_t count);
int supervisor_remove(int sock, const char *key);
int supervisor_pair(int sock, const char *target, const char *key, const void *blob, size_t len);
int supervisor_ready(int sock);
int supervisor_pong(int sock);
/* Connect to a new supervisor and say ADOPT.  Owned socket or ITM_E*. */
int supervisor_offer(const char *control_path, const char *name);
/* Receive one message; fds/fd_count as fdpass_recv, data is the caller's
 * buffer which out->blob points into.  0, ITM_ECLOSED, ITM_E*. */
int supervisor_recv(int sock, void *data, size_t size, struct supervisor_message *out, int *fds, size_t *fd_count);

#endif
