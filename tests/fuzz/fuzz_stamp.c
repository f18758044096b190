/* What openssl says of a time stamp: the time in it. */
#include <stdlib.h>
#include <string.h>

#include "cli/tsa.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	char *text = malloc(len + 1);

	if (text == NULL)
		return 0;
	memcpy(text, data, len);
	text[len] = '\0';
	if (tsa_time(text) >= 0 && strstr(text, "Time stamp: ") == NULL)
		abort();
	free(text);
	return 0;
}
