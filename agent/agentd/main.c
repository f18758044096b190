/* itm-agentd: starts and restarts the agent's processes and keeps their
 * sockets, so that none of them can take a session down with it.
 *
 * Stays root: it must start the broker as root.  It parses nothing but its
 * configuration and the length-checked messages of its own children. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "agent/agentd/guard.h"
#include "agent/agentd/places.h"
#include "agent/agentd/vault.h"
#include "base/atomicfile.h"
#include "base/log.h"
#include "base/paths.h"
#include "base/sandbox.h"
#include "local/supervisor.h"

enum { SLOT_SIZE = 8192 }; /* bytes; agent/sealer/slot.h */

struct agent {
	struct settings_agent settings;
	struct vault vault;
	struct guard guard;
	char config[PATH_MAX], control[300], status[300];
	char program[5][PATH_MAX];
};

struct arguments { const char *config, *programs, *pid_file; bool daemon; };

static const struct option options[] = {
	{ "config", required_argument, NULL, 'c' },
	{ "programs", required_argument, NULL, 'p' },
	{ "foreground", no_argument, NULL, 'f' },
	{ "daemon", no_argument, NULL, 'd' },
	{ "pid-file", required_argument, NULL, 'i' },
	{ "help", no_argument, NULL, 'h' },
	{ 0 },
};

static int usage(FILE *out, int status)
{
	fputs("usage: itm-agentd [--config FILE] [--foreground | --daemon [--pid-file FILE]] [--programs DIR]\n"
	      "Runs broker, sealer and forwarder of this host.\n", out);
	return status;
}

static int parse(int argc, char **argv, struct arguments *out)
{
	for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1; ) {
		switch (c) {
		case 'c': out->config = optarg; break;
		case 'p': out->programs = optarg; break;
		case 'f': out->daemon = false; break;
		case 'd': out->daemon = true; break;
		case 'i': out->pid_file = optarg; break;
		case 'h': return 1;
		default: return -1;
		}
	}
	return optind == argc ? 0 : -1;
}

static int store_one(int (*store)(void *, const char *, const void *, size_t, const int *, size_t),
		     void *handle, const char *key, int fd)
{
	if (fd < 0)
		return fd;
	int r = store(handle, key, NULL, 0, &fd, 1);
	close(fd); /* the supervisor keeps its own */
	return r;
}

/* What a child needs and does not have from before. */
static int prepare(void *context, const char *child,
		   int (*store)(void *, const char *, const void *, size_t, const int *, size_t), void *handle)
{
	struct agent *a = context;
	int r = 0;
	if (strcmp(child, "broker") == 0) {
		if (!supervisor_run_has(handle, "listen-pam"))
			r = store_one(store, handle, "listen-pam", places_listen(&a->settings, "pam.sock", 0600));
		if (r == 0 && !supervisor_run_has(handle, "listen-shell"))
			r = store_one(store, handle, "listen-shell", places_listen(&a->settings, "shell.sock", 0666));
	} else if (strcmp(child, "sealer") == 0 && !supervisor_run_has(handle, "slot")) {
		r = store_one(store, handle, "slot", vault_create(&a->vault, SLOT_SIZE));
	}
	return r;
}

static void stored(void *context, const char *child, const char *key, const int *fds, size_t count)
{
	struct agent *a = context;
	if (strcmp(child, "sealer") == 0 && strcmp(key, "slot") == 0 && count == 1 && vault_hold(&a->vault, fds[0]) != 0)
		log_error("the sealer's key slot cannot be locked: %s", error_text(ITM_ESYS));
}

static void look(void *context, void *handle)
{
	struct agent *a = context;
	guard_look(&a->guard, handle, supervisor_run_alert);
}

static int run(struct agent *a)
{
	const char *const broker[] = { "itm-brokerd", "--config", a->config, NULL };
	const char *const sealer[] = { "itm-sealer", "--config", a->config, NULL };
	const char *const forwarder[] = { "itm-forwardd", "--config", a->config, NULL };
	const char *const watcher[] = { "itm-watchd", "--config", a->config, NULL };
	const char *const files[] = { "itm-filed", "--config", a->config, NULL };
	const bool forwards = a->settings.server[0] != '\0';
	struct supervisor_child children[6] = {
		{ .name = "broker", .path = a->program[0], .argv = broker, .adopt = true, .pulse = true },
		{ .name = "sealer", .path = a->program[1], .argv = sealer, .adopt = true, .pulse = true, .user = "itm-seal" },
	};
	size_t count = 2;
	if (access(a->program[3], X_OK) == 0)
		children[count++] = (struct supervisor_child){ .name = "watcher", .path = a->program[3], .argv = watcher,
							       .adopt = true, .pulse = true, .user = "itm-watch" };
	if (access(a->program[4], X_OK) == 0)
		children[count++] = (struct supervisor_child){ .name = "files", .path = a->program[4], .argv = files,
							       .adopt = true, .pulse = true, .user = "itm-file" };
	if (forwards)
		children[count++] = (struct supervisor_child){ .name = "forwarder", .path = a->program[2],
							       .argv = forwarder, .pulse = true, .nice = SUPERVISOR_NICE };
	const struct supervisor_config config = {
		.children = children, .control_path = a->control, .status_path = a->status,
		.prepare = prepare, .stored = stored, .reporter = "broker", .pulse_ms = a->settings.pulse_ms,
		.look = look, .context = a,
	};
	return supervisor_run(&config);
}

/* In the background once everything that can be refused was. */
static int go_to_background(const struct arguments *arguments)
{
	if (daemon(0, 0) != 0)
		return ITM_ESYS;
	log_open("itm-agentd", 1);
	if (arguments->pid_file == NULL)
		return 0;
	char text[32];
	int n = snprintf(text, sizeof text, "%d\n", (int)getpid());
	return atomicfile_publish(arguments->pid_file, text, (size_t)n, 0644);
}

static int name_everything(struct agent *a, const struct arguments *arguments)
{
	static const char *const names[] = { "itm-brokerd", "itm-sealer", "itm-forwardd", "itm-watchd", "itm-filed" };
	const char *dir = arguments->programs ? arguments->programs : ITM_LIBEXECDIR;
	if (realpath(arguments->config, a->config) == NULL)
		(void)snprintf(a->config, sizeof a->config, "%s", arguments->config);
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		if ((size_t)snprintf(a->program[i], sizeof a->program[i], "%s/%s", dir, names[i]) >= sizeof a->program[i])
			return ITM_ELIMIT;
	(void)snprintf(a->control, sizeof a->control, "%s/agentd.sock", a->settings.run);
	(void)snprintf(a->status, sizeof a->status, "%s/agentd/status", a->settings.run);
	return 0;
}

int main(int argc, char **argv)
{
	static struct agent agent;
	struct arguments arguments = { .config = PATHS_AGENT_CONF };
	char error[CONFIG_ERROR_SIZE];

	int r = parse(argc, argv, &arguments);
	if (r != 0)
		return usage(r > 0 ? stdout : stderr, r > 0 ? 0 : EX_USAGE);
	log_open("itm-agentd", 0);
	if (settings_read_agent(arguments.config, &agent.settings, error) != 0) {
		log_error("%s", error);
		return EX_CONFIG;
	}
	if (geteuid() != 0) {
		log_error("must be started by root");
		return EX_NOPERM;
	}
	umask(022);
	if (name_everything(&agent, &arguments) != 0 || places_make(&agent.settings) != 0)
		return EX_OSERR;
	int lock = places_lock(&agent.settings);
	if (lock < 0)
		return lock == ITM_EBUSY ? EX_TEMPFAIL : EX_OSERR;
	if (sandbox_no_core() != 0 || (arguments.daemon && go_to_background(&arguments) != 0)) {
		log_error("cannot start: %s", error_text(ITM_ESYS));
		return EX_OSERR;
	}
	guard_open(&agent.guard, &agent.settings, agent.config, arguments.programs ? arguments.programs : ITM_LIBEXECDIR);
	r = run(&agent);
	if (r != 0)
		log_error("%s", error_text(r));
	if (arguments.pid_file != NULL)
		unlink(arguments.pid_file);
	close(lock);
	return r == 0 ? 0 : EX_SOFTWARE;
}
