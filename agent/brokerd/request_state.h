/* request_state: the inside of a request, for request.c and request_start.c
 * alone. */
#ifndef ITM_AGENT_BROKERD_REQUEST_STATE_H
#define ITM_AGENT_BROKERD_REQUEST_STATE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "agent/brokerd/decide.h"
#include "agent/brokerd/launch.h"
#include "agent/brokerd/request.h"
#include "base/buffer.h"
#include "base/fdpass.h"

enum request_state {
	REQUEST_READING,                 /* its message has not come */
	REQUEST_PAIRING,                 /* the supervisor makes the way to the sealer */
	REQUEST_STARTING,                /* a child prepares the recorder */
};

struct request {
	struct request *next;
	struct request_table *table;
	enum request_kind kind;
	enum request_state state;
	int fd;                  /* of the connection, owned */
	struct loop_watch watch;
	struct fdpass_peer peer; /* its pidfd is owned */
	int64_t deadline_ms;
	int fds[3];              /* the stub's 0, 1, 2, owned; -1 */
	struct launch launch;
	struct buffer meta;
	char name[USERS_NAME_SIZE];
	bool login;              /* a PAM login was found */
	pid_t child;             /* 0 = none */
	int report;              /* from the child, owned; -1 */
	struct loop_watch report_watch;
	bool ready;
	bool greeted;            /* answered its KNOCK */
	bool is_login;           /* found to be an announced login's, when others of the uid crowded */
	bool shortage;           /* the host has run out of terminals, processes or room for the record */
	bool no_room;            /* of the last */
};

/* Out of the table, and freed with all it owns. */
void request_finish(struct request *r);
/* So many of one user's at once that their slowness is his own doing. */
bool request_crowds(const struct request *r);

/* What a shell is told when nothing fits into the spool. */
extern const char request_no_room[];
/* The stub's answer when there is no recorder, and the end of the request. */
void request_answer(struct request *r, enum message_mode mode, const char *shell, const char *notice);
/* The policy for a session that can't be recorded, and the end of the request. */
void request_without_recording(struct request *r, const char *why);
/* Begin to record: ask for the way to the sealer, and start the recorder when
 * it is there. */
void request_record(struct request *r, const struct decide *d);
void request_ask_for_pair(const struct request *r);
void request_launch(struct request *r);

#endif
