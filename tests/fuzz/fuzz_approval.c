/* Requests to open keystrokes: the approver is shown what a stranger wrote. */
#include <stdlib.h>
#include <string.h>

#include "view/approval.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct approval_request r;
	char *text = malloc(len + 1);

	if (text == NULL)
		return 0;
	memcpy(text, data, len);
	text[len] = '\0';
	if (approval_decode(text, len, &r) == 0 && (r.reason[strcspn(r.reason, "\n")] != '\0' || strlen(r.session) + 1 != sizeof r.session))
		abort();
	free(text);
	return 0;
}
