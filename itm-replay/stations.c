#include "itm-replay/stations.h"

#include <string.h>

static size_t cells(const struct vt *vt)
{
	return (size_t)vt_columns(vt) * vt_rows(vt) * 2;
}

static void thin(struct stations *s)
{
	size_t kept = 0;

	s->cells = 0;
	for (size_t i = 0; i < s->count; i++) {
		if (i % 2 != 0) {
			vt_free(s->list[i].vt);
			continue;
		}
		s->cells += cells(s->list[i].vt);
		s->list[kept++] = s->list[i];
	}
	s->count = kept;
}

/* Where one for that chunk is, or belongs. */
static size_t find(const struct stations *s, uint64_t chunk)
{
	size_t at = 0;

	while (at < s->count && s->list[at].place.chunk < chunk)
		at++;
	return at;
}

void stations_add(struct stations *s, const struct source_place *place, const struct vt *vt, uint64_t at_ms, int64_t wall_ns)
{
	size_t at = find(s, place->chunk);

	if ((at < s->count && s->list[at].place.chunk == place->chunk) || cells(vt) > STATIONS_CELLS / 4)
		return;
	while (s->count == STATIONS_MAX || s->cells + cells(vt) > STATIONS_CELLS)
		thin(s);
	struct vt *copy = vt_copy(vt);
	if (copy == NULL)
		return;
	at = find(s, place->chunk);
	memmove(&s->list[at + 1], &s->list[at], (s->count - at) * sizeof s->list[0]);
	s->list[at] = (struct station){ .place = *place, .vt = copy, .at_ms = at_ms, .wall_ns = wall_ns };
	s->count++;
	s->cells += cells(vt);
}

const struct station *stations_before(const struct stations *s, uint64_t ms)
{
	const struct station *found = NULL;

	for (size_t i = 0; i < s->count && s->list[i].at_ms <= ms; i++)
		found = &s->list[i];
	return found;
}

void stations_free(struct stations *s)
{
	for (size_t i = 0; i < s->count; i++)
		vt_free(s->list[i].vt);
	s->count = s->cells = 0;
}
