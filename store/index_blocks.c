#include "store/index_blocks.h"

#include <stdlib.h>
#include <string.h>

#include "base/reader.h"

enum { SLICES_SPACE = 256 };     /* rows of a shelf's slices are numbered from shelf * SLICES_SPACE */
enum { IDS_MAX = SIGNATURE_SHELF * 10 }; /* bytes: varints */

/* ---- a shelf's list of blocks: the first, then the distance from the one before ---- */

static int put_ids(struct buffer *out, const int64_t *block, size_t count)
{
	int64_t last = 0;
	int result = 0;
	for (size_t i = 0; i < count && result == 0; i++) {
		result = buffer_put_varint(out, (uint64_t)(block[i] - last));
		last = block[i];
	}
	return result;
}

static int get_ids(const void *data, size_t len, int64_t block[SIGNATURE_SHELF], size_t *count)
{
	struct reader r;
	uint64_t last = 0;
	*count = 0;
	reader_init(&r, data, len);
	while (reader_left(&r) > 0 && *count < SIGNATURE_SHELF) {
		last += reader_varint(&r);
		block[(*count)++] = (int64_t)last;
	}
	return reader_result(&r, NULL);
}

/* ---- the writer ---- */

static int put_slices(struct index *x, int64_t shelf, const struct signature *blocks, size_t count)
{
	struct signature_shelf s;
	int result = index_state_prepare(x, &x->put_slice, "INSERT INTO slice (id, bits) VALUES (?1, ?2)");
	for (unsigned i = 0; i < SIGNATURE_SLICES && result == 0; i++) {
		signature_shelve(&s, blocks, count, i);
		sql_bind_int(x->put_slice, 1, shelf * SLICES_SPACE + i);
		sql_bind_blob(x->put_slice, 2, &s, sizeof s);
		result = sql_finish(x->put_slice);
	}
	return result;
}

static int put_shelf(struct index *x, const int64_t *block, const struct signature *signatures, size_t count)
{
	struct buffer ids;
	buffer_init(&ids, IDS_MAX);
	int result = put_ids(&ids, block, count);
	if (result == 0)
		result = index_state_prepare(x, &x->put_shelf, "INSERT INTO shelf (first, last, blocks) VALUES (?1, ?2, ?3)");
	if (result == 0) {
		sql_bind_int(x->put_shelf, 1, block[0]);
		sql_bind_int(x->put_shelf, 2, block[count - 1]);
		sql_bind_blob(x->put_shelf, 3, ids.data, ids.len);
		result = sql_finish(x->put_shelf);
	}
	buffer_free(&ids);
	return result != 0 ? result : put_slices(x, sql_last_row(x->db), signatures, count);
}

/* Loose ones that won't change go onto a shelf. */
static int shelve(struct index *x)
{
	int64_t block[SIGNATURE_SHELF];
	size_t count = 0;
	struct signature *signatures = malloc(SIGNATURE_SHELF * sizeof *signatures);
	if (signatures == NULL)
		return ITM_ENOMEM;
	int result = index_state_prepare(x, &x->loose, "SELECT block, bits FROM loose WHERE live = 0 ORDER BY block LIMIT ?1");
	if (result == 0)
		sql_bind_int(x->loose, 1, SIGNATURE_SHELF);
	while (result == 0 && (result = sql_step(x->loose)) == 1) {
		block[count] = sql_int(x->loose, 0);
		result = sql_blob_copy(x->loose, 1, &signatures[count++], sizeof *signatures);
	}
	if (result != 0)
		sql_reset(x->loose);
	if (result == 0 && count > 0)
		result = put_shelf(x, block, signatures, count);
	if (result == 0)
		result = index_state_prepare(x, &x->drop_loose, "DELETE FROM loose WHERE live = 0 AND block <= ?1");
	if (result == 0 && count > 0) {
		sql_bind_int(x->drop_loose, 1, block[count - 1]);
		result = sql_finish(x->drop_loose);
	}
	free(signatures);
	x->loose_count -= (int64_t)count;
	return result;
}

static int count_loose(struct index *x)
{
	struct sql_statement *q;
	int result = sql_prepare(x->db, "SELECT count(*) FROM loose WHERE live = 0", &q);
	if (result != 0)
		return result;
	result = sql_step(q);
	if (result == 1)
		x->loose_count = sql_int(q, 0);
	sql_finalize(q);
	return result == 1 ? 0 : result < 0 ? result : ITM_EDB;
}

int index_blocks_put(struct index *x, int64_t block, bool live, const char *text, size_t len)
{
	struct signature s = { 0 };
	signature_add(&s, text, len);
	int result = x->loose_count < 0 ? count_loose(x) : 0;
	if (result == 0)
		result = index_state_prepare(x, &x->put_loose, "INSERT INTO loose (block, live, bits) VALUES (?1, ?2, ?3)");
	if (result != 0)
		return result;
	sql_bind_int(x->put_loose, 1, block);
	sql_bind_int(x->put_loose, 2, live);
	sql_bind_blob(x->put_loose, 3, &s, sizeof s);
	result = sql_finish(x->put_loose);
	x->loose_count += !live;
	return result == 0 && x->loose_count >= SIGNATURE_SHELF ? shelve(x) : result;
}

int index_blocks_drop_live(struct index *x, int64_t session)
{
	int result = index_state_prepare(x, &x->drop_live, "DELETE FROM loose WHERE block IN"
					 " (SELECT id FROM tblock WHERE session = ?1 AND live = 1)");
	if (result != 0)
		return result;
	sql_bind_int(x->drop_live, 1, session);
	return sql_finish(x->drop_live);
}

/* ---- removing ---- */

/* The places on the shelf that belong to the session's blocks. */
static int session_places(struct index *x, int64_t session, const int64_t *block, size_t count, struct signature_set *out)
{
	struct sql_statement *q;
	int result = sql_prepare(x->db, "SELECT id FROM tblock WHERE session = ?1 AND id BETWEEN ?2 AND ?3", &q);
	if (result != 0)
		return result;
	memset(out, 0, sizeof *out);
	sql_bind_int(q, 1, session);
	sql_bind_int(q, 2, block[0]);
	sql_bind_int(q, 3, block[count - 1]);
	while ((result = sql_step(q)) == 1)
		for (size_t i = 0; i < count; i++)
			if (block[i] == sql_int(q, 0))
				out->bytes[i / 8] |= (uint8_t)(1 << i % 8);
	sql_finalize(q);
	return result;
}

static int clear_slice(struct index *x, int64_t id, const struct signature_set *places)
{
	struct sql_statement *q;
	struct signature_shelf s;
	int result = sql_prepare(x->db, "SELECT bits FROM slice WHERE id = ?1", &q);
	if (result != 0)
		return result;
	sql_bind_int(q, 1, id);
	result = sql_step(q) == 1 ? sql_blob_copy(q, 0, &s, sizeof s) : ITM_EDB;
	sql_finalize(q);
	if (result == 0)
		result = sql_prepare(x->db, "UPDATE slice SET bits = ?2 WHERE id = ?1", &q);
	if (result != 0)
		return result;
	for (unsigned b = 0; b < SIGNATURE_SLICE_BITS; b++)
		for (unsigned i = 0; i < SIGNATURE_ROW_SIZE; i++)
			s.row[b][i] &= (uint8_t)~places->bytes[i];
	sql_bind_int(q, 1, id);
	sql_bind_blob(q, 2, &s, sizeof s);
	result = sql_finish(q);
	sql_finalize(q);
	return result;
}

static int clear_shelf(struct index *x, int64_t session, int64_t shelf, const void *ids, size_t len)
{
	int64_t block[SIGNATURE_SHELF];
	struct signature_set places, none = { 0 };
	size_t count;
	int result = get_ids(ids, len, block, &count);
	if (result == 0 && count > 0)
		result = session_places(x, session, block, count, &places);
	if (result != 0 || count == 0 || memcmp(&places, &none, sizeof none) == 0)
		return result;
	for (unsigned i = 0; i < SIGNATURE_SLICES && result == 0; i++)
		result = clear_slice(x, shelf * SLICES_SPACE + i, &places);
	return result;
}

int index_blocks_forget(struct index *x, int64_t session)
{
	struct sql_statement *q;
	int result = sql_prepare(x->db, "SELECT id, blocks FROM shelf"
				 " WHERE last >= (SELECT min(id) FROM tblock WHERE session = ?1)"
				 " AND first <= (SELECT max(id) FROM tblock WHERE session = ?1)", &q);
	if (result != 0)
		return result;
	sql_bind_int(q, 1, session);
	while ((result = sql_step(q)) == 1) {
		size_t len;
		const void *ids = sql_blob(q, 1, &len);
		result = clear_shelf(x, session, sql_int(q, 0), ids, len);
		if (result != 0)
			break;
	}
	sql_finalize(q);
	if (result == 0)
		result = sql_prepare(x->db, "DELETE FROM loose WHERE block IN (SELECT id FROM tblock WHERE session = ?1)", &q);
	if (result != 0)
		return result;
	sql_bind_int(q, 1, session);
	result = sql_finish(q);
	sql_finalize(q);
	x->loose_count = -1;
	return result;
}

/* ---- the reader ---- */

int index_blocks_open(struct index_blocks *b, struct index *x, const struct narrow *narrow)
{
	*b = (struct index_blocks){ .x = x, .narrow = narrow, .loose_block = INT64_MAX };
	int result = sql_prepare(x->db, "SELECT block, bits FROM loose ORDER BY block DESC", &b->loose);
	if (result == 0)
		result = sql_prepare(x->db, "SELECT id, blocks FROM shelf ORDER BY id DESC", &b->shelves);
	if (result == 0)
		result = sql_prepare(x->db, "SELECT bits FROM slice WHERE id = ?1", &b->slice);
	return result;
}

void index_blocks_close(struct index_blocks *b)
{
	sql_finalize(b->loose);
	sql_finalize(b->shelves);
	sql_finalize(b->slice);
}

static int next_loose(struct index_blocks *b)
{
	struct signature s;
	int result;
	b->loose_block = 0;
	while ((result = sql_step(b->loose)) == 1) {
		result = sql_blob_copy(b->loose, 1, &s, sizeof s);
		if (result != 0)
			return result;
		if (!narrow_block(b->narrow, &s))
			continue;
		b->loose_block = sql_int(b->loose, 0);
		return 0;
	}
	return result;
}

static int read_slice(void *context, unsigned slice, const struct signature_shelf **out)
{
	struct index_blocks *b = context;
	size_t len;
	sql_reset(b->slice);
	sql_bind_int(b->slice, 1, b->shelf * SLICES_SPACE + slice);
	int result = sql_step(b->slice);
	if (result < 0)
		return result;
	const void *data = result == 1 ? sql_blob(b->slice, 0, &len) : NULL;
	if (data == NULL || len != sizeof(struct signature_shelf))
		return ITM_EFORMAT;
	*out = data;
	return 0;
}

/* The blocks of the next shelf that may match. */
static int next_shelf(struct index_blocks *b)
{
	struct signature_set set, none = { 0 };
	int64_t block[SIGNATURE_SHELF];
	size_t len, count;
	int result = sql_step(b->shelves);
	b->shelves_done = result == 0;
	if (result != 1)
		return result;
	b->shelf = sql_int(b->shelves, 0);
	result = narrow_shelf(b->narrow, read_slice, b, &set);
	if (result != 0 || memcmp(&set, &none, sizeof set) == 0)
		return result;
	const void *ids = sql_blob(b->shelves, 1, &len);
	result = get_ids(ids, len, block, &count);
	for (size_t i = 0; result == 0 && i < count; i++)
		if (set.bytes[i / 8] >> i % 8 & 1)
			b->block[b->block_count++] = block[i];
	return result;
}

int index_blocks_next(struct index_blocks *b, int64_t *block)
{
	int result = b->loose_block == INT64_MAX ? next_loose(b) : 0;
	if (result == 0 && b->block_count == 0 && !b->shelves_done)
		result = next_shelf(b);
	if (result != 0)
		return result;
	int64_t shelved = b->block_count > 0 ? b->block[b->block_count - 1] : 0;
	*block = 0;
	if (shelved == 0 && !b->shelves_done)
		return 1;
	if (shelved > b->loose_block) {
		b->block_count--;
		*block = shelved;
		return 1;
	}
	if (b->loose_block == 0)
		return 0;
	*block = b->loose_block;
	b->loose_block = INT64_MAX;
	return 1;
}
