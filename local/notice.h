/* notice: alerts of the supervisor, which has no stream of its own.  It keeps
 * each for one of its children, under a key of its own, as it keeps
 * descriptors; the child puts it into its stream and has the key removed once
 * the alert is durable.  So none is lost with the child. */
#ifndef ITM_LOCAL_NOTICE_H
#define ITM_LOCAL_NOTICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "local/control.h"
#include "local/hoststream.h"
#include "local/kept.h"

enum { NOTICE_MAX = 64, NOTICE_SIZE = 1024 /* bytes of one, facts and name */ };

/* The supervisor's side.  0, ITM_ELIMIT when NOTICE_MAX wait, ITM_ENOMEM. */
int notice_keep(struct kept *k, uint64_t *number, enum alert a, const struct buffer *facts);

/* The child's side. */
struct notices {
	struct hoststream *stream;
	struct control *control;
	struct notice {
		char key[SUPERVISOR_KEY_MAX]; /* "" = free */
		char text[NOTICE_SIZE];
		bool told;
		struct hoststream_mark mark;
	} one[NOTICE_MAX];
};
void notices_init(struct notices *n, struct hoststream *stream, struct control *control);
/* Whether what the supervisor kept is an alert: then it is taken. */
bool notices_kept(struct notices *n, const char *key, const void *blob, size_t len);
/* Raise what waits, forget what is durable.  ms until the next look, -1 = none. */
int notices_tick(struct notices *n);

#endif
