/* forwarder: keeps a TLS link to the server and sends what walk finds; passes
 * receipts on to the sealer, which alone judges them. */
#ifndef ITM_AGENT_FORWARDD_FORWARDER_H
#define ITM_AGENT_FORWARDD_FORWARDER_H

#include "agent/forwardd/walk.h"
#include "net/tls.h"

struct forwarder_config {
	const char *server;          /* host:port; "" = send nothing */
	struct tls_context *tls;     /* NULL with server "" */
	struct walk *walk;
	const char *status_path;
	int control_fd;              /* the supervisor; -1: alone, the whole spool is taken as durable */
	int signal_fd;
};

/* Until told to stop.  0 or ITM_E*. */
int forwarder_run(const struct forwarder_config *config);

#endif
