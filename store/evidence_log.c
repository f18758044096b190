/* Leaves of the central log and people's acts, of evidence.h. */
#include "store/evidence.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/atomicfile.h"
#include "base/log.h"
#include "format/act.h"
#include "format/receipt.h"
#include "store/evidence_state.h"

static_assert((int)EVIDENCE_RECORD_SIZE == (int) RECEIPT_RECORD_SIZE, "a leaf is a digest record");

static int evidence_leaf_next(struct evidence *e, uint64_t *out)
{
	struct sql_statement *q = evidence_query(e, EVIDENCE_Q_LEAF_NEXT);
	if (q == NULL)
		return ITM_EDB;
	int rc = sql_step(q);
	if (rc == 1)
		*out = (uint64_t)sql_int(q, 0);
	sql_reset(q);
	return rc == 1 ? 0 : ITM_EDB;
}

int evidence_leaf_put(struct evidence *e, const uint8_t record[EVIDENCE_RECORD_SIZE], uint64_t *number)
{
	uint64_t next;
	int rc = evidence_leaf_next(e, &next);
	struct sql_statement *q = rc == 0 ? evidence_query(e, EVIDENCE_Q_LEAF_ADD) : NULL;
	if (q == NULL)
		return ITM_EDB;
	sql_bind_int(q, 1, (int64_t)next);
	sql_bind_blob(q, 2, record, EVIDENCE_RECORD_SIZE);
	rc = sql_finish(q);
	if (rc == 0)
		*number = next;
	return rc;
}

/* Acts */

/* Named by content: the name says what the leaf holds, and `sha256sum` checks it. */
static void evidence_act_path(const struct evidence *e, const uint8_t hash[HASH_SIZE], char out[EVIDENCE_PATH_SIZE])
{
	char hex[2 * HASH_SIZE + 1];
	for (size_t i = 0; i < HASH_SIZE; i++)
		snprintf(hex + 2 * i, 3, "%02x", hash[i]);
	snprintf(out, EVIDENCE_PATH_SIZE, "%.*s/log/acts/%s.act", EVIDENCE_DIR_MAX, e->dir, hex);
}

int evidence_act_put(struct evidence *e, const void *text, size_t len, int64_t wall_ns, uint64_t *number)
{
	struct receipt r = { .type = RECEIPT_ACT, .received_wall_ns = wall_ns, .server = e->server };
	uint8_t record[RECEIPT_RECORD_SIZE];
	char path[EVIDENCE_PATH_SIZE];
	hash_bytes(text, len, r.block_hash);
	evidence_act_path(e, r.block_hash, path);
	int rc = receipt_record(&r, record);
	if (rc == 0)
		rc = atomicfile_write(path, text, len, 0440);
	if (rc != 0) {
		log_error("%s: %s", path, error_text(rc));
		return rc;
	}
	rc = evidence_leaf_put(e, record, number);
	struct sql_statement *q = rc == 0 ? evidence_query(e, EVIDENCE_Q_ACT_ADD) : NULL;
	if (q == NULL)
		return rc != 0 ? rc : ITM_EDB;
	sql_bind_int(q, 1, (int64_t)*number);
	sql_bind_blob(q, 2, r.block_hash, HASH_SIZE);
	return sql_finish(q);
}

static int evidence_act_read(struct evidence *e, struct evidence_act *a, struct buffer *text)
{
	uint8_t hash[HASH_SIZE];
	char path[EVIDENCE_PATH_SIZE];
	evidence_act_path(e, a->hash, path);
	buffer_clear(text);
	int rc = atomicfile_read(path, text);
	if (rc != 0)
		return rc;
	hash_bytes(text->data, text->len, hash);
	if (memcmp(hash, a->hash, HASH_SIZE) != 0)
		return ITM_ECRYPTO;
	a->text = text->data;
	a->len = text->len;
	return 0;
}

int evidence_acts(struct evidence *e, uint64_t from, int (*each)(void *context, const struct evidence_act *a), void *context)
{
	struct sql_statement *q;
	struct buffer text;
	int rc = sql_prepare(e->db, "SELECT leaf, hash FROM act WHERE leaf >= ?1 ORDER BY leaf", &q);
	if (rc != 0)
		return rc;
	buffer_init(&text, ACT_TEXT_MAX + 1);
	sql_bind_int(q, 1, (int64_t)from);
	while ((rc = sql_step(q)) == 1) {
		struct evidence_act a = { .leaf = (uint64_t)sql_int(q, 0) };
		sql_blob_copy(q, 1, a.hash, HASH_SIZE);
		rc = evidence_act_read(e, &a, &text);
		if (rc != 0)
			log_debug("act of leaf %llu: %s", (unsigned long long)a.leaf, error_text(rc));
		rc = each(context, &a);
		if (rc != 0)
			break;
	}
	buffer_free(&text);
	sql_finalize(q);
	return rc;
}
