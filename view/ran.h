/* ran: what ran in a session, from the streams of the host's process monitor
 * beside it. */
#ifndef ITM_VIEW_RAN_H
#define ITM_VIEW_RAN_H

#include "view/locate.h"
#include "view/processes.h"

/* Adds all of them to p.  *count: process streams there were for that time; 0
 * of them = nobody watched.  0, or what processes_read and index_open say. */
int ran_read(struct processes *p, const struct places *places, const struct located *at, size_t *count);

/* Appends what s ran, in words safe for a terminal. */
void ran_put_command(struct buffer *b, const struct processes *p, const struct process_seen *s);

/* Each process below its parent; branch is drawn before it: "|  `- ".  Deeper
 * than RAN_DEPTH_MAX they are drawn at that depth.  Ends at the first error;
 * ITM_ENOMEM. */
enum { RAN_DEPTH_MAX = 64 };
typedef int ran_each(void *context, const struct processes *p, size_t at, const char *branch);
int ran_walk(const struct processes *p, ran_each *each, void *context);

#endif
