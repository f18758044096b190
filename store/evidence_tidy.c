/* Files that a rewriting leaves: old ones, for a while, and after a crash new
 * ones that were never entered; of evidence_remove.h and evidence_rewrite.h. */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/atomicfile.h"
#include "base/clock.h"
#include "base/log.h"
#include "store/evidence_remove.h"
#include "store/evidence_rewrite.h"
#include "store/evidence_state.h"

/* Old files */

int evidence_remove_tidy(struct evidence *e, uint64_t grace_ms)
{
	char path[EVIDENCE_PATH_SIZE];
	int64_t now_ms = (int64_t)(clock_boot_ns() / 1000000);
	struct sql_statement *q;
	int left = 0, rc = sql_prepare(e->db, "SELECT number, since_ms FROM leaving", &q);
	if (rc != 0)
		return rc;
	while ((rc = sql_step(q)) == 1) {
		struct sql_statement *done;
		/* since_ms of an earlier boot may be later than now. */
		int64_t since_ms = sql_int(q, 1);
		if (grace_ms > 0 && since_ms <= now_ms && now_ms - since_ms < (int64_t)grace_ms) {
			left++;
			continue;
		}
		evidence_segment_path(e, (uint64_t)sql_int(q, 0), path);
		if (unlink(path) != 0 && access(path, F_OK) == 0) {
			log_error("%s: was replaced, and cannot be removed: %s", path, error_text(ITM_ESYS));
			left++;
			continue;
		}
		if (e->step != NULL)
			e->step(e->step_context);
		snprintf(path, sizeof path, "%.*s/segments", EVIDENCE_DIR_MAX, e->dir);
		rc = atomicfile_sync_dir(path);
		if (rc == 0)
			rc = sql_prepare(e->db, "DELETE FROM leaving WHERE number = ?1", &done);
		if (rc != 0)
			break;
		sql_bind_int(done, 1, sql_int(q, 0));
		rc = sql_finish(done);
		sql_finalize(done);
		if (rc != 0)
			break;
	}
	sql_finalize(q);
	return rc < 0 ? rc : left;
}

/* After a crash */

static int recover_one(struct evidence *e, DIR *d, const char *name)
{
	char path[EVIDENCE_PATH_SIZE];
	struct fault fault;
	uint64_t number;
	int rc;
	if (strncmp(name, "new-", 4) == 0)
		return unlinkat(dirfd(d), name, 0) == 0 ? 0 : ITM_ESYS;
	if (segment_parse_name(name, &number) != 0)
		return 0;
	evidence_segment_path(e, number, path);
	struct segment_reader *r = segment_reader_open(path, &rc, &fault);
	bool rewritten = r != NULL && segment_reader_header(r)->stands_for != 0;
	segment_reader_close(r);
	if (!rewritten)
		return 0;
	struct sql_statement *q;
	rc = sql_prepare(e->db, "SELECT 1 FROM segment WHERE number = ?1 UNION SELECT 1 FROM leaving WHERE number = ?1", &q);
	if (rc != 0)
		return rc;
	sql_bind_int(q, 1, (int64_t)number);
	rc = sql_step(q);
	sql_finalize(q);
	if (rc == 0) {
		log_info("%s: an unfinished rewriting, removed; the old segment stands", path);
		rc = unlink(path) == 0 ? 0 : ITM_ESYS;
	}
	return rc < 0 ? rc : 0;
}

int evidence_rewrite_recover(struct evidence *e)
{
	char path[EVIDENCE_PATH_SIZE];
	snprintf(path, sizeof path, "%.*s/segments", EVIDENCE_DIR_MAX, e->dir);
	DIR *d = opendir(path);
	if (d == NULL)
		return ITM_ESYS;
	int rc = 0;
	for (struct dirent *entry; rc == 0 && (entry = readdir(d)) != NULL; )
		rc = recover_one(e, d, entry->d_name);
	closedir(d);
	return rc == 0 ? atomicfile_sync_dir(path) : rc;
}
