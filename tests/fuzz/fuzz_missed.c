/* Notes of missed logins: what decodes must encode to the same bytes again;
 * and the notes of a host's stream as the index reads them. */
#include <stdlib.h>
#include <string.h>

#include "local/missed.h"
#include "store/hostnote.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct missed m;
	struct index_event event = { 0 };
	struct fault fault;
	struct buffer b;
	const struct record_event note = { .kind = RECORD_NOTE, .code = len, .data = data, .len = len };

	buffer_init(&b, MISSED_SIZE_MAX);
	/* A NUL in the reason ends it: then the bytes may differ. */
	if (missed_decode(data, len, &m, &fault) == 0 && len <= MISSED_SIZE_MAX && missed_encode(&b, &m) == 0 &&
	    b.len == len && memcmp(b.data, data, len) != 0)
		abort();
	buffer_free(&b);
	if (hostnote_read(&note, 0, &event) == 0 && event.kind[0] == '\0')
		abort();
	return 0;
}
