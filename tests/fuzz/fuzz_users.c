/* A line of the users file, and the same bytes as both configurations. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "local/settings.h"
#include "local/users.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct users_entry e;
	struct settings_agent agent;
	struct settings_server server;
	char error[CONFIG_ERROR_SIZE];
	if (users_decode((const char *)data, len, &e) == 0 &&
	    (e.name[0] == '\0' || e.shell[0] != '/' || e.failure > USERS_BREAK_GLASS))
		abort();
	settings_parse_agent("fuzz", (const char *)data, len, &agent, error);
	settings_parse_server("fuzz", (const char *)data, len, &server, error);
	return 0;
}
