#include "agent/watchd/logins.h"

#include <string.h>

bool logins_changed(struct logins *l, const struct activity_event *e, uint32_t *before, uint32_t *now)
{
	uint32_t value = (uint32_t)(e->number[ACTIVITY_LOGINUID] - 1), place;
	struct id session;

	if (e->number[ACTIVITY_SESSION] != ID_SIZE || (e->kind != ACTIVITY_EXEC && e->kind != ACTIVITY_FORK))
		return false;
	memcpy(session.bytes, e->bytes[ACTIVITY_SESSION], ID_SIZE);
	memcpy(&place, session.bytes, sizeof place);
	struct logins_session *s = &l->known[place % LOGINS_MAX];
	if (!id_equal(&s->session, &session))
		*s = (struct logins_session){ session, value, value };
	bool changed = value != s->first && value != s->told;
	s->told = value;
	if (changed) {
		*before = s->first;
		*now = value;
	}
	return changed;
}
