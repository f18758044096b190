/* itm-sealer: the only writer of the spool and the only holder of the block
 * key.  Started by itm-agentd.
 *
 * After its start it can write below the spool and its own run folder, and
 * answer on sockets it was given; no network, no other program. */
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "agent/sealer/loop.h"
#include "base/atomicfile.h"
#include "base/log.h"
#include "base/paths.h"
#include "base/sandbox.h"
#include "local/settings.h"

static int usage(FILE *out, int status)
{
	fputs("usage: itm-sealer [--config FILE]\n"
	      "Seals what the recorders hand over. Started by itm-agentd.\n", out);
	return status;
}

static int read_host_id(const char *path, struct id *out)
{
	struct buffer b;
	buffer_init(&b, 128);
	int r = atomicfile_read(path, &b);
	while (r == 0 && b.len > 0 && (b.data[b.len - 1] == '\n' || b.data[b.len - 1] == '\r'))
		b.len--;
	const char *text = r == 0 ? buffer_text(&b) : NULL;
	if (r == 0)
		r = text ? id_parse(text, out) : ITM_ENOMEM;
	buffer_free(&b);
	return r;
}

/* Keys and names, while we may still read them. */
static int acquire(const struct settings_agent *settings, struct sealer_config *out)
{
	int r = read_host_id(settings->host_id, &out->host);
	if (r != 0) {
		log_error("%s: no host id: %s", settings->host_id, error_text(r));
		return r;
	}
	r = sign_load_secret(settings->identity_key, &out->identity);
	if (r != 0) {
		log_error("%s: no identity key: %s", settings->identity_key, error_text(r));
		return r;
	}
	r = sign_load_public(settings->log_key, out->log_key);
	out->has_log_key = r == 0;
	if (r != 0 && r != ITM_ENOENT)
		log_error("%s: no log key: %s", settings->log_key, error_text(r));
	out->spool = settings->spool;
	out->block_interval_ms = (int64_t)settings->block_interval_ms;
	out->spool_segment = settings->spool_segment;
	out->spool_keep = settings->spool_keep;
	out->spool_max = settings->spool_max;
	out->spool_full = (enum space_policy)settings->spool_full;
	out->heartbeat_ms = (int64_t)settings->heartbeat_ms;
	return 0;
}

static int drop(void)
{
	static const char *const groups[] = { "itm-spool", NULL };
	int r = sandbox_no_core();
	if (r == 0)
		r = sandbox_become("itm-seal", groups);
	if (r != 0)
		log_error("cannot become itm-seal: %s", error_text(r));
	return r;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "config", required_argument, NULL, 'c' }, { "help", no_argument, NULL, 'h' }, { 0 },
	};
	static struct settings_agent settings;
	const char *path = PATHS_AGENT_CONF;
	char error[CONFIG_ERROR_SIZE], control[sizeof settings.run + 32], status[sizeof settings.run + 32];
	struct loop_config config = { .control_path = control, .status_path = status };

	for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1; ) {
		if (c == 'c')
			path = optarg;
		else
			return usage(c == 'h' ? stdout : stderr, c == 'h' ? 0 : EX_USAGE);
	}
	log_open("itm-sealer", 0);
	if (settings_read_agent(path, &settings, error) != 0) {
		log_error("%s", error);
		return EX_CONFIG;
	}
	(void)snprintf(control, sizeof control, "%s/agentd.sock", settings.run);
	(void)snprintf(status, sizeof status, "%s/sealer/status", settings.run);
	if (sign_init() != 0 || acquire(&settings, &config.sealer) != 0)
		return EX_CONFIG;
	if (drop() != 0)
		return EX_OSERR;
	if (sandbox_restrict(SANDBOX_SEALER) != 0) {
		log_error("cannot restrict itself: %s", error_text(ITM_ESYS));
		return EX_OSERR;
	}
	int r = loop_run(&config);
	sign_wipe(&config.sealer.identity, sizeof config.sealer.identity);
	return r == 0 ? 0 : EX_SOFTWARE;
}
