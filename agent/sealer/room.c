#include "agent/sealer/room.h"

enum { SEGMENT_MIN = 64 << 10 };

/* Percent at which a level begins, and below which it ends. */
static const unsigned begins[SPACE_LEVELS] = { 0, 80, 95, 100 }, ends[SPACE_LEVELS] = { 0, 75, 90, 100 };

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t less(uint64_t a, uint64_t b)
{
	return a > b ? a - b : 0;
}

uint64_t room_reserve(uint64_t bytes, uint64_t free, uint64_t max)
{
	uint64_t all = max != 0 ? least(max, bytes + free) : bytes + free;
	return least(ROOM_RESERVE, all / 8);
}

static enum space_level level_of(const struct room *r)
{
	if (r->left < ROOM_SLACK)
		return SPACE_NONE;
	return r->percent >= begins[SPACE_FULL] ? SPACE_FULL : r->percent >= begins[SPACE_LOW] ? SPACE_LOW : SPACE_ROOM;
}

static bool is_over(const struct room *r)
{
	return r->level == SPACE_NONE ? r->left >= 4 * ROOM_SLACK : r->percent < ends[r->level];
}

bool room_judge(struct room *r, const struct room_measure *m)
{
	enum space_level before = r->level;
	uint64_t room = m->max != 0 ? least(m->free, less(m->max, m->bytes + m->reserve)) : m->free;
	r->capacity = m->bytes + room;
	r->percent = r->capacity > 0 ? (unsigned)(m->bytes * 100 / r->capacity) : 100;
	r->left = less(room, m->pending);
	enum space_level now = level_of(r);
	if (now > r->level)
		r->level = now;
	while (now < r->level && is_over(r))
		r->level--;
	return r->level != before;
}

uint64_t room_segment(const struct room *r, uint64_t wanted)
{
	uint64_t most = r->capacity / 8 > SEGMENT_MIN ? r->capacity / 8 : SEGMENT_MIN;
	return least(wanted, most);
}

uint64_t room_keep(const struct room *r, uint64_t wanted)
{
	return least(wanted, r->capacity / 2);
}
