/* The hosts of evidence.h. */
#include "store/evidence.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/log.h"
#include "store/enroll.h"
#include "store/evidence_state.h"

int evidence_host_add(struct evidence *e, const struct id *id, const char *name,
		      const uint8_t identity[SIGN_PUBLIC_SIZE], bool revoked)
{
	struct sql_statement *q = evidence_query(e, EVIDENCE_Q_HOST_ADD);
	if (q == NULL)
		return ITM_EDB;
	evidence_bind_id(q, 1, id);
	sql_bind_text(q, 2, name);
	sql_bind_blob(q, 3, identity, SIGN_PUBLIC_SIZE);
	sql_bind_int(q, 4, revoked);
	return sql_finish(q);
}

static void evidence_host_take(struct sql_statement *q, struct evidence_host *h)
{
	memset(h, 0, sizeof *h);
	sql_blob_copy(q, 0, h->id.bytes, ID_SIZE);
	snprintf(h->name, sizeof h->name, "%s", sql_text(q, 1));
	sql_blob_copy(q, 2, h->identity, sizeof h->identity);
	h->revoked = sql_int(q, 3) != 0;
	h->last_sequence = (uint64_t)sql_int(q, 4);
	sql_blob_copy(q, 5, h->last_hash, sizeof h->last_hash);
	sql_blob_copy(q, 6, h->next_key, sizeof h->next_key);
	h->last_seen_wall_ns = sql_int(q, 7);
}

int evidence_host_get(struct evidence *e, const struct id *id, struct evidence_host *out)
{
	struct sql_statement *q = evidence_query(e, EVIDENCE_Q_HOST_GET);
	if (q == NULL)
		return ITM_EDB;
	evidence_bind_id(q, 1, id);
	int rc = sql_step(q);
	if (rc == 1)
		evidence_host_take(q, out);
	sql_reset(q);
	return rc == 1 ? 0 : rc == 0 ? ITM_ENOENT : rc;
}

int evidence_host_seen(struct evidence *e, const struct id *id, int64_t wall_ns)
{
	struct sql_statement *q = evidence_query(e, EVIDENCE_Q_HOST_SEEN);
	if (q == NULL)
		return ITM_EDB;
	evidence_bind_id(q, 1, id);
	sql_bind_int(q, 2, wall_ns);
	return sql_finish(q);
}

int evidence_host_list(struct evidence *e, int (*each)(void *context, const struct evidence_host *h), void *context)
{
	struct sql_statement *q;
	int rc = sql_prepare(e->db, "SELECT id, name, identity, revoked, last_sequence, last_hash, next_key, last_seen"
			     " FROM host ORDER BY name, id", &q);
	if (rc != 0)
		return rc;
	while ((rc = sql_step(q)) == 1) {
		struct evidence_host h;
		evidence_host_take(q, &h);
		rc = each(context, &h);
		if (rc != 0)
			break;
	}
	sql_finalize(q);
	return rc;
}

/* Enrolment */

static int evidence_host_import_one(void *context, const struct enroll_entry *entry)
{
	struct evidence *e = context;
	struct evidence_host h;
	char text[ID_TEXT_SIZE], words[512];
	id_format(&entry->id, text);
	int rc = evidence_host_get(e, &entry->id, &h);
	if (rc != 0 && rc != ITM_ENOENT)
		return rc;
	if (rc == 0 && strcmp(h.name, entry->name) == 0 && h.revoked == entry->revoked &&
	    memcmp(h.identity, entry->identity, SIGN_PUBLIC_SIZE) == 0)
		return 0;
	const char *what = rc == ITM_ENOENT ? "enrolled" : entry->revoked ? "revoked" : "changed";
	rc = evidence_host_add(e, &entry->id, entry->name, entry->identity, entry->revoked);
	if (rc != 0)
		return rc;
	log_info("host %s (%s): %s", text, entry->name, what);
	snprintf(words, sizeof words, "%s: %s", entry->name, what);
	return evidence_event(e, &entry->id, "host", words);
}

int evidence_host_import(struct evidence *e)
{
	char path[EVIDENCE_PATH_SIZE];
	struct stat st;
	snprintf(path, sizeof path, "%.*s/hosts", EVIDENCE_DIR_MAX, e->dir);
	if (stat(path, &st) != 0)
		return errno == ENOENT ? 0 : ITM_ESYS;
	/* Each entry is renamed in, so the folder's own time tells.  Two changes
	 * can share one time stamp: a young one is looked at again. */
	int64_t age_s = clock_wall_ns() / 1000000000 - st.st_mtim.tv_sec;
	if (st.st_mtim.tv_sec == e->hosts_changed.tv_sec && st.st_mtim.tv_nsec == e->hosts_changed.tv_nsec && age_s > 2)
		return 0;
	int rc = enroll_entries(e->dir, evidence_host_import_one, e);
	if (rc == 0)
		e->hosts_changed = st.st_mtim;
	return rc;
}
