/* broker_line: what the broker says of sessions to a monitor without a map in
 * the kernel (monitor_line.h). */
#ifndef ITM_AGENT_WATCHD_BROKER_LINE_H
#define ITM_AGENT_WATCHD_BROKER_LINE_H

#include <stdbool.h>

#include "agent/watchd/eye.h"
#include "local/loop.h"

struct broker_line {
	struct loop *loop;
	struct eye *eye;
	struct loop_watch watch; /* fd owned; -1 = no broker */
	bool all;                /* those that ran when it was asked are known */
};

void broker_line_init(struct broker_line *l, struct loop *loop, struct eye *eye);
/* A new line; fd is taken. */
void broker_line_open(struct broker_line *l, int fd);
/* Take all that was said, before what the kernel says is read. */
void broker_line_read(struct broker_line *l);

#endif
