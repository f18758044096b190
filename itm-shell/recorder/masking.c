#include "itm-shell/recorder/masking.h"

#include <string.h>

enum { STATE_ECHO = 1, STATE_ICANON = 2, STATE_ISIG = 4 }; /* record.h, TTYSTATE */

uint32_t masking_state(tcflag_t local_modes)
{
	return (local_modes & ECHO ? STATE_ECHO : 0) | (local_modes & ICANON ? STATE_ICANON : 0) |
	       (local_modes & ISIG ? STATE_ISIG : 0);
}

bool masking_hides(uint32_t state)
{
	return (state & (STATE_ECHO | STATE_ICANON)) == STATE_ICANON;
}

static size_t release(struct masking *m, struct masking_event *out)
{
	if (m->held == 0)
		return 0;
	*out = (struct masking_event){ RECORD_MASKED, m->held };
	m->held = 0;
	return 1;
}

size_t masking_observe(struct masking *m, uint32_t state, struct masking_event out[MASKING_EVENTS_MAX])
{
	m->state = state;
	return masking_hides(state) ? 0 : release(m, out);
}

size_t masking_typed(struct masking *m, uint32_t state, const uint8_t *data, size_t len,
		     struct masking_event out[MASKING_EVENTS_MAX])
{
	size_t n = masking_observe(m, state, out);

	if (!masking_hides(state)) {
		out[n] = (struct masking_event){ RECORD_COUNTED, (uint64_t)len << 2 };
		return n + 1;
	}
	m->held += len;
	if (memchr(data, '\n', len) != NULL || memchr(data, '\r', len) != NULL)
		n += release(m, out + n);
	return n;
}
