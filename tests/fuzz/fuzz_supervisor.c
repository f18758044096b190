#include <stdint.h>
#include <stdlib.h>

#include "local/supervisor.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* What decodes encodes to the same bytes. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct supervisor_message m;
	struct fault fault = { 0 };
	struct buffer b;
	if (supervisor_decode(data, len, &m, &fault) != 0) {
		if (fault.reason == NULL)
			abort();
		return 0;
	}
	buffer_init(&b, 1 << 16);
	if (supervisor_encode(&b, &m) != 0 || b.len != len)
		abort();
	for (size_t i = 0; i < len; i++)
		if (b.data[i] != data[i])
			abort();
	buffer_free(&b);
	return 0;
}
