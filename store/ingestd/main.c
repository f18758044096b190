/* itm-ingestd: takes the record of the hosts over TLS, verifies it, stores it,
 * answers with receipts.  After start it is itm-ingest, may write below the
 * store only, opens no listening socket, runs no program; it holds the log key
 * and the server's TLS key in memory, never the CA's. */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/log.h"
#include "base/paths.h"
#include "base/sandbox.h"
#include "local/settings.h"
#include "local/supervisor.h"
#include "store/enroll.h"
#include "store/ingestd/auditor.h"
#include "store/ingestd/custodian.h"
#include "store/ingestd/serve.h"

enum { INGESTD_PATH_SIZE = 320, INGESTD_WORDS = 512 };

struct ingestd {
	struct settings_server settings;
	struct sign_key log_key;
	struct serve_config serve;
	char status[INGESTD_PATH_SIZE];
};

static const struct option options[] = {
	{ "config", required_argument, NULL, 'c' },
	{ "help", no_argument, NULL, 'h' },
	{ 0 },
};

static int ingestd_signals(void)
{
	sigset_t stop;
	sigemptyset(&stop);
	sigaddset(&stop, SIGTERM);
	sigaddset(&stop, SIGINT);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	if (sigprocmask(SIG_BLOCK, &stop, NULL) != 0)
		return -1;
	return signalfd(-1, &stop, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* Everything that needs root, or the configuration's secrets. */
static int ingestd_acquire(struct ingestd *d, const char *config)
{
	char words[INGESTD_WORDS];
	const char *control = getenv("ITM_CONTROL");
	struct settings_server *s = &d->settings;
	if (settings_read_server(config, s, words) != 0) {
		log_error("%s", words);
		return EX_CONFIG;
	}
	if (sign_init() != 0)
		return EX_SOFTWARE;
	int rc = sign_load_secret(s->log_secret, &d->log_key);
	if (rc != 0) {
		log_error("%s: %s: run `itm key init`", s->log_secret, error_text(rc));
		return EX_CONFIG;
	}
	rc = enroll_read_id(s->server_id, &d->serve.server);
	if (rc != 0) {
		log_error("%s: %s: run `itm key init`", s->server_id, error_text(rc));
		return EX_CONFIG;
	}
	d->serve.tls = tls_context_new(s->tls_ca, s->tls_cert, s->tls_key, true, words, sizeof words);
	if (d->serve.tls == NULL) {
		log_error("%s", words);
		return EX_CONFIG;
	}
	d->serve.listen_fd = serve_listen(s->listen);
	if (d->serve.listen_fd < 0) {
		log_error("listen %s: %s", s->listen, error_text(d->serve.listen_fd));
		return EX_OSERR;
	}
	d->serve.audit_fd = auditor_listen(s->run);
	if (d->serve.audit_fd < 0)
		return EX_OSERR;
	d->serve.custody_fd = custodian_listen(s);
	if (d->serve.custody_fd < 0)
		return EX_OSERR;
	d->serve.settings = s;
	d->serve.log_key = &d->log_key;
	d->serve.control_fd = control != NULL ? SUPERVISOR_CONTROL_FD : -1;
	d->serve.signal_fd = ingestd_signals();
	snprintf(d->status, sizeof d->status, "%s/ingest/status", s->run);
	d->serve.status_path = d->status;
	return d->serve.signal_fd < 0 ? EX_OSERR : 0;
}

static int ingestd_drop(void)
{
	static const char *const groups[] = { "itm-store", NULL };
	int rc = geteuid() == 0 ? sandbox_become("itm-ingest", groups) : sandbox_no_core();
	if (rc == 0)
		rc = sandbox_restrict(SANDBOX_SERVER);
	if (rc != 0)
		log_error("giving up rights: %s", error_text(rc));
	return rc;
}

static int ingestd_open(struct ingestd *d)
{
	int rc;
	/* Readers are in the group: files 0640, also those SQLite makes. */
	umask(0027);
	d->serve.evidence = evidence_open(d->settings.store, &d->serve.server, true, &rc);
	if (d->serve.evidence == NULL) {
		log_error("%s: %s", d->settings.store,
			  rc == ITM_EBUSY ? "another itm-ingestd has it" : error_text(rc));
		return rc;
	}
	evidence_set_segment_size(d->serve.evidence, d->settings.segment_size);
	d->serve.log = tlog_open(d->settings.store, d->serve.evidence, &d->serve.server, &d->log_key, &rc);
	if (d->serve.log == NULL)
		return rc;
	d->serve.checkpoint_ms = d->settings.checkpoint_interval_ms;
	return evidence_host_import(d->serve.evidence);
}

int main(int argc, char **argv)
{
	const char *config = PATHS_SERVER_CONF;
	struct ingestd d = { .serve = { .listen_fd = -1, .audit_fd = -1, .custody_fd = -1, .control_fd = -1, .signal_fd = -1 } };
	int option;
	log_open("itm-ingestd", 1);
	while ((option = getopt_long(argc, argv, "c:h", options, NULL)) != -1) {
		if (option != 'c') {
			fprintf(option == 'h' ? stdout : stderr, "usage: itm-ingestd [--config FILE]\n");
			return option == 'h' ? 0 : EX_USAGE;
		}
		config = optarg;
	}
	int exit_status = ingestd_acquire(&d, config);
	if (exit_status != 0)
		return exit_status;
	if (ingestd_drop() != 0 || ingestd_open(&d) != 0)
		return EX_NOPERM;
	if (d.serve.control_fd >= 0)
		supervisor_ready(d.serve.control_fd);
	log_info("listening on %s", d.settings.listen);
	int rc = serve_run(&d.serve);
	tlog_close(d.serve.log);
	evidence_close(d.serve.evidence);
	tls_context_free(d.serve.tls);
	sign_wipe(&d.log_key, sizeof d.log_key);
	close(d.serve.listen_fd);
	return rc == 0 ? 0 : EX_OSERR;
}
