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

int evidence_leaf_put(struct evidence *e, const struct receipt_record *record, uint64_t *number)
{
	uint8_t bytes[RECEIPT_RECORD_SIZE];
	uint64_t next;
	int rc = evidence_leaf_next(e, &next);
	struct sql_statement *q = rc == 0 ? evidence_query(e, EVIDENCE_Q_LEAF_ADD) : NULL;
	if (q == NULL)
		return ITM_EDB;
	receipt_record_encode(record, bytes);
	sql_bind_int(q, 1, (int64_t)next);
	sql_bind_blob(q, 2, bytes, sizeof bytes);
	rc = sql_finish(q);
	if (rc == 0)
		*number = next;
	return rc;
}

int evidence_leaves(struct evidence *e, uint64_t from, evidence_each_leaf *each, void *context)
{
	struct sql_statement *q;
	uint8_t record[RECEIPT_RECORD_SIZE];
	int rc = sql_prepare(e->db, "SELECT number, record FROM leaf WHERE number >= ?1 ORDER BY number", &q);
	if (rc != 0)
		return rc;
	sql_bind_int(q, 1, (int64_t)from);
	while ((rc = sql_step(q)) == 1) {
		rc = sql_blob_copy(q, 1, record, sizeof record);
		if (rc == 0)
			rc = each(context, (uint64_t)sql_int(q, 0), record);
		if (rc != 0)
			break;
	}
	sql_finalize(q);
	return rc;
}

int evidence_leaves_first(struct evidence *e, uint64_t *out)
{
	struct sql_statement *q;
	int rc = sql_prepare(e->db, "SELECT coalesce(min(number), 0) FROM leaf", &q);
	if (rc != 0)
		return rc;
	rc = sql_step(q);
	if (rc == 1)
		*out = (uint64_t)sql_int(q, 0);
	sql_finalize(q);
	return rc == 1 ? 0 : ITM_EDB;
}

void evidence_leaves_done(struct evidence *e, uint64_t below)
{
	struct sql_statement *q = evidence_query(e, EVIDENCE_Q_LEAF_DONE);
	if (q == NULL)
		return;
	sql_bind_int(q, 1, (int64_t)below);
	sql_finish(q); /* a failure is logged; the leaves only take room */
}

/* number, type, host, sequence, hash, received, nonce */
static const char evidence_again[] =
	"SELECT leaf AS number, 1, host, sequence, hash, received_wall_ns, zeroblob(16) FROM block WHERE leaf < ?1"
	" UNION ALL SELECT genesis_leaf, 2, host, sequence, hash, received_wall_ns, nonce FROM block"
	" WHERE genesis_leaf < ?1"
	" UNION ALL SELECT leaf, 3, zeroblob(16), 0, hash, wall_ns, zeroblob(16) FROM act WHERE leaf < ?1"
	" ORDER BY number";

int evidence_leaves_again(struct evidence *e, uint64_t below, evidence_each_leaf *each, void *context)
{
	struct sql_statement *q;
	uint8_t bytes[RECEIPT_RECORD_SIZE];
	int rc = sql_prepare(e->db, evidence_again, &q);
	if (rc != 0)
		return rc;
	sql_bind_int(q, 1, (int64_t)below);
	while ((rc = sql_step(q)) == 1) {
		struct receipt_record r = {
			.type = (enum receipt_type)sql_int(q, 1), .sequence = (uint64_t)sql_int(q, 3),
			.received_wall_ns = sql_int(q, 5), .server = e->server,
		};
		sql_blob_copy(q, 2, r.host.bytes, ID_SIZE);
		sql_blob_copy(q, 4, r.block_hash, HASH_SIZE);
		sql_blob_copy(q, 6, r.nonce, sizeof r.nonce);
		receipt_record_encode(&r, bytes);
		rc = each(context, (uint64_t)sql_int(q, 0), bytes);
		if (rc != 0)
			break;
	}
	sql_finalize(q);
	return rc;
}

int evidence_logged(struct evidence *e, const struct id *host, uint64_t sequence, const uint8_t block_hash[HASH_SIZE],
		    struct evidence_logged *out)
{
	struct sql_statement *q = evidence_query(e, EVIDENCE_Q_BLOCK_GET);
	struct evidence_logged v = { .record = { .type = RECEIPT_BLOCK, .host = *host, .sequence = sequence } };
	if (q == NULL)
		return ITM_EDB;
	evidence_bind_id(q, 1, host);
	sql_bind_int(q, 2, (int64_t)sequence);
	int rc = sql_step(q);
	if (rc != 1) {
		sql_reset(q);
		return rc == 0 ? ITM_ENOENT : rc;
	}
	rc = sql_blob_copy(q, 0, v.record.block_hash, HASH_SIZE);
	v.leaf = (uint64_t)sql_int(q, 1);
	v.genesis = !sql_is_null(q, 2);
	v.genesis_leaf = (uint64_t)sql_int(q, 2);
	v.record.received_wall_ns = sql_int(q, 4);
	int server = evidence_server(e, &v.record.server);
	v.genesis_record = v.record;
	v.genesis_record.type = RECEIPT_GENESIS;
	if (v.genesis)
		sql_blob_copy(q, 3, v.genesis_record.nonce, sizeof v.genesis_record.nonce);
	sql_reset(q);
	if (rc != 0 || server != 0)
		return rc != 0 ? rc : server;
	if (memcmp(v.record.block_hash, block_hash, HASH_SIZE) != 0)
		return ITM_ENOENT;
	*out = v;
	return 0;
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
	struct receipt_record r = { .type = RECEIPT_ACT, .received_wall_ns = wall_ns, .server = e->server };
	char path[EVIDENCE_PATH_SIZE];
	hash_bytes(text, len, r.block_hash);
	evidence_act_path(e, r.block_hash, path);
	int rc = atomicfile_write(path, text, len, 0440);
	if (rc != 0) {
		log_error("%s: %s", path, error_text(rc));
		return rc;
	}
	rc = evidence_leaf_put(e, &r, number);
	struct sql_statement *q = rc == 0 ? evidence_query(e, EVIDENCE_Q_ACT_ADD) : NULL;
	if (q == NULL)
		return rc != 0 ? rc : ITM_EDB;
	sql_bind_int(q, 1, (int64_t)*number);
	sql_bind_blob(q, 2, r.block_hash, HASH_SIZE);
	sql_bind_int(q, 3, wall_ns);
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
