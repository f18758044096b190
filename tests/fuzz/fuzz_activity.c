/* Activity as a server gets it, shown as JSON and as a line, and records as the
 * kernel's ring hands them to the monitor.  The first byte says which. */
#include <stdlib.h>
#include <string.h>

#include "agent/watchd/describe.h"
#include "format/activity.h"
#include "view/activities.h"
#include "view/processes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* What decodes and has no unknown field must encode to the same bytes or fewer. */
static void try_activity(const uint8_t *data, size_t len)
{
	struct activity_event e;
	struct processes p;
	struct buffer b;
	struct json j;

	if (activity_decode(data, len, &e, NULL) != 0)
		return;
	buffer_init(&b, 1 << 20);
	if (activity_put(&b, &e) == 0 && b.len > len)
		abort();
	buffer_clear(&b);
	json_init(&j, &b);
	(void)activities_json(&j, data, len);
	buffer_clear(&b);
	(void)activities_line(&b, data, len);
	buffer_free(&b);
	processes_init(&p);
	(void)processes_add(&p, &e, 1);
	processes_free(&p);
}

/* What a record becomes must decode. */
static void try_record(const uint8_t *data, size_t len)
{
	struct probe_head *h = malloc(len);
	struct describe_fds fds;
	struct activity_event e, again;
	struct buffer b;

	if (h == NULL || len < sizeof *h) {
		free(h);
		return;
	}
	memcpy(h, data, len);
	h->size = (uint32_t)len;
	buffer_init(&b, 1 << 20);
	if (describe_record(h, &fds, &e) == 0 && activity_put(&b, &e) == 0 && activity_decode(b.data, b.len, &again, NULL) != 0)
		abort();
	buffer_free(&b);
	free(h);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	if (len == 0)
		return 0;
	if (data[0] == 'r')
		try_record(data + 1, len - 1);
	else
		try_activity(data + 1, len - 1);
	return 0;
}
