/* Requests for a second person's approval: the approver is shown what a stranger
 * wrote, the server compares it with the act.  One request has one text. */
#include <stdlib.h>
#include <string.h>

#include "format/request.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct act *asked = malloc(sizeof *asked);
	struct buffer again;

	buffer_init(&again, REQUEST_MAX);
	if (asked != NULL && request_decode(data, len, asked, NULL) == 0) {
		if (request_encode(&again, asked) != 0 || again.len != len || memcmp(again.data, data, len) != 0)
			abort();
		if (strcspn(asked->reason, "\n\033") != strlen(asked->reason) || !request_is_by(asked, asked->uid, asked->login))
			abort();
		if (request_difference(asked, asked) != NULL)
			abort();
	}
	buffer_free(&again);
	free(asked);
	return 0;
}
