/* loop: the sealer's sockets: control, recorders, forwarder. */
#ifndef ITM_SEALER_LOOP_H
#define ITM_SEALER_LOOP_H

#include "agent/sealer/sealer.h"

struct loop_config {
	struct sealer_config sealer;
	const char *control_path;    /* where to offer ourselves when the supervisor died */
	const char *status_path;
};
/* Runs until STOP or SIGTERM.  0, or ITM_E* when the process can't go on. */
int loop_run(struct loop_config *config);

#endif
