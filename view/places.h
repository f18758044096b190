/* places: where store, index, spool and keys are: from the command line, else
 * from server.conf and agent.conf, else the defaults. */
#ifndef ITM_VIEW_PLACES_H
#define ITM_VIEW_PLACES_H

#include <stdbool.h>

#include "local/settings.h"

/* What a command's options said; NULL = not given.  Embed it in the command's
 * settings and put PLACES_OPTIONS into its option table. */
struct places_options {
	const char *store, *index, *spool, *config, *agent_config;
};
#define PLACES_STORE(type, member) \
	{ "store", 0, "DIR", OPTIONS_TEXT, offsetof(struct type, member.store), 0, 0, "the server's store" }
#define PLACES_INDEX(type, member) \
	{ "index", 0, "DIR", OPTIONS_TEXT, offsetof(struct type, member.index), 0, 0, "the server's index" }
#define PLACES_SPOOL(type, member) \
	{ "spool", 0, "DIR", OPTIONS_TEXT, offsetof(struct type, member.spool), 0, 0, "read this host's spool instead" }
#define PLACES_CONFIG(type, member) \
	{ "config", 0, "FILE", OPTIONS_TEXT, offsetof(struct type, member.config), 0, 0, "instead of /etc/itm/server.conf" }
#define PLACES_AGENT_CONFIG(type, member) \
	{ "agent-config", 0, "FILE", OPTIONS_TEXT, offsetof(struct type, member.agent_config), 0, 0, "instead of /etc/itm/agent.conf" }

struct places {
	struct settings_server server;
	struct settings_agent agent;
	bool use_spool;          /* the caller asked for a spool */
	bool index_given;        /* --index or its default, but not --store alone */
};

/* 0, or ITM_E* with error in words. */
int places_load(const struct places_options *options, struct places *out, char error[CONFIG_ERROR_SIZE]);

/* Is there a store (evidence.db) / a spool (seg-*.itm) in dir? */
bool places_is_store(const char *dir);
bool places_is_spool(const char *dir);

#endif
