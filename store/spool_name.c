#include "store/spool_name.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"

void spool_name_format(uint64_t number, char out[SPOOL_NAME_SIZE])
{
	(void)snprintf(out, SPOOL_NAME_SIZE, "seg-%016" PRIx64 ".itm", number);
}

int spool_name_parse(const char *name, uint64_t *number)
{
	uint64_t v = 0;
	if (strlen(name) != SPOOL_NAME_SIZE - 1 || strncmp(name, "seg-", 4) != 0 || strcmp(name + 20, ".itm") != 0)
		return ITM_EFORMAT;
	for (const char *c = name + 4; c < name + 20; c++) {
		const char *digits = "0123456789abcdef", *at = strchr(digits, *c);
		if (at == NULL)
			return ITM_EFORMAT;
		v = v << 4 | (uint64_t)(at - digits);
	}
	if (v == 0)
		return ITM_EFORMAT;
	*number = v;
	return 0;
}
