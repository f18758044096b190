/* sql: the only door to SQLite: one database file, one writer that also
 * checkpoints, any read-only readers.
 *
 * A writer opens with WAL and synchronous=FULL: what is committed survives a
 * power cut (WAL+NORMAL and DELETE+FULL do not).  The -wal and -shm files are
 * kept and get the mode of the database, so that readers under another uid of
 * the same group can read without a right to write anything.  Failures are
 * logged here, with the database's path and SQLite's words. */
#ifndef ITM_STORE_SQL_H
#define ITM_STORE_SQL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

enum {
	SQL_BUSY_MS = 5000,      /* how long a call waits for a lock of another process */
	SQL_PAGE_BYTES = 4096,
};

struct sql;
struct sql_statement;

/* write: creates the file when it is missing (mode 0660 less the umask).
 * Owned handle, or NULL and *error: ITM_ENOENT (reading a file that is not
 * there), ITM_ENOMEM, ITM_EDB. */
struct sql *sql_open(const char *path, bool write, int *error);
/* A file that is made gets pages of this size, a power of 2: larger ones for
 * many rows of some KiB. */
struct sql *sql_open_paged(const char *path, bool write, unsigned page_bytes, int *error);
void sql_close(struct sql *s);           /* its statements must be finalized before */

/* One or more statements without results.  0 or ITM_EDB. */
int sql_run(struct sql *s, const char *text);

/* Brings a writer's schema up to date: steps[0] leads to version 1, and so on
 * (PRAGMA user_version), each in its own transaction; steps ends with NULL.
 * ITM_EVERSION when the file is newer than the steps known here. */
int sql_migrate(struct sql *s, const char *const *steps);
/* For readers: the version found in the file, or ITM_EDB. */
int sql_version(struct sql *s);

/* Transactions.  begin takes the write lock at once (BEGIN IMMEDIATE); a
 * failed commit is rolled back.  rollback without a transaction does nothing. */
int sql_begin(struct sql *s);
int sql_commit(struct sql *s);
void sql_rollback(struct sql *s);
/* A savepoint inside the transaction: undo takes back what came after it. */
int sql_save(struct sql *s);
int sql_keep(struct sql *s);
void sql_undo(struct sql *s);
/* Begin a read snapshot: what follows sees one state until sql_commit. */
int sql_snapshot(struct sql *s);

/* 0 or ITM_EDB.  *out is owned; text must be one statement.  Parameters are
 * ?1, ?2, ... */
int sql_prepare(struct sql *s, const char *text, struct sql_statement **out);
void sql_finalize(struct sql_statement *q);

/* Bound data is copied.  Errors are kept and returned by the next sql_step. */
void sql_bind_int(struct sql_statement *q, int index, int64_t v);
void sql_bind_text(struct sql_statement *q, int index, const char *v);      /* NULL = NULL */
void sql_bind_text_len(struct sql_statement *q, int index, const char *v, size_t len);
void sql_bind_blob(struct sql_statement *q, int index, const void *v, size_t len);
void sql_bind_real(struct sql_statement *q, int index, double v);
void sql_bind_null(struct sql_statement *q, int index);

/* 1 = a row, 0 = done (the statement is reset), ITM_EDB (reset, logged). */
int sql_step(struct sql_statement *q);
/* Give up the rows that are left.  Bindings are cleared. */
void sql_reset(struct sql_statement *q);
/* Bind nothing more, run to the end, ignore rows: for inserts.  0 or ITM_EDB. */
int sql_finish(struct sql_statement *q);
/* As finish; ITM_EBUSY, not logged, when a UNIQUE or PRIMARY KEY rule refused
 * the row. */
int sql_finish_unique(struct sql_statement *q);

/* Columns from 0, valid until the next step or reset.  text is "" for NULL. */
int64_t sql_int(struct sql_statement *q, int column);
double sql_real(struct sql_statement *q, int column);
const char *sql_text(struct sql_statement *q, int column);
const void *sql_blob(struct sql_statement *q, int column, size_t *len);
bool sql_is_null(struct sql_statement *q, int column);
/* Copies a blob that must have exactly size bytes; ITM_EFORMAT otherwise (out
 * is zeroed). */
int sql_blob_copy(struct sql_statement *q, int column, void *out, size_t size);

int64_t sql_last_row(const struct sql *s);
int64_t sql_changes(const struct sql *s);

/* PRAGMA integrity_check: 0, or ITM_EDB and SQLite's first complaint in text. */
int sql_check(struct sql *s, char *text, size_t size);
/* Move the WAL into the database as far as readers allow (writer only). */
int sql_checkpoint(struct sql *s);
/* For a database whose deleted content must be gone: what is deleted from here
 * on is overwritten (set once, after opening), and scrub empties the WAL that
 * still holds it and the gaps of pages, which may; it reads the whole file.
 * For the only writer, outside a transaction.  ITM_EBUSY: a reader is in the
 * way, try again later. */
int sql_overwrite(struct sql *s);
int sql_scrub(struct sql *s);
/* Bound each statement: after `steps` thousands of virtual machine steps it
 * fails with ITM_EDB.  0 = no limit. */
void sql_limit(struct sql *s, uint64_t steps);

#endif
