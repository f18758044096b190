#include "store/evidence.h"

#include <errno.h>
#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/atomicfile.h"
#include "base/clock.h"
#include "base/log.h"
#include "store/evidence_remove.h"
#include "store/evidence_rewrite.h"
#include "store/evidence_state.h"

/* Version 1.  Integers that are u64 in the formats are stored as they are,
 * bit for bit, in SQLite's i64.  shadow = 1: signed and stored, but the stream
 * belongs to another host, or has a chunk of that number already; readers of
 * streams don't see it.  place: the order of segments; a rewritten one takes
 * that of the old, whose file is then leaving.  about: whose a stream is, read
 * when a hold asks. */
static const char *const evidence_schema[] = {
	"CREATE TABLE meta(key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;"
	"CREATE TABLE host(id BLOB PRIMARY KEY, name TEXT NOT NULL, identity BLOB NOT NULL,"
	" revoked INTEGER NOT NULL, last_sequence INTEGER NOT NULL DEFAULT 0,"
	" last_hash BLOB NOT NULL DEFAULT (zeroblob(32)), next_key BLOB NOT NULL DEFAULT (zeroblob(32)),"
	" last_seen INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID;"
	"CREATE TABLE segment(number INTEGER PRIMARY KEY, committed INTEGER NOT NULL, place INTEGER NOT NULL);"
	"CREATE TABLE leaving(number INTEGER PRIMARY KEY, since_ms INTEGER NOT NULL);"
	"CREATE TABLE block(host BLOB NOT NULL, sequence INTEGER NOT NULL, hash BLOB NOT NULL,"
	" segment INTEGER NOT NULL, first_offset INTEGER NOT NULL, offset INTEGER NOT NULL, len INTEGER NOT NULL,"
	" leaf INTEGER NOT NULL, genesis_leaf INTEGER, nonce BLOB,"
	" flags INTEGER NOT NULL, wall_ns INTEGER NOT NULL, boot_ns INTEGER NOT NULL,"
	" received_wall_ns INTEGER NOT NULL, chunks INTEGER NOT NULL,"
	" PRIMARY KEY(host, sequence)) WITHOUT ROWID;"
	"CREATE TABLE stream(id BLOB PRIMARY KEY, host BLOB NOT NULL, last_number INTEGER NOT NULL,"
	" last_frame INTEGER NOT NULL, flags INTEGER NOT NULL) WITHOUT ROWID;"
	"CREATE TABLE chunk(row INTEGER PRIMARY KEY AUTOINCREMENT, host BLOB NOT NULL, stream BLOB NOT NULL,"
	" number INTEGER NOT NULL, last_frame INTEGER NOT NULL, sequence INTEGER NOT NULL,"
	" segment INTEGER NOT NULL, offset INTEGER NOT NULL, len INTEGER NOT NULL,"
	" boot_ns INTEGER NOT NULL, wall_ns INTEGER NOT NULL, duration_ms INTEGER NOT NULL,"
	" flags INTEGER NOT NULL, shadow INTEGER NOT NULL);"
	"CREATE UNIQUE INDEX chunk_stream ON chunk(stream, number) WHERE shadow = 0;"
	"CREATE TABLE leaf(number INTEGER PRIMARY KEY, record BLOB NOT NULL);"
	"CREATE TABLE act(leaf INTEGER PRIMARY KEY, hash BLOB NOT NULL, wall_ns INTEGER NOT NULL);"
	"CREATE INDEX chunk_segment ON chunk(segment);"
	"CREATE INDEX block_segment ON block(segment);"
	"CREATE TABLE removal(row INTEGER PRIMARY KEY AUTOINCREMENT, wall_ns INTEGER NOT NULL, host BLOB NOT NULL,"
	" stream BLOB NOT NULL, act INTEGER NOT NULL, sections INTEGER NOT NULL, first INTEGER NOT NULL,"
	" last INTEGER NOT NULL, who TEXT NOT NULL, reason TEXT NOT NULL, approval TEXT NOT NULL,"
	" payload BLOB NOT NULL);"
	"CREATE INDEX removal_stream ON removal(stream);"
	"CREATE TABLE hold(row INTEGER PRIMARY KEY AUTOINCREMENT, kind INTEGER NOT NULL, value TEXT NOT NULL,"
	" who TEXT NOT NULL, reason TEXT NOT NULL, wall_ns INTEGER NOT NULL, ended_wall_ns INTEGER NOT NULL,"
	" ended_who TEXT NOT NULL, ended_reason TEXT NOT NULL);"
	"CREATE TABLE approval(request BLOB PRIMARY KEY, wall_ns INTEGER NOT NULL) WITHOUT ROWID;"
	"CREATE TABLE about(stream BLOB PRIMARY KEY, user TEXT NOT NULL, login TEXT NOT NULL) WITHOUT ROWID;"
	"CREATE INDEX about_login ON about(login);"
	"CREATE TABLE event(row INTEGER PRIMARY KEY AUTOINCREMENT, wall_ns INTEGER NOT NULL, host BLOB,"
	" kind TEXT NOT NULL, detail TEXT NOT NULL);",
	NULL
};
enum { EVIDENCE_SCHEMA_VERSION = 1 };

static const char *const evidence_text[EVIDENCE_Q_COUNT] = {
	[EVIDENCE_Q_META_GET] = "SELECT value FROM meta WHERE key = ?1",
	[EVIDENCE_Q_META_PUT] = "INSERT INTO meta(key, value) VALUES(?1, ?2)",
	[EVIDENCE_Q_HOST_ADD] = "INSERT INTO host(id, name, identity, revoked) VALUES(?1, ?2, ?3, ?4)"
		" ON CONFLICT(id) DO UPDATE SET name = ?2, identity = ?3, revoked = ?4",
	[EVIDENCE_Q_HOST_GET] = "SELECT id, name, identity, revoked, last_sequence, last_hash, next_key, last_seen"
		" FROM host WHERE id = ?1",
	[EVIDENCE_Q_HOST_SEEN] = "UPDATE host SET last_seen = ?2 WHERE id = ?1",
	[EVIDENCE_Q_HOST_CHAIN] = "UPDATE host SET last_sequence = ?2, last_hash = ?3, next_key = ?4, last_seen = ?5"
		" WHERE id = ?1",
	[EVIDENCE_Q_BLOCK_GET] = "SELECT hash, leaf, genesis_leaf, nonce, received_wall_ns FROM block WHERE host = ?1 AND sequence = ?2",
	[EVIDENCE_Q_BLOCK_ADD] = "INSERT INTO block VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13,"
		" ?14, ?15)",
	[EVIDENCE_Q_CHUNK_ADD] = "INSERT INTO chunk(host, stream, number, last_frame, sequence, segment, offset, len,"
		" boot_ns, wall_ns, duration_ms, flags, shadow) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11,"
		" ?12, ?13)",
	[EVIDENCE_Q_CHUNK_RESET] = "SELECT number FROM chunk WHERE stream = ?1 AND number <= ?2 AND shadow = 0"
		" AND flags & 4 ORDER BY number DESC LIMIT 1",
	[EVIDENCE_Q_STREAM_ADD] = "INSERT OR IGNORE INTO stream VALUES(?1, ?2, 0, 0, 0)",
	[EVIDENCE_Q_STREAM_GET] = "SELECT host, last_number, last_frame FROM stream WHERE id = ?1",
	[EVIDENCE_Q_STREAM_MOVE] = "UPDATE stream SET last_number = ?2, last_frame = ?3, flags = ?4 WHERE id = ?1",
	[EVIDENCE_Q_SEGMENT_PUT] = "INSERT INTO segment VALUES(?1, ?2, ?1) ON CONFLICT(number) DO UPDATE SET committed = ?2",
	[EVIDENCE_Q_SEGMENT_GET] = "SELECT committed FROM segment WHERE number = ?1",
	[EVIDENCE_Q_LEAF_NEXT] = "SELECT coalesce(max(number), -1) + 1 FROM leaf",
	[EVIDENCE_Q_LEAF_DONE] = "DELETE FROM leaf WHERE number < ?1",
	[EVIDENCE_Q_LEAF_ADD] = "INSERT INTO leaf(number, record) VALUES(?1, ?2)",
	[EVIDENCE_Q_ACT_ADD] = "INSERT INTO act(leaf, hash, wall_ns) VALUES(?1, ?2, ?3)",
	[EVIDENCE_Q_EVENT_ADD] = "INSERT INTO event(wall_ns, host, kind, detail) VALUES(?1, ?2, ?3, ?4)",
};

struct sql_statement *evidence_query(struct evidence *e, enum evidence_query which)
{
	if (e->query[which] == NULL && sql_prepare(e->db, evidence_text[which], &e->query[which]) != 0)
		return NULL;
	return e->query[which];
}

void evidence_bind_id(struct sql_statement *q, int index, const struct id *id)
{
	sql_bind_blob(q, index, id->bytes, ID_SIZE);
}

void evidence_segment_path(const struct evidence *e, uint64_t number, char out[EVIDENCE_PATH_SIZE])
{
	char name[SEGMENT_NAME_SIZE];
	segment_name(number, name);
	snprintf(out, EVIDENCE_PATH_SIZE, "%.*s/segments/%s", EVIDENCE_DIR_MAX, e->dir, name);
}

/* Opening */

static int evidence_make_dirs(const struct evidence *e)
{
	static const char *const names[] = { "segments", "tail", "quarantine", "log", "log/acts" };
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		char path[EVIDENCE_PATH_SIZE];
		snprintf(path, sizeof path, "%.*s/%s", EVIDENCE_DIR_MAX, e->dir, names[i]);
		/* Set-gid: what is made inside belongs to the readers' group. */
		int rc = atomicfile_mkdir(path, 02750);
		if (rc != 0) {
			log_error("%s: %s", path, error_text(rc));
			return rc;
		}
	}
	return 0;
}

static int evidence_lock(struct evidence *e)
{
	char path[EVIDENCE_PATH_SIZE];
	snprintf(path, sizeof path, "%.*s/lock", EVIDENCE_DIR_MAX, e->dir);
	e->lock = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (e->lock < 0) {
		log_error("%s: %s", path, error_text(ITM_ESYS));
		return ITM_ESYS;
	}
	return flock(e->lock, LOCK_EX | LOCK_NB) == 0 ? 0 : ITM_EBUSY;
}

int evidence_server(struct evidence *e, struct id *out)
{
	struct sql_statement *q = evidence_query(e, EVIDENCE_Q_META_GET);
	if (q == NULL)
		return ITM_EDB;
	sql_bind_text(q, 1, "server");
	int rc = sql_step(q);
	if (rc == 1)
		rc = sql_blob_copy(q, 0, out->bytes, ID_SIZE);
	else if (rc == 0)
		rc = ITM_ENOENT;
	sql_reset(q);
	return rc;
}

static int evidence_own(struct evidence *e, const struct id *server)
{
	struct id owner;
	int rc = evidence_server(e, &owner);
	e->server = *server;
	if (rc == 0 && !id_equal(&owner, server)) {
		log_error("%s: this store belongs to another server id", e->dir);
		return ITM_EPERM;
	}
	if (rc != ITM_ENOENT)
		return rc;
	struct sql_statement *q = evidence_query(e, EVIDENCE_Q_META_PUT);
	if (q == NULL)
		return ITM_EDB;
	sql_bind_text(q, 1, "server");
	evidence_bind_id(q, 2, server);
	return sql_finish(q);
}

static int evidence_segment_committed(struct evidence *e, uint64_t number, uint64_t *out)
{
	struct sql_statement *q = evidence_query(e, EVIDENCE_Q_SEGMENT_GET);
	if (q == NULL)
		return ITM_EDB;
	sql_bind_int(q, 1, (int64_t)number);
	int rc = sql_step(q);
	if (rc == 1)
		*out = (uint64_t)sql_int(q, 0);
	sql_reset(q);
	return rc == 1 ? 0 : rc == 0 ? ITM_ENOENT : rc;
}

/* One segment file against what the database says of it.  The writer begins a
 * new file at each start, so a file seen here is never appended to again. */
static int evidence_recover_segment(struct evidence *e, uint64_t number, uint64_t size)
{
	char name[SEGMENT_NAME_SIZE], words[256], path[EVIDENCE_PATH_SIZE];
	segment_name(number, name);
	evidence_segment_path(e, number, path);
	uint64_t committed = 0;
	int rc = evidence_segment_committed(e, number, &committed);
	if (rc == ITM_ENOENT) {
		struct sql_statement *q = evidence_query(e, EVIDENCE_Q_SEGMENT_PUT);
		if (q == NULL)
			return ITM_EDB;
		committed = SEGMENT_HEADER_SIZE;
		sql_bind_int(q, 1, (int64_t)number);
		sql_bind_int(q, 2, SEGMENT_HEADER_SIZE);
		rc = sql_finish(q);
	}
	if (rc != 0)
		return rc;
	if (segment_seal(path) != 0)
		log_error("%s: cannot be made read-only: %s", path, error_text(ITM_ESYS));
	if (size == committed)
		return 0;
	snprintf(words, sizeof words, "%s: %" PRIu64 " bytes, %" PRIu64 " committed", name, size, committed);
	if (size < committed)
		log_error("%s: segment %s", e->dir, words);
	return evidence_event(e, NULL, size < committed ? "segment-short" : "segment-torn", words);
}

/* Segments the crash of a writer may have left torn: those that are still
 * writable.  Sealed ones were whole when they were sealed. */
static int evidence_recover(struct evidence *e)
{
	char path[EVIDENCE_PATH_SIZE];
	snprintf(path, sizeof path, "%.*s/segments", EVIDENCE_DIR_MAX, e->dir);
	DIR *d = opendir(path);
	if (d == NULL)
		return ITM_ESYS;
	int rc = 0;
	for (struct dirent *entry; rc == 0 && (entry = readdir(d)) != NULL; ) {
		uint64_t number;
		struct stat st;
		if (segment_parse_name(entry->d_name, &number) == 0 &&
		    fstatat(dirfd(d), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && (st.st_mode & S_IWUSR))
			rc = evidence_recover_segment(e, number, (uint64_t)st.st_size);
	}
	closedir(d);
	return rc;
}

static int evidence_start(struct evidence *e, const struct id *server)
{
	char path[EVIDENCE_PATH_SIZE];
	int rc = 0;
	if (e->write) {
		rc = evidence_lock(e);
		if (rc == 0)
			rc = evidence_make_dirs(e);
	}
	if (rc != 0)
		return rc;
	snprintf(path, sizeof path, "%.*s/evidence.db", EVIDENCE_DIR_MAX, e->dir);
	e->db = sql_open(path, e->write, &rc);
	if (e->db == NULL)
		return rc;
	if (!e->write) {
		rc = sql_version(e->db);
		if (rc == 0)
			return ITM_ENOENT; /* the writer has not made its tables yet */
		return rc == EVIDENCE_SCHEMA_VERSION ? 0 : rc < 0 ? rc : ITM_EVERSION;
	}
	rc = sql_migrate(e->db, evidence_schema);
	if (rc == 0)
		rc = evidence_own(e, server);
	if (rc == 0)
		rc = evidence_rewrite_recover(e);
	if (rc == 0)
		rc = evidence_remove_tidy(e, 0);
	return rc >= 0 ? evidence_recover(e) : rc;
}

struct evidence *evidence_open(const char *dir, const struct id *server, bool write, int *error)
{
	if (strlen(dir) > EVIDENCE_DIR_MAX || (write && server == NULL)) {
		*error = ITM_EINVAL;
		return NULL;
	}
	struct evidence *e = calloc(1, sizeof *e);
	if (e == NULL) {
		*error = ITM_ENOMEM;
		return NULL;
	}
	snprintf(e->dir, sizeof e->dir, "%s", dir);
	e->write = write;
	e->lock = -1;
	e->segment_size = EVIDENCE_SEGMENT_SIZE;
	buffer_init(&e->group, SIZE_MAX / 2); /* bounded by its caller: one group */
	*error = evidence_start(e, server);
	if (*error != 0) {
		evidence_close(e);
		return NULL;
	}
	return e;
}

void evidence_close(struct evidence *e)
{
	if (e == NULL)
		return;
	if (e->db != NULL && e->batch)
		sql_rollback(e->db);
	for (size_t i = 0; i < EVIDENCE_Q_COUNT; i++)
		sql_finalize(e->query[i]);
	sql_close(e->db);
	segment_close(e->segment);
	buffer_free(&e->group);
	free(e->trim);
	if (e->lock >= 0)
		close(e->lock);
	free(e);
}

void evidence_set_segment_size(struct evidence *e, uint64_t bytes)
{
	e->segment_size = bytes;
}

/* Events and segments */

int evidence_event(struct evidence *e, const struct id *host, const char *kind, const char *detail)
{
	struct sql_statement *q = evidence_query(e, EVIDENCE_Q_EVENT_ADD);
	if (q == NULL)
		return ITM_EDB;
	sql_bind_int(q, 1, clock_wall_ns());
	if (host != NULL)
		evidence_bind_id(q, 2, host);
	sql_bind_text(q, 3, kind);
	sql_bind_text(q, 4, detail);
	return sql_finish(q);
}

int evidence_events_after(struct evidence *e, uint64_t row,
			  int (*each)(void *context, const struct evidence_event *event), void *context)
{
	struct sql_statement *q;
	int rc = sql_prepare(e->db, "SELECT row, wall_ns, host, kind, detail FROM event WHERE row > ?1 ORDER BY row", &q);
	if (rc != 0)
		return rc;
	sql_bind_int(q, 1, (int64_t)row);
	while ((rc = sql_step(q)) == 1) {
		struct evidence_event event = {
			.row = (uint64_t)sql_int(q, 0), .wall_ns = sql_int(q, 1),
			.kind = sql_text(q, 3), .detail = sql_text(q, 4),
		};
		sql_blob_copy(q, 2, event.host.bytes, ID_SIZE);
		rc = each(context, &event);
		if (rc != 0)
			break;
	}
	sql_finalize(q);
	return rc;
}

/* Each asked for anew: between two of them a segment may be replaced, and its
 * file be gone. */
int evidence_segments(struct evidence *e, int (*each)(void *context, const struct evidence_segment *s), void *context)
{
	struct sql_statement *q;
	int64_t place = -1;
	int rc = sql_prepare(e->db, "SELECT number, committed, place FROM segment WHERE place > ?1 ORDER BY place LIMIT 1", &q);
	if (rc != 0)
		return rc;
	for (;;) {
		char path[EVIDENCE_PATH_SIZE];
		sql_bind_int(q, 1, place);
		rc = sql_step(q);
		if (rc != 1)
			break;
		struct evidence_segment s = {
			.number = (uint64_t)sql_int(q, 0), .committed = (uint64_t)sql_int(q, 1), .path = path,
		};
		place = sql_int(q, 2);
		sql_reset(q);
		evidence_segment_path(e, s.number, path);
		rc = each(context, &s);
		if (rc != 0)
			break;
	}
	sql_finalize(q);
	return rc;
}
