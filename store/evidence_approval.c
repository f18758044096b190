/* Approvals that were used, of evidence.h: each is good for one act. */
#include "store/evidence.h"
#include "store/evidence_state.h"

int evidence_approval_use(struct evidence *e, const uint8_t request[HASH_SIZE], int64_t wall_ns)
{
	struct sql_statement *q;
	int rc = sql_prepare(e->db, "INSERT OR IGNORE INTO approval(request, wall_ns) VALUES(?1, ?2)", &q);

	if (rc != 0)
		return rc;
	sql_bind_blob(q, 1, request, HASH_SIZE);
	sql_bind_int(q, 2, wall_ns);
	rc = sql_finish(q);
	if (rc == 0 && sql_changes(e->db) == 0)
		rc = ITM_EBUSY;
	sql_finalize(q);
	return rc;
}
