#include "store/index_around.h"

#include <string.h>

void index_around_init(struct index_around *a)
{
	*a = (struct index_around){ 0 };
	for (size_t i = 0; i < 2 * INDEX_AROUND_BLOCKS; i++)
		tblock_init(&a->blocks[i]);
}

void index_around_free(struct index_around *a)
{
	for (size_t i = 0; i < 2 * INDEX_AROUND_BLOCKS; i++)
		tblock_free(&a->blocks[i]);
	if (a->earlier != NULL)
		sql_finalize(a->earlier);
	if (a->later != NULL)
		sql_finalize(a->later);
}

/* Lines before number n of the block, the nearest first. */
static void take_before(struct index_around *a, const struct tblock *t, size_t n, size_t offset, unsigned count)
{
	struct lines_line line;
	while (a->before_count < count && tblock_last(t, &n, &offset, &line))
		if (line.kind == LINES_SHOWN)
			a->before[a->before_count++] = (struct index_line){ line.time_ms, line.text, line.len };
}

static void take_after(struct index_around *a, const struct tblock *t, size_t n, size_t offset, unsigned count)
{
	struct lines_line line;
	while (a->after_count < count && tblock_next(t, &n, &offset, &line))
		if (line.kind == LINES_SHOWN)
			a->after[a->after_count++] = (struct index_line){ line.time_ms, line.text, line.len };
}

/* Neighbours of a block by the statement, until there are lines enough. */
static int neighbours(struct index_around *a, struct index *x, struct sql_statement *q, int64_t session, int64_t block_id,
		      unsigned count, bool before)
{
	int result = 0;
	sql_bind_int(q, 1, session);
	sql_bind_int(q, 2, block_id);
	sql_bind_int(q, 3, INDEX_AROUND_BLOCKS);
	for (size_t i = before ? 0 : INDEX_AROUND_BLOCKS; (before ? a->before_count : a->after_count) < count; i++) {
		size_t len;
		result = sql_step(q);
		if (result != 1)
			return result;
		const void *body = sql_blob(q, 1, &len);
		struct tblock *t = &a->blocks[i];
		result = tblock_decode(t, body, len, (uint64_t)sql_int(q, 0), x->inflate, NULL);
		if (result != 0)
			break;
		if (before)
			take_before(a, t, t->count, t->text.len, count);
		else
			take_after(a, t, 0, 0, count);
	}
	sql_reset(q);
	return result;
}

int index_around_find(struct index_around *a, struct index *x, int64_t session, int64_t block_id,
		      const struct tblock *block, size_t line, size_t offset, unsigned count)
{
	struct lines_line self;
	size_t next = line, next_offset = offset;
	a->before_count = a->after_count = 0;
	if (count == 0)
		return 0;
	(void)tblock_next(block, &next, &next_offset, &self);
	take_before(a, block, line, offset, count);
	take_after(a, block, next, next_offset, count);
	int result = index_state_prepare(x, &a->earlier, "SELECT start_ms, body FROM tblock WHERE session = ?1 AND id < ?2"
					 " ORDER BY id DESC LIMIT ?3");
	if (result == 0)
		result = index_state_prepare(x, &a->later, "SELECT start_ms, body FROM tblock WHERE session = ?1 AND id > ?2"
					     " ORDER BY id LIMIT ?3");
	if (result == 0)
		result = neighbours(a, x, a->earlier, session, block_id, count, true);
	if (result == 0)
		result = neighbours(a, x, a->later, session, block_id, count, false);
	/* Found from the line outwards. */
	for (size_t i = 0; i < a->before_count / 2; i++) {
		struct index_line swap = a->before[i];
		a->before[i] = a->before[a->before_count - 1 - i];
		a->before[a->before_count - 1 - i] = swap;
	}
	return result;
}
