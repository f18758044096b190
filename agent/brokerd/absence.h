/* absence: logins that pam_itm could tell nobody of, taken over from their
 * notes (local/missed.h) into the host's stream.  A note is deleted when its
 * event is durable; one that a crash leaves is told again, under its name. */
#ifndef ITM_AGENT_BROKERD_ABSENCE_H
#define ITM_AGENT_BROKERD_ABSENCE_H

#include <stdint.h>

#include "agent/brokerd/events.h"
#include "local/missed.h"

enum { ABSENCE_BATCH = 64 };     /* notes told before they are durable */

struct absence {
	struct events *events;
	const char *dir;
	int fd;                          /* of dir, owned; -1 = not usable */
	int64_t next_ms;                 /* when to look again */
	struct hoststream_mark mark;     /* of the batch that is on its way */
	int count;                       /* of it */
	char names[ABSENCE_BATCH][MISSED_NAME_SIZE];
};

/* Makes the folder. */
void absence_open(struct absence *a, struct events *events, const char *dir);
/* ms until it should be called again. */
int absence_tick(struct absence *a, int64_t now_ms);
void absence_close(struct absence *a);

#endif
