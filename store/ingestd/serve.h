/* serve: the loop of itm-ingestd: accepts, polls, shares one batch of the
 * store among the groups that came together, keeps time. */
#ifndef ITM_STORE_INGESTD_SERVE_H
#define ITM_STORE_INGESTD_SERVE_H

#include "local/settings.h"
#include "store/ingestd/peer.h"

enum { SERVE_PEERS_MAX = 512 };

struct serve_config {
	int listen_fd;
	int custody_fd;              /* -1 = none */
	const struct settings_server *settings;
	int audit_fd;                /* the audit door (auditor.h); -1 = none */
	int control_fd;              /* the supervisor's socket; -1 = none */
	int signal_fd;               /* readable: stop */
	struct tls_context *tls;
	struct evidence *evidence;
	struct id server;
	struct tlog *log;
	const struct sign_key *log_key;  /* declarations of removals are signed with it */
	uint64_t checkpoint_ms;      /* at most one checkpoint in this time */
	const char *status_path;     /* a key=value file, rewritten each second; NULL = none */
};

/* A listening socket for "host:port" ("[::1]:7443"); owned, or ITM_E*. */
int serve_listen(const char *address);
/* Until told to stop.  0 or ITM_E*. */
int serve_run(const struct serve_config *config);

#endif
