/* itm-server: the server on one machine: starts itm-ingestd and itm-indexd and
 * starts them again.  Stays root, since they give up root themselves; it reads
 * one configuration file and opens no socket to anybody but them. */
#include <getopt.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/atomicfile.h"
#include "base/error.h"
#include "base/log.h"
#include "base/paths.h"
#include "local/settings.h"
#include "local/supervisor.h"

enum { SERVER_PATH_SIZE = 320 };

static const struct option options[] = {
	{ "config", required_argument, NULL, 'c' },
	{ "libexec", required_argument, NULL, 'l' },
	{ "help", no_argument, NULL, 'h' },
	{ 0 },
};

/* A folder below run where one daemon may write its status. */
static int server_run_dir(const char *run, const char *name, const char *user)
{
	char path[SERVER_PATH_SIZE];
	snprintf(path, sizeof path, "%s/%s", run, name);
	int rc = atomicfile_mkdir(path, 0755);
	const struct passwd *p = geteuid() == 0 ? getpwnam(user) : NULL;
	if (rc == 0 && p != NULL && chown(path, p->pw_uid, p->pw_gid) != 0)
		rc = ITM_ESYS;
	if (rc != 0)
		log_error("%s: %s", path, error_text(rc));
	return rc;
}

static int server_run_dirs(const char *run)
{
	int rc = atomicfile_mkdir(run, 0755);
	if (rc != 0) {
		log_error("%s: %s", run, error_text(rc));
		return rc;
	}
	rc = server_run_dir(run, "ingest", "itm-ingest");
	return rc == 0 ? server_run_dir(run, "index", "itm-index") : rc;
}

static int server_run(const char *config, const char *libexec, const struct settings_server *s)
{
	char ingestd[SERVER_PATH_SIZE], indexd[SERVER_PATH_SIZE], status[SERVER_PATH_SIZE];
	snprintf(ingestd, sizeof ingestd, "%s/itm-ingestd", libexec);
	snprintf(indexd, sizeof indexd, "%s/itm-indexd", libexec);
	snprintf(status, sizeof status, "%s/status", s->run);
	const char *const ingestd_argv[] = { "itm-ingestd", "--config", config, NULL };
	const char *const indexd_argv[] = { "itm-indexd", "--config", config, NULL };
	const struct supervisor_child children[] = {
		{ .name = "ingestd", .path = ingestd, .argv = ingestd_argv, .nice = SUPERVISOR_NICE },
		{ .name = "indexd", .path = indexd, .argv = indexd_argv, .nice = SUPERVISOR_NICE },
		{ 0 },
	};
	const struct supervisor_config supervisor = { .children = children, .status_path = status };
	return supervisor_run(&supervisor);
}

int main(int argc, char **argv)
{
	const char *config = PATHS_SERVER_CONF, *libexec = ITM_LIBEXECDIR;
	struct settings_server settings;
	char error[CONFIG_ERROR_SIZE];
	int option;
	log_open("itm-server", 1);
	while ((option = getopt_long(argc, argv, "c:l:h", options, NULL)) != -1) {
		if (option == 'c') {
			config = optarg;
		} else if (option == 'l') {
			libexec = optarg;
		} else {
			fprintf(option == 'h' ? stdout : stderr, "usage: itm-server [--config FILE] [--libexec DIR]\n");
			return option == 'h' ? 0 : EX_USAGE;
		}
	}
	if (settings_read_server(config, &settings, error) != 0) {
		log_error("%s", error);
		return EX_CONFIG;
	}
	umask(0022);
	if (server_run_dirs(settings.run) != 0)
		return EX_CANTCREAT;
	return server_run(config, libexec, &settings) == 0 ? 0 : EX_OSERR;
}
