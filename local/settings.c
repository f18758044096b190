#include "local/settings.h"

#include <stddef.h>
#include <string.h>

#include "base/error.h"
#include "base/paths.h"

#define KEYS "/etc/itm/keys"

#define TEXT(type, name) { #name, CONFIG_TEXT, offsetof(struct type, name), sizeof ((struct type *)0)->name, 0, 0, NULL }
#define LIST(type, name) { #name, CONFIG_LIST, offsetof(struct type, name), sizeof ((struct type *)0)->name, 0, 0, NULL }

static const char *const forwarding_words[] = { "record", "refuse", NULL }; /* by settings_forwarding */

static const char *const level_words[] = { "none", "poll", "connector", "fanotify", "audit", "bpf", NULL }; /* by settings_level */
static const char *const full_words[] = { "degrade", "block", "open", NULL }; /* by space_policy */

static const struct config_key agent_keys[] = {
	LIST(settings_agent, record),
	LIST(settings_agent, strict),
	LIST(settings_agent, break_glass),
	{ "forwarding", CONFIG_WORD, offsetof(struct settings_agent, forwarding), 0, 0, 0, forwarding_words },
	TEXT(settings_agent, notice),
	{ "pipe_limit", CONFIG_SIZE, offsetof(struct settings_agent, pipe_limit), 0, 0, 1ULL << 40, NULL },
	LIST(settings_agent, pipe_metadata),
	TEXT(settings_agent, server),
	TEXT(settings_agent, spool),
	{ "spool_segment", CONFIG_SIZE, offsetof(struct settings_agent, spool_segment), 0, 64 << 10, 64 << 20, NULL },
	{ "spool_max", CONFIG_SIZE, offsetof(struct settings_agent, spool_max), 0, 0, 1ULL << 50, NULL },
	{ "spool_full", CONFIG_WORD, offsetof(struct settings_agent, spool_full), 0, 0, 0, full_words },
	{ "spool_keep", CONFIG_SIZE, offsetof(struct settings_agent, spool_keep), 0, 0, 1ULL << 40, NULL },
	{ "monitor_level", CONFIG_WORD, offsetof(struct settings_agent, monitor_level), 0, 0, 0, level_words },
	TEXT(settings_agent, nss_users),
	TEXT(settings_agent, run),
	TEXT(settings_agent, identity_key),
	TEXT(settings_agent, host_id),
	TEXT(settings_agent, tls_key),
	TEXT(settings_agent, tls_cert),
	TEXT(settings_agent, tls_ca),
	TEXT(settings_agent, log_key),
	TEXT(settings_agent, keylist),
	TEXT(settings_agent, keylist_seen),
	TEXT(settings_agent, officer_key),
	LIST(settings_agent, watch_files),
	LIST(settings_agent, watch_secret),
	{ "watch_content", CONFIG_SIZE, offsetof(struct settings_agent, watch_content), 0, 0, 16 << 10, NULL },
	{ "block_interval", CONFIG_DURATION, offsetof(struct settings_agent, block_interval_ms), 0, 1000, 10000, NULL },
	{ "heartbeat", CONFIG_DURATION, offsetof(struct settings_agent, heartbeat_ms), 0, 1000, 3600000, NULL },
	{ "pulse", CONFIG_DURATION, offsetof(struct settings_agent, pulse_ms), 0, 200, 10000, NULL },
	{ 0 },
};

static const struct config_key server_keys[] = {
	TEXT(settings_server, listen),
	TEXT(settings_server, store),
	TEXT(settings_server, index),
	TEXT(settings_server, run),
	TEXT(settings_server, server_id),
	TEXT(settings_server, log_secret),
	TEXT(settings_server, log_public),
	TEXT(settings_server, approvers),
	TEXT(settings_server, tls_key),
	TEXT(settings_server, tls_cert),
	TEXT(settings_server, tls_ca),
	{ "checkpoint_interval", CONFIG_DURATION, offsetof(struct settings_server, checkpoint_interval_ms), 0, 100, 60000, NULL },
	{ "silence", CONFIG_DURATION, offsetof(struct settings_server, silence_ms), 0, 0, 86400000, NULL },
	{ "segment_size", CONFIG_SIZE, offsetof(struct settings_server, segment_size), 0, 4 << 20, 1 << 30, NULL },
	/* At least a day: "retention = 90" would be seconds, and the end of the store. */
	{ "retention", CONFIG_DURATION, offsetof(struct settings_server, retention_ms), 0, 86400000, 0, NULL },
	TEXT(settings_server, custody_group),
	LIST(settings_server, approval),
	{ 0 },
};

static const struct settings_agent agent_defaults = {
	.notice = "This session is recorded.",
	.pipe_limit = 1 << 20,
	.spool = PATHS_SPOOL,
	.nss_users = PATHS_NSS_USERS,
	.run = PATHS_RUN,
	.identity_key = KEYS "/identity.secret",
	.host_id = "/etc/itm/host-id",
	.tls_key = KEYS "/agent-tls.key",
	.tls_cert = KEYS "/agent-tls.crt",
	.tls_ca = KEYS "/ca.crt",
	.log_key = KEYS "/log.public",
	.keylist = PATHS_KEYLIST,
	.keylist_seen = PATHS_STATE "/keylist",
	.officer_key = PATHS_OFFICER,
	.watch_content = 16 << 10,
	.block_interval_ms = 5000,
	.heartbeat_ms = 30000,
	.monitor_level = SETTINGS_LEVEL_BPF,
	.pulse_ms = 5000,
	.spool_segment = 16 << 20,
	.spool_keep = 64 << 20,
};

static const struct settings_server server_defaults = {
	.listen = "127.0.0.1:7443",
	.store = PATHS_STORE,
	.index = PATHS_INDEX,
	.run = "/run/itm-server",
	.server_id = "/etc/itm/server-id",
	.log_secret = KEYS "/log.secret",
	.log_public = KEYS "/log.public",
	.tls_key = KEYS "/server-tls.key",
	.tls_cert = KEYS "/server-tls.crt",
	.tls_ca = KEYS "/ca.crt",
	.segment_size = 64 << 20,
	.checkpoint_interval_ms = 1000,
	.silence_ms = 60000,
};

int settings_read_agent(const char *path, struct settings_agent *out, char error[CONFIG_ERROR_SIZE])
{
	struct settings_agent s = agent_defaults;
	int r = config_read(path, agent_keys, &s, sizeof s, error);
	if (r != 0 && r != ITM_ENOENT)
		return r;
	*out = s;
	return 0;
}

int settings_read_server(const char *path, struct settings_server *out, char error[CONFIG_ERROR_SIZE])
{
	struct settings_server s = server_defaults;
	int r = config_read(path, server_keys, &s, sizeof s, error);
	if (r != 0 && r != ITM_ENOENT)
		return r;
	*out = s;
	return 0;
}

bool settings_lists(const char *list, const char *word)
{
	size_t len = strlen(word);

	for (const char *at = list; len > 0 && (at = strstr(at, word)) != NULL; at += len)
		if ((at == list || strchr(" ,", at[-1]) != NULL) && (at[len] == '\0' || strchr(" ,", at[len]) != NULL))
			return true;
	return false;
}

int settings_parse_agent(const char *name, const char *text, size_t len, struct settings_agent *out,
			 char error[CONFIG_ERROR_SIZE])
{
	struct settings_agent s = agent_defaults;
	int r = config_parse(name, text, len, agent_keys, &s, sizeof s, error);
	if (r == 0)
		*out = s;
	return r;
}

int settings_parse_server(const char *name, const char *text, size_t len, struct settings_server *out,
			  char error[CONFIG_ERROR_SIZE])
{
	struct settings_server s = server_defaults;
	int r = config_parse(name, text, len, server_keys, &s, sizeof s, error);
	if (r == 0)
		*out = s;
	return r;
}
