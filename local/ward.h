/* ward: one child under supervision: its process, its control socket and what
 * is kept for it.  Knows the order of starting, stopping and waiting. */
#ifndef ITM_LOCAL_WARD_H
#define ITM_LOCAL_WARD_H

#include <stdbool.h>
#include <stdint.h>

#include "local/kept.h"
#include "local/process.h"
#include "local/supervisor.h"

enum {
	WARD_ORPHAN_MS = 3000,      /* for an orphan to come back by ADOPT */
	WARD_MESSAGE_SIZE = SUPERVISOR_BLOB_MAX + 4 * SUPERVISOR_KEY_MAX, /* bytes; no message is longer */
};

enum ward_state { WARD_DOWN, WARD_ORPHAN, WARD_STARTING, WARD_READY, WARD_GONE };

struct ward {
	const struct supervisor_child *spec;
	struct process process;
	int control;                /* -1 = none */
	struct kept kept;
	bool begun;                 /* BEGIN was sent (or the child is adopted) */
	enum ward_state state;
	bool changed;               /* state, since it was last written down */
	int64_t since_ms;           /* start of the process, or of waiting for the orphan */
	int64_t start_at_ms;        /* when DOWN */
	unsigned pause_ms, restarts;
	int64_t stop_since_ms;      /* 0 = not being stopped */
	int stop_step;
	int64_t asked_ms;           /* the last PING; 0 = none yet */
	unsigned unanswered;        /* PINGs since the last PONG */
	bool expected;              /* its death: we kill it to start a newer program */
	int64_t told_ms;            /* of its last death that was an alert */
	char how[64];               /* the last one came about */
	int64_t lost_ms;            /* control closed while the process lives */
};

int64_t ward_now_ms(void);      /* monotonic */
void ward_init(struct ward *w, const struct supervisor_child *spec);
void ward_free(struct ward *w); /* closes and forgets; the process lives on */
void ward_set_state(struct ward *w, enum ward_state state);

/* One message to a child.  As fdpass_send. */
int ward_send(int sock, int type, const char *key, const void *blob, size_t len, const int *fds, size_t count);
/* Send what the child does not have yet, then BEGIN; false when its socket is
 * full: call again when it can be written. */
bool ward_flush(struct ward *w);
bool ward_has_unsent(const struct ward *w);
void ward_close_control(struct ward *w);

/* Prepare and start it; when that fails it is tried again later. */
void ward_start(struct ward *w, const struct supervisor_config *config);
/* Plan its next start, with a growing pause after a short life. */
void ward_start_later(struct ward *w, bool short_life);
/* Its pidfd says it is dead.  again: it will be started again. */
void ward_died(struct ward *w, bool again);
/* Take over the process (it offered itself on fd, which is taken). */
void ward_adopt(struct ward *w, int fd, pid_t pid);

/* What its clock asks for; each returns when to look again (monotonic ms). */
int64_t ward_drive_stop(struct ward *w, int64_t now);    /* STOP, SIGTERM, SIGKILL */
int64_t ward_drive_orphan(struct ward *w, int64_t now);
int64_t ward_drive_lost(struct ward *w, int64_t now);    /* alive, but its control is closed */

#endif
