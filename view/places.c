#include "view/places.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/paths.h"
#include "view/say.h"

static int override(char *setting, size_t size, const char *value, const char *option, char *error)
{
	if (value == NULL)
		return 0;
	if (strlen(value) >= size) {
		snprintf(error, CONFIG_ERROR_SIZE, "--%s: the path is over %zu bytes", option, size - 1);
		return ITM_EINVAL;
	}
	memcpy(setting, value, strlen(value) + 1);
	return 0;
}

/* A configuration file that was named must be there. */
static int check_named(const char *path, const char *option, char *error)
{
	if (path == NULL || access(path, R_OK) == 0)
		return 0;
	snprintf(error, CONFIG_ERROR_SIZE, "--%s %.300s: cannot be read", option, path);
	return ITM_ENOENT;
}

/* A file that was not named and is broken must not keep anybody from looking
 * at the record: the defaults are used, and that is said. */
static int read_settings(const struct places_options *o, struct places *out, char *error)
{
	int r = settings_read_server(o->config ? o->config : PATHS_SERVER_CONF, &out->server, error);

	if (r == ITM_EFORMAT && o->config == NULL) {
		say_error("itm", "%s; using the defaults", error);
		r = settings_parse_server("defaults", "", 0, &out->server, error);
	}
	if (r != 0)
		return r;
	r = settings_read_agent(o->agent_config ? o->agent_config : PATHS_AGENT_CONF, &out->agent, error);
	if (r == ITM_EFORMAT && o->agent_config == NULL) {
		say_error("itm", "%s; using the defaults", error);
		r = settings_parse_agent("defaults", "", 0, &out->agent, error);
	}
	return r;
}

int places_load(const struct places_options *o, struct places *out, char error[CONFIG_ERROR_SIZE])
{
	int r;

	r = check_named(o->config, "config", error);
	if (r == 0)
		r = check_named(o->agent_config, "agent-config", error);
	if (r == 0)
		r = read_settings(o, out, error);
	if (r == 0)
		r = override(out->server.store, sizeof(out->server.store), o->store, "store", error);
	if (r == 0)
		r = override(out->server.index, sizeof(out->server.index), o->index, "index", error);
	if (r == 0)
		r = override(out->agent.spool, sizeof(out->agent.spool), o->spool, "spool", error);
	if (r != 0)
		return r;
	out->use_spool = o->spool != NULL;
	out->index_given = o->index != NULL || o->store == NULL;
	return 0;
}

bool places_is_store(const char *dir)
{
	char path[4096];
	int n = snprintf(path, sizeof(path), "%s/evidence.db", dir);

	return n > 0 && (size_t)n < sizeof(path) && access(path, F_OK) == 0;
}

bool places_is_spool(const char *dir)
{
	DIR *d = opendir(dir);
	struct dirent *e;
	bool found = false;

	if (d == NULL)
		return false;
	while (!found && (e = readdir(d)) != NULL)
		found = strncmp(e->d_name, "seg-", 4) == 0;
	closedir(d);
	return found;
}
