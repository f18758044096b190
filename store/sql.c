#include "store/sql.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"

struct sql {
	sqlite3 *db;
	char *path;
	uint64_t limit, used;    /* thousands of steps, see sql_limit */
};

struct sql_statement {
	sqlite3_stmt *stmt;
	struct sql *owner;
	int error;               /* first failed bind: an SQLite code */
};

static int sql_failed(struct sql *s, const char *what)
{
	log_error("%s: %s: %s", s->path, what, sqlite3_errmsg(s->db));
	return ITM_EDB;
}

static int sql_progress(void *context)
{
	struct sql *s = context;
	s->used++;
	return s->limit != 0 && s->used > s->limit;
}

static int sql_setup(struct sql *s, bool write, unsigned page_bytes)
{
	char page[64];
	sqlite3_busy_timeout(s->db, SQL_BUSY_MS);
	sqlite3_progress_handler(s->db, 1000, sql_progress, s);
	/* Rows come from a file that others may have changed: no functions or
	 * tables with side effects may be named in its schema. */
	if (sqlite3_db_config(s->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL) != SQLITE_OK ||
	    sqlite3_db_config(s->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL) != SQLITE_OK)
		return sql_failed(s, "open");
	if (!write)
		return sql_run(s, "PRAGMA query_only=1");
	int keep = 1;
	/* Only of a new file, and before its first page is written. */
	snprintf(page, sizeof page, "PRAGMA page_size=%u", page_bytes);
	int rc = sql_run(s, page);
	if (rc == 0)
		rc = sql_run(s, "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
			    "PRAGMA foreign_keys=1; PRAGMA wal_autocheckpoint=1000");
	if (rc == 0 && sqlite3_file_control(s->db, "main", SQLITE_FCNTL_PERSIST_WAL, &keep) != SQLITE_OK)
		rc = sql_failed(s, "persist WAL");
	return rc;
}

struct sql *sql_open(const char *path, bool write, int *error)
{
	return sql_open_paged(path, write, SQL_PAGE_BYTES, error);
}

struct sql *sql_open_paged(const char *path, bool write, unsigned page_bytes, int *error)
{
	struct sql *s = calloc(1, sizeof *s);
	if (s == NULL || (s->path = strdup(path)) == NULL) {
		free(s);
		*error = ITM_ENOMEM;
		return NULL;
	}
	if (!write && access(path, F_OK) != 0 && errno == ENOENT) {
		*error = ITM_ENOENT;
		goto fail;
	}
	int flags = SQLITE_OPEN_NOMUTEX |
		    (write ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE : SQLITE_OPEN_READONLY);
	if (sqlite3_open_v2(path, &s->db, flags, NULL) != SQLITE_OK) {
		*error = sql_failed(s, "open");
		goto fail;
	}
	*error = sql_setup(s, write, page_bytes);
	if (*error == 0)
		return s;
fail:
	sql_close(s);
	return NULL;
}

void sql_close(struct sql *s)
{
	if (s == NULL)
		return;
	if (s->db != NULL && sqlite3_close(s->db) != SQLITE_OK) {
		sql_failed(s, "close");
		sqlite3_close_v2(s->db);
	}
	free(s->path);
	free(s);
}

int sql_run(struct sql *s, const char *text)
{
	s->used = 0;
	if (sqlite3_exec(s->db, text, NULL, NULL, NULL) != SQLITE_OK)
		return sql_failed(s, "statement");
	return 0;
}

/* Schema */

int sql_version(struct sql *s)
{
	struct sql_statement *q;
	int rc = sql_prepare(s, "PRAGMA user_version", &q);
	if (rc != 0)
		return rc;
	rc = sql_step(q);
	int version = rc == 1 ? (int)sql_int(q, 0) : ITM_EDB;
	sql_finalize(q);
	return version < 0 ? ITM_EDB : version;
}

static int sql_migrate_step(struct sql *s, const char *step, int version)
{
	char mark[64];
	snprintf(mark, sizeof mark, "PRAGMA user_version=%d", version);
	int rc = sql_begin(s);
	if (rc == 0)
		rc = sql_run(s, step);
	if (rc == 0)
		rc = sql_run(s, mark);
	if (rc != 0) {
		sql_rollback(s);
		return rc;
	}
	return sql_commit(s);
}

int sql_migrate(struct sql *s, const char *const *steps)
{
	int known = 0;
	while (steps[known] != NULL)
		known++;
	int have = sql_version(s);
	if (have < 0)
		return have;
	if (have > known) {
		log_error("%s: schema version %d is newer than this program knows (%d)", s->path, have, known);
		return ITM_EVERSION;
	}
	for (int v = have; v < known; v++) {
		int rc = sql_migrate_step(s, steps[v], v + 1);
		if (rc != 0)
			return rc;
	}
	return 0;
}

/* Transactions */

int sql_begin(struct sql *s)
{
	return sql_run(s, "BEGIN IMMEDIATE");
}

int sql_snapshot(struct sql *s)
{
	return sql_run(s, "BEGIN");
}

int sql_commit(struct sql *s)
{
	int rc = sql_run(s, "COMMIT");
	if (rc != 0)
		sql_rollback(s);
	return rc;
}

void sql_rollback(struct sql *s)
{
	if (!sqlite3_get_autocommit(s->db))
		sql_run(s, "ROLLBACK");
}

int sql_save(struct sql *s)
{
	return sql_run(s, "SAVEPOINT one");
}

int sql_keep(struct sql *s)
{
	return sql_run(s, "RELEASE one");
}

void sql_undo(struct sql *s)
{
	if (!sqlite3_get_autocommit(s->db))
		sql_run(s, "ROLLBACK TO one; RELEASE one");
}

/* Statements */

int sql_prepare(struct sql *s, const char *text, struct sql_statement **out)
{
	struct sql_statement *q = calloc(1, sizeof *q);
	if (q == NULL)
		return ITM_ENOMEM;
	if (sqlite3_prepare_v3(s->db, text, -1, SQLITE_PREPARE_PERSISTENT, &q->stmt, NULL) != SQLITE_OK ||
	    q->stmt == NULL) {
		free(q);
		return sql_failed(s, "prepare");
	}
	q->owner = s;
	*out = q;
	return 0;
}

void sql_finalize(struct sql_statement *q)
{
	if (q == NULL)
		return;
	sqlite3_finalize(q->stmt);
	free(q);
}

static void sql_bound(struct sql_statement *q, int code)
{
	if (code != SQLITE_OK && q->error == 0)
		q->error = code;
}

void sql_bind_int(struct sql_statement *q, int index, int64_t v)
{
	sql_bound(q, sqlite3_bind_int64(q->stmt, index, v));
}

void sql_bind_text(struct sql_statement *q, int index, const char *v)
{
	sql_bound(q, sqlite3_bind_text(q->stmt, index, v, -1, SQLITE_TRANSIENT));
}

void sql_bind_text_len(struct sql_statement *q, int index, const char *v, size_t len)
{
	sql_bound(q, sqlite3_bind_text64(q->stmt, index, v, len, SQLITE_TRANSIENT, SQLITE_UTF8));
}

void sql_bind_blob(struct sql_statement *q, int index, const void *v, size_t len)
{
	/* A NULL pointer would bind NULL, which is not an empty blob. */
	sql_bound(q, sqlite3_bind_blob64(q->stmt, index, v != NULL ? v : "", len, SQLITE_TRANSIENT));
}

void sql_bind_real(struct sql_statement *q, int index, double v)
{
	sql_bound(q, sqlite3_bind_double(q->stmt, index, v));
}

void sql_bind_null(struct sql_statement *q, int index)
{
	sql_bound(q, sqlite3_bind_null(q->stmt, index));
}

static int sql_step_quiet(struct sql_statement *q, int *code)
{
	if (!sqlite3_stmt_busy(q->stmt))
		q->owner->used = 0;
	if (q->error != 0) {
		*code = q->error;
		sql_reset(q);
		return ITM_EDB;
	}
	*code = sqlite3_step(q->stmt);
	if (*code == SQLITE_ROW)
		return 1;
	if (*code == SQLITE_DONE) {
		sql_reset(q);
		return 0;
	}
	return ITM_EDB;
}

int sql_step(struct sql_statement *q)
{
	int code;
	int rc = sql_step_quiet(q, &code);
	if (rc < 0) {
		log_error("%s: step: %s (%s)", q->owner->path, sqlite3_errstr(code), sqlite3_errmsg(q->owner->db));
		sql_reset(q);
	}
	return rc;
}

void sql_reset(struct sql_statement *q)
{
	sqlite3_reset(q->stmt);
	sqlite3_clear_bindings(q->stmt);
	q->error = 0;
}

int sql_finish(struct sql_statement *q)
{
	int rc;
	while ((rc = sql_step(q)) == 1)
		;
	return rc;
}

int sql_finish_unique(struct sql_statement *q)
{
	int code;
	int rc = sql_step_quiet(q, &code);
	if (rc == 0)
		return 0;
	int extended = sqlite3_extended_errcode(q->owner->db);
	if (rc < 0 && code == SQLITE_CONSTRAINT &&
	    (extended == SQLITE_CONSTRAINT_UNIQUE || extended == SQLITE_CONSTRAINT_PRIMARYKEY ||
	     extended == SQLITE_CONSTRAINT_ROWID)) {
		sql_reset(q);
		return ITM_EBUSY;
	}
	if (rc < 0)
		log_error("%s: insert: %s (%s)", q->owner->path, sqlite3_errstr(code), sqlite3_errmsg(q->owner->db));
	sql_reset(q);
	return rc < 0 ? ITM_EDB : 0;
}

int64_t sql_int(struct sql_statement *q, int column)
{
	return sqlite3_column_int64(q->stmt, column);
}

double sql_real(struct sql_statement *q, int column)
{
	return sqlite3_column_double(q->stmt, column);
}

const char *sql_text(struct sql_statement *q, int column)
{
	const unsigned char *text = sqlite3_column_text(q->stmt, column);
	return text != NULL ? (const char *)text : "";
}

const void *sql_blob(struct sql_statement *q, int column, size_t *len)
{
	const void *data = sqlite3_column_blob(q->stmt, column);
	*len = (size_t)sqlite3_column_bytes(q->stmt, column);
	return data;
}

bool sql_is_null(struct sql_statement *q, int column)
{
	return sqlite3_column_type(q->stmt, column) == SQLITE_NULL;
}

int sql_blob_copy(struct sql_statement *q, int column, void *out, size_t size)
{
	size_t len;
	const void *data = sql_blob(q, column, &len);
	if (data == NULL || len != size) {
		memset(out, 0, size);
		return ITM_EFORMAT;
	}
	memcpy(out, data, size);
	return 0;
}

int64_t sql_last_row(const struct sql *s)
{
	return sqlite3_last_insert_rowid(s->db);
}

int64_t sql_changes(const struct sql *s)
{
	return sqlite3_changes64(s->db);
}

int sql_check(struct sql *s, char *text, size_t size)
{
	struct sql_statement *q;
	int rc = sql_prepare(s, "PRAGMA integrity_check(1)", &q);
	if (rc != 0)
		return rc;
	rc = sql_step(q);
	snprintf(text, size, "%s", rc == 1 ? sql_text(q, 0) : "no answer");
	sql_finalize(q);
	return strcmp(text, "ok") == 0 ? 0 : ITM_EDB;
}

int sql_checkpoint(struct sql *s)
{
	int code = sqlite3_wal_checkpoint_v2(s->db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
	return code == SQLITE_OK || code == SQLITE_BUSY ? 0 : sql_failed(s, "checkpoint");
}

int sql_overwrite(struct sql *s)
{
	return sql_run(s, "PRAGMA secure_delete=1");
}

/* What rows leave where they stood, when others' removal moves them to another
 * page: SQLite overwrites what is deleted, but not that copy, in the gap between
 * a page's pointers and its first cell (fileformat2, "B-tree Pages"). */
static int sql_blank_gap(sqlite3_file *file, uint8_t *page, size_t size, sqlite3_int64 at)
{
	const uint8_t *head = page + (at == 0 ? 100 : 0);
	bool leaf = head[0] == 10 || head[0] == 13;
	if (!leaf && head[0] != 2 && head[0] != 5)
		return SQLITE_OK;
	size_t from = (size_t)(head - page) + (leaf ? 8 : 12) + 2 * ((size_t)head[3] << 8 | head[4]);
	size_t to = (size_t)head[5] << 8 | head[6], nonzero = from;
	if (from >= to || to > size)
		return SQLITE_OK;
	while (nonzero < to && page[nonzero] == 0)
		nonzero++;
	if (nonzero == to)
		return SQLITE_OK;
	memset(page + from, 0, to - from);
	return file->pMethods->xWrite(file, page + from, (int)(to - from), at + (sqlite3_int64)from);
}

/* Nobody reads a gap, so readers aren't disturbed, nor does a crash matter.
 * Other pages begin with a page's number, whose first byte is under 2 here. */
static int sql_blank_gaps(sqlite3_file *file)
{
	uint8_t head[100];
	sqlite3_int64 length = 0;
	int code = file->pMethods->xRead(file, head, sizeof head, 0);
	if (code == SQLITE_OK)
		code = file->pMethods->xFileSize(file, &length);
	size_t size = (size_t)head[16] << 8 | head[17];
	if (code != SQLITE_OK || size < 512 || length / (sqlite3_int64)size >= 2 << 24)
		return code != SQLITE_OK ? code : SQLITE_TOOBIG;
	uint8_t *page = malloc(size);
	if (page == NULL)
		return SQLITE_NOMEM;
	for (sqlite3_int64 at = 0; code == SQLITE_OK && at + (sqlite3_int64)size <= length; at += (sqlite3_int64)size) {
		code = file->pMethods->xRead(file, page, (int)size, at);
		if (code == SQLITE_OK)
			code = sql_blank_gap(file, page, size, at);
	}
	free(page);
	return code == SQLITE_OK ? file->pMethods->xSync(file, SQLITE_SYNC_NORMAL) : code;
}

int sql_scrub(struct sql *s)
{
	sqlite3_file *file = NULL;
	int code = sqlite3_wal_checkpoint_v2(s->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
	if (code == SQLITE_BUSY || code == SQLITE_LOCKED)
		return ITM_EBUSY;
	if (code == SQLITE_OK)
		code = sqlite3_file_control(s->db, "main", SQLITE_FCNTL_FILE_POINTER, &file);
	if (code != SQLITE_OK)
		return sql_failed(s, "checkpoint");
	int rc = sql_begin(s);
	if (rc != 0)
		return rc;
	code = sql_blank_gaps(file);
	sql_rollback(s);
	/* The pages in memory have the gaps as they were. */
	if (code == SQLITE_OK)
		code = sqlite3_db_release_memory(s->db);
	if (code == SQLITE_OK)
		return 0;
	log_error("%s: overwriting what was deleted: %s", s->path, sqlite3_errstr(code));
	return ITM_EDB;
}

void sql_limit(struct sql *s, uint64_t steps)
{
	s->limit = steps;
	s->used = 0;
}
