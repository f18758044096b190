#include "itm-replay/marks.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "view/commands.h"
#include "view/head.h"
#include "view/mark.h"

enum {
	SLICE_EVENTS = 2000,
	SLICE_BYTES = 256 * 1024,
	SLOTS = 4096,              /* of time, for how much was shown; they double when they run out */
	SLOT_MS = 100,
	BROKEN_MAX = 10000,
};

struct kept { uint64_t at_ms; enum marks_kind kind; uint32_t words; };

struct marks {
	struct source *source;
	struct commands commands;
	struct head head;
	struct kept *list;         /* by at_ms */
	size_t count, size;
	char *words;               /* each NUL-ended */
	size_t words_len, words_size;
	uint64_t slot_ms;
	uint64_t shown[SLOTS];     /* bytes */
	uint64_t read_ms;
	unsigned broken;
	bool ended, commands_cut;
};

struct marks *marks_new(struct source *source)
{
	struct marks *m = calloc(1, sizeof *m);

	if (m == NULL)
		return NULL;
	m->source = source;
	m->slot_ms = SLOT_MS;
	commands_init(&m->commands);
	head_init(&m->head);
	return m;
}

void marks_free(struct marks *m)
{
	if (m == NULL)
		return;
	commands_free(&m->commands);
	free(m->list);
	free(m->words);
	free(m);
}

static int keep_words(struct marks *m, const char *words, size_t len)
{
	size_t size = m->words_size > 0 ? m->words_size : 4096;

	while (size < m->words_len + len + 1)
		size *= 2;
	if (size != m->words_size) {
		char *bigger = realloc(m->words, size);
		if (bigger == NULL)
			return ITM_ENOMEM;
		m->words = bigger;
		m->words_size = size;
	}
	memcpy(m->words + m->words_len, words, len);
	m->words[m->words_len + len] = '\0';
	m->words_len += len + 1;
	return 0;
}

int marks_add(struct marks *m, uint64_t at_ms, enum marks_kind kind, const char *words, size_t len)
{
	size_t at = m->count, from = m->words_len;
	const char *nul = memchr(words, '\0', len);

	len = nul != NULL ? (size_t)(nul - words) : len;
	if (len > MARKS_WORD_SIZE)
		len = MARKS_WORD_SIZE;
	if (m->count == MARKS_MAX || m->words_len + len >= MARKS_WORDS_MAX)
		return 0;
	if (m->count == m->size) {
		size_t size = m->size > 0 ? m->size * 2 : 64;
		struct kept *bigger = realloc(m->list, size * sizeof *bigger);
		if (bigger == NULL)
			return ITM_ENOMEM;
		m->list = bigger;
		m->size = size;
	}
	int r = keep_words(m, words, len);
	if (r != 0)
		return r;
	while (at > 0 && m->list[at - 1].at_ms > at_ms)
		at--;
	memmove(&m->list[at + 1], &m->list[at], (m->count - at) * sizeof *m->list);
	m->list[at] = (struct kept){ .at_ms = at_ms, .kind = kind, .words = (uint32_t)from };
	m->count++;
	return 0;
}

/* ---- reading ---- */

static void count_shown(struct marks *m, uint64_t ms, size_t bytes)
{
	while (ms / m->slot_ms >= SLOTS) {
		for (size_t i = 0; i < SLOTS / 2; i++)
			m->shown[i] = m->shown[2 * i] + m->shown[2 * i + 1];
		memset(m->shown + SLOTS / 2, 0, sizeof m->shown / 2);
		m->slot_ms *= 2;
	}
	m->shown[ms / m->slot_ms] += bytes;
}

static void keep_commands(struct marks *m)
{
	const uint8_t *text;
	size_t at = 0, len;
	uint64_t ms;

	while (commands_next(&m->commands, &at, &ms, &text, &len))
		marks_add(m, ms, MARKS_COMMAND, (const char *)text, len);
}

static void take(struct marks *m, const struct source_event *event)
{
	const struct record_event *e = &event->event;
	struct buffer words;

	m->read_ms = e->time_ms > m->read_ms ? e->time_ms : m->read_ms;
	if (e->kind == RECORD_OUT || e->kind == RECORD_ERR)
		count_shown(m, e->time_ms, e->len);
	if (e->kind == RECORD_ENV && e->len > 0)
		head_read(&m->head, e->data, e->len);
	m->commands_cut = m->commands_cut || commands_take(&m->commands, &m->head, e) != 0;
	if (!m->commands_cut)
		keep_commands(m);
	buffer_init(&words, 1 << 20);
	if (mark_put(event, &words) == 0 && words.len > 0)
		marks_add(m, e->time_ms, MARKS_EVENT, (const char *)words.data, words.len);
	buffer_free(&words);
}

bool marks_work(struct marks *m)
{
	struct source_event event;
	size_t bytes = 0;

	for (unsigned i = 0; !m->ended && i < SLICE_EVENTS && bytes < SLICE_BYTES; i++) {
		int r = source_next(m->source, &event);
		if (r < 0 && ++m->broken <= BROKEN_MAX)
			continue;
		if (r == 1) {
			take(m, &event);
			bytes += event.event.len;
			continue;
		}
		m->ended = r < 0 || source_ended(m->source);
		if (m->ended && commands_finish(&m->commands) == 0)
			keep_commands(m);
		return false;
	}
	return !m->ended;
}

uint64_t marks_read_ms(const struct marks *m)
{
	return m->ended ? UINT64_MAX : m->read_ms;
}

/* ---- looking ---- */

/* The first at or after ms. */
static size_t first_from(const struct marks *m, uint64_t ms)
{
	size_t low = 0, high = m->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (m->list[middle].at_ms < ms)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool give(const struct marks *m, size_t at, struct mark *out)
{
	const struct kept *k = &m->list[at];

	*out = (struct mark){ .at_ms = k->at_ms, .kind = k->kind, .words = m->words + k->words };
	return true;
}

bool marks_next(const struct marks *m, unsigned kinds, uint64_t ms, bool backward, struct mark *out)
{
	if (backward) {
		for (size_t i = first_from(m, ms); i-- > 0; )
			if ((m->list[i].kind & kinds) != 0)
				return give(m, i, out);
		return false;
	}
	for (size_t i = first_from(m, ms + 1); i < m->count; i++)
		if ((m->list[i].kind & kinds) != 0)
			return give(m, i, out);
	return false;
}

bool marks_any(const struct marks *m, unsigned kinds, uint64_t from_ms, uint64_t to_ms)
{
	for (size_t i = first_from(m, from_ms); i < m->count && m->list[i].at_ms < to_ms; i++)
		if ((m->list[i].kind & kinds) != 0)
			return true;
	return false;
}

unsigned marks_level(const struct marks *m, uint64_t from_ms, uint64_t to_ms)
{
	uint64_t bytes = 0, first = from_ms / m->slot_ms, last = to_ms / m->slot_ms;
	unsigned level = 0;

	for (uint64_t i = first; i < SLOTS && (i < last || i == first); i++)
		bytes += m->shown[i];
	uint64_t span = last > first ? (last - first) * m->slot_ms : m->slot_ms;
	for (uint64_t rate = bytes * 1000 / span; bytes > 0 && level < MARKS_LEVELS && (level == 0 || rate > 0); rate /= 8)
		level++;
	return level;
}
