/* itm-forwardd: ships the host's record to the server.  After start it is
 * itm-net, may read the spool and talk TCP; it writes nothing but its status
 * file and holds no key of the chain.  It faces the network: what it says of
 * receipts, the sealer checks. */
#include <getopt.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "agent/forwardd/forwarder.h"
#include "base/atomicfile.h"
#include "base/log.h"
#include "base/paths.h"
#include "base/sandbox.h"
#include "local/settings.h"
#include "local/supervisor.h"

enum { FORWARDD_PATH_SIZE = 320, FORWARDD_WORDS = 512 };

static const struct option options[] = {
	{ "config", required_argument, NULL, 'c' },
	{ "help", no_argument, NULL, 'h' },
	{ 0 },
};

static int forwardd_signals(void)
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

/* The folder of the status file, our own after we have given up root. */
static int forwardd_run_dir(const char *run, char status[FORWARDD_PATH_SIZE])
{
	char dir[FORWARDD_PATH_SIZE];
	snprintf(dir, sizeof dir, "%s/forwarder", run);
	snprintf(status, FORWARDD_PATH_SIZE, "%s/forwarder/status", run);
	int rc = atomicfile_mkdir(dir, 0755);
	const struct passwd *p = geteuid() == 0 ? getpwnam("itm-net") : NULL;
	if (rc == 0 && p != NULL && chown(dir, p->pw_uid, p->pw_gid) != 0)
		rc = ITM_ESYS;
	if (rc != 0)
		log_error("%s: %s", dir, error_text(rc));
	return rc;
}

static int forwardd_drop(void)
{
	static const char *const groups[] = { "itm-spool", NULL };
	int rc = geteuid() == 0 ? sandbox_become("itm-net", groups) : sandbox_no_core();
	if (rc == 0)
		rc = sandbox_restrict(SANDBOX_FORWARDER);
	if (rc != 0)
		log_error("giving up rights: %s", error_text(rc));
	return rc;
}

static int forwardd_run(const struct settings_agent *s)
{
	char status[FORWARDD_PATH_SIZE], words[FORWARDD_WORDS];
	const char *control = getenv("ITM_CONTROL");
	struct forwarder_config config = {
		.server = s->server, .status_path = status,
		.control_fd = control != NULL ? SUPERVISOR_CONTROL_FD : -1, .signal_fd = forwardd_signals(),
	};
	umask(0022);
	if (config.signal_fd < 0 || forwardd_run_dir(s->run, status) != 0)
		return EX_OSERR;
	if (s->server[0] != '\0') {
		config.tls = tls_context_new(s->tls_ca, s->tls_cert, s->tls_key, false, words, sizeof words);
		if (config.tls == NULL) {
			log_error("%s", words);
			return EX_CONFIG;
		}
	}
	int exit_status = EX_NOPERM;
	if (forwardd_drop() == 0) {
		config.walk = walk_new(s->spool);
		if (config.walk == NULL)
			log_error("%s: cannot be read", s->spool);
		else if (config.control_fd >= 0)
			supervisor_ready(config.control_fd);
		if (config.walk != NULL)
			exit_status = forwarder_run(&config) == 0 ? 0 : EX_OSERR;
	}
	walk_free(config.walk);
	tls_context_free(config.tls);
	return exit_status;
}

int main(int argc, char **argv)
{
	const char *path = PATHS_AGENT_CONF;
	struct settings_agent settings;
	char error[CONFIG_ERROR_SIZE];
	int option;
	log_open("itm-forwardd", 1);
	while ((option = getopt_long(argc, argv, "c:h", options, NULL)) != -1) {
		if (option != 'c') {
			fprintf(option == 'h' ? stdout : stderr, "usage: itm-forwardd [--config FILE]\n");
			return option == 'h' ? 0 : EX_USAGE;
		}
		path = optarg;
	}
	if (settings_read_agent(path, &settings, error) != 0) {
		log_error("%s", error);
		return EX_CONFIG;
	}
	return forwardd_run(&settings);
}
