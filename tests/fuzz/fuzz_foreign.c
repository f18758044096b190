/* A recording of another program: the first byte says of which, then its
 * files, one after the other with NUL NUL between. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "format/frame.h"
#include "view/foreign.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

struct seen { bool head; uint64_t last_ms; };

static int take_head(void *context, const struct foreign_head *h)
{
	struct seen *s = context;

	if (s->head || h->columns > 1000 || h->rows > 500 || memchr(h->command, 0, sizeof h->command) == NULL)
		abort();
	s->head = true;
	return 0;
}

static int take_event(void *context, const struct record_event *e)
{
	struct seen *s = context;

	if (!s->head || e->time_ms < s->last_ms || e->len > FRAME_RUN_MAX / 2 || (e->data != NULL && e->code != e->len))
		abort();
	if (e->kind == RECORD_RESIZE && (e->code >> 16 == 0 || (e->code & 0xffff) == 0))
		abort();
	s->last_ms = e->time_ms;
	return 0;
}

static size_t part(const uint8_t *data, size_t len)
{
	const uint8_t *stop = memmem(data, len, "\0\0", 2);

	return stop != NULL ? (size_t)(stop - data) : len;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const char *const names[] = { "asciicast", "ttyrec", "typescript", "tlog", "sudo" };
	struct seen seen = { 0 };
	struct foreign_taker to = { take_head, take_event, &seen };
	struct foreign_input in = { 0 };
	struct fault fault = { 0, NULL };

	if (len == 0)
		return 0;
	unsigned which = (unsigned)(data[0] - '0') % 5;
	in.data = data + 1;
	in.len = len - 1;
	foreign_guess(in.data, in.len);
	if (which == 2 || which == 4) {
		in.len = part(data + 1, len - 1);
		if (in.len + 3 <= len) {
			in.timing = data + 1 + in.len + 2;
			in.timing_len = part(in.timing, len - in.len - 3);
		}
		if (in.timing != NULL && in.len + in.timing_len + 5 <= len) {
			in.log = (const uint8_t *)in.timing + in.timing_len + 2;
			in.log_len = len - in.len - in.timing_len - 5;
		}
	}
	if (foreign_find(names[which])->decode(&in, &to, &fault) == 0 && !seen.head)
		abort();
	return 0;
}
