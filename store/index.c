#include "store/index.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/index_state.h"
#include "store/words.h"

/* What step 1 made is never changed: a new step comes after it, or the file
 * is rebuilt (`itm-indexd --rebuild`).  tblock: text, ids rising with time;
 * loose, shelf, slice: which of it may have a word (index_blocks.h). */
static const char *const schema[] = {
	"CREATE TABLE position (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;"
	"CREATE TABLE session ("
	" id INTEGER PRIMARY KEY, stream BLOB NOT NULL UNIQUE, name TEXT NOT NULL UNIQUE, host BLOB NOT NULL, login BLOB NOT NULL,"
	" hostname TEXT NOT NULL, user TEXT NOT NULL, service TEXT NOT NULL, rhost TEXT NOT NULL, tty TEXT NOT NULL,"
	" mode TEXT NOT NULL, shell TEXT NOT NULL, command TEXT NOT NULL, uid INTEGER NOT NULL,"
	" start_wall_ns INTEGER NOT NULL, last_wall_ns INTEGER NOT NULL, duration_ms INTEGER NOT NULL,"
	" ended INTEGER NOT NULL, open_tail INTEGER NOT NULL, exit_status INTEGER,"
	" out_bytes INTEGER NOT NULL, keys INTEGER NOT NULL, masked INTEGER NOT NULL, lost_bytes INTEGER NOT NULL,"
	" chunks INTEGER NOT NULL, columns INTEGER NOT NULL, rows INTEGER NOT NULL, provisional INTEGER NOT NULL,"
	" boot_ns INTEGER NOT NULL, blocks INTEGER NOT NULL);"
	"CREATE INDEX session_start ON session (start_wall_ns);"
	"CREATE INDEX session_open ON session (host, boot_ns) WHERE ended = 0 AND open_tail = 0;"
	"CREATE TABLE tblock (id INTEGER PRIMARY KEY AUTOINCREMENT, session INTEGER NOT NULL, start_ms INTEGER NOT NULL,"
	" end_ms INTEGER NOT NULL, live INTEGER NOT NULL, provisional INTEGER NOT NULL, body BLOB NOT NULL);"
	"CREATE INDEX tblock_live ON tblock (session) WHERE live = 1;"
	"CREATE INDEX tblock_session ON tblock (session);"
	"CREATE TABLE loose (block INTEGER PRIMARY KEY, live INTEGER NOT NULL, bits BLOB NOT NULL);"
	"CREATE TABLE shelf (id INTEGER PRIMARY KEY, first INTEGER NOT NULL, last INTEGER NOT NULL, blocks BLOB NOT NULL);"
	"CREATE TABLE slice (id INTEGER PRIMARY KEY, bits BLOB NOT NULL);"
	"CREATE TABLE event ("
	" id INTEGER PRIMARY KEY, session INTEGER NOT NULL, number INTEGER NOT NULL, wall_ns INTEGER NOT NULL,"
	" kind TEXT NOT NULL, user TEXT NOT NULL, login BLOB NOT NULL, about BLOB NOT NULL,"
	" provisional INTEGER NOT NULL, text TEXT NOT NULL, UNIQUE (session, number));"
	"CREATE INDEX event_time ON event (wall_ns);"
	/* session 0: the server's, numbered by its leaf. */
	"CREATE TABLE alert ("
	" id INTEGER PRIMARY KEY, session INTEGER NOT NULL, number INTEGER NOT NULL, wall_ns INTEGER NOT NULL,"
	" host BLOB NOT NULL, hostname TEXT NOT NULL, name TEXT NOT NULL, severity INTEGER NOT NULL, about BLOB NOT NULL,"
	" state TEXT NOT NULL, provisional INTEGER NOT NULL, text TEXT NOT NULL, UNIQUE (session, number));"
	"CREATE INDEX alert_time ON alert (wall_ns);",
	NULL,
};
enum { SCHEMA_VERSION = 1 };
enum { WINDOW_LOG = 14 };       /* bytes of text a block mostly has: small tables, soon set up */
enum { PAGE_BYTES = 8192 };     /* two slices, or four blocks of text */

struct index *index_open(const char *dir, bool write, int *error)
{
	char path[4096];
	struct index *x = calloc(1, sizeof *x);
	*error = ITM_ENOMEM;
	if (x == NULL)
		return NULL;
	x->inflate = inflate_new();
	x->compress = write ? compress_new(3, WINDOW_LOG) : NULL;
	if (x->inflate == NULL || (write && x->compress == NULL))
		goto fail;
	*error = ITM_EINVAL;
	if ((size_t)snprintf(path, sizeof path, "%s/index.db", dir) >= sizeof path)
		goto fail;
	x->db = sql_open_paged(path, write, PAGE_BYTES, error);
	if (x->db == NULL)
		goto fail;
	x->loose_count = -1;
	*error = write ? sql_overwrite(x->db) : 0;
	if (*error == 0 && write)
		*error = sql_migrate(x->db, schema);
	if (*error == 0 && !write) {
		int version = sql_version(x->db);
		/* 0: the writer made the file this very moment. */
		*error = version == SCHEMA_VERSION ? 0 : version < 0 ? version : version == 0 ? ITM_ENOENT : ITM_EVERSION;
	}
	if (*error != 0)
		goto fail;
	return x;
fail:
	index_close(x);
	return NULL;
}

void index_close(struct index *x)
{
	if (x == NULL)
		return;
	struct sql_statement *all[] = { x->put_session, x->find_session, x->put_block, x->drop_block, x->drop_live,
					x->get_position, x->put_position, x->put_event, x->loose, x->put_loose,
					x->drop_loose, x->put_shelf, x->put_slice, x->put_alert };
	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		if (all[i] != NULL)
			sql_finalize(all[i]);
	if (x->db != NULL)
		sql_close(x->db);
	compress_free(x->compress);
	inflate_free(x->inflate);
	free(x);
}

int index_state_prepare(struct index *x, struct sql_statement **q, const char *text)
{
	return *q != NULL ? 0 : sql_prepare(x->db, text, q);
}

static void copy_text(struct sql_statement *q, int column, char *out, size_t size)
{
	snprintf(out, size, "%s", sql_text(q, column));
}

int index_state_session(struct sql_statement *q, struct index_session *s)
{
	*s = (struct index_session){ 0 };
	int c = 0;
	int result = sql_blob_copy(q, c++, s->stream.bytes, ID_SIZE);
	if (result == 0)
		result = sql_blob_copy(q, c++, s->host.bytes, ID_SIZE);
	if (result == 0)
		result = sql_blob_copy(q, c++, s->login.bytes, ID_SIZE);
	if (result != 0)
		return result;
	copy_text(q, c++, s->hostname, sizeof s->hostname);
	copy_text(q, c++, s->user, sizeof s->user);
	copy_text(q, c++, s->service, sizeof s->service);
	copy_text(q, c++, s->rhost, sizeof s->rhost);
	copy_text(q, c++, s->tty, sizeof s->tty);
	copy_text(q, c++, s->mode, sizeof s->mode);
	copy_text(q, c++, s->shell, sizeof s->shell);
	copy_text(q, c++, s->command, sizeof s->command);
	s->uid = (uint32_t)sql_int(q, c++);
	s->start_wall_ns = sql_int(q, c++);
	s->last_wall_ns = sql_int(q, c++);
	s->duration_ms = (uint64_t)sql_int(q, c++);
	s->ended = sql_int(q, c++) != 0;
	s->open_tail = sql_int(q, c++) != 0;
	s->has_exit = !sql_is_null(q, c);
	s->exit_status = (int)sql_int(q, c++);
	s->out_bytes = (uint64_t)sql_int(q, c++);
	s->keys = (uint64_t)sql_int(q, c++);
	s->masked = (uint64_t)sql_int(q, c++);
	s->lost_bytes = (uint64_t)sql_int(q, c++);
	s->chunks = (uint64_t)sql_int(q, c++);
	s->columns = (uint32_t)sql_int(q, c++);
	s->rows = (uint32_t)sql_int(q, c++);
	s->provisional = sql_int(q, c++) != 0;
	return 0;
}

bool index_is_stream(const char *mode)
{
	return strcmp(mode, "host") == 0 || strcmp(mode, "processes") == 0 || strcmp(mode, "files") == 0;
}

static bool wanted(const struct index_filter *f, const struct index_session *s)
{
	char host[ID_TEXT_SIZE];
	id_format(&s->host, host);
	return (f->all || !index_is_stream(s->mode)) &&
	       (f->user == NULL || words_glob(f->user, s->user)) &&
	       (f->host == NULL || words_glob(f->host, s->hostname) || words_glob(f->host, host)) &&
	       (f->service == NULL || words_glob(f->service, s->service)) &&
	       (!f->live_only || (!s->ended && !s->open_tail));
}

int index_sessions(struct index *x, const struct index_filter *f,
		   int (*each)(void *context, const struct index_session *s), void *context)
{
	struct sql_statement *q;
	uint64_t left = f->limit ? f->limit : 100;
	int result = sql_prepare(x->db, "SELECT " INDEX_SESSION_COLUMNS " FROM session s"
				 " WHERE s.last_wall_ns >= ?1 AND s.start_wall_ns < ?2"
				 " ORDER BY s.start_wall_ns DESC, s.id DESC", &q);
	if (result != 0)
		return result;
	/* A session that reaches into the time counts. */
	sql_bind_int(q, 1, f->after_wall_ns ? f->after_wall_ns : INT64_MIN);
	sql_bind_int(q, 2, f->before_wall_ns ? f->before_wall_ns : INT64_MAX);
	while (left > 0 && (result = sql_step(q)) == 1) {
		struct index_session s;
		result = index_state_session(q, &s);
		if (result != 0)
			break;
		if (!wanted(f, &s))
			continue;
		left--;
		result = each(context, &s);
		if (result != 0)
			break;
	}
	sql_finalize(q);
	return result == 1 ? 0 : result;
}

enum { NAME_MIN = 4 };

/* As id_parse takes it: small letters, and I L O for 1 1 0.  ITM_EFORMAT when
 * it can't be the start of an id. */
static int normal_name(const char *name, char out[ID_TEXT_SIZE])
{
	size_t n = strlen(name);
	if (n < NAME_MIN || n >= ID_TEXT_SIZE)
		return ITM_EFORMAT;
	for (size_t i = 0; i <= n; i++) {
		char c = (char)toupper((unsigned char)name[i]);
		out[i] = c == 'I' || c == 'L' ? '1' : c == 'O' ? '0' : c;
		if (c != '\0' && !isalnum((unsigned char)c))
			return ITM_EFORMAT;
	}
	return 0;
}

int index_session_find(struct index *x, const char *name, struct index_session *out)
{
	struct sql_statement *q;
	char start[ID_TEXT_SIZE] = "";
	bool last = strcmp(name, "last") == 0;
	if (!last && normal_name(name, start) != 0)
		return ITM_ENOENT;
	int result = sql_prepare(x->db, last
		? "SELECT " INDEX_SESSION_COLUMNS " FROM session s WHERE s.mode NOT IN ('host', 'processes', 'files')"
		  " ORDER BY s.start_wall_ns DESC, s.id DESC LIMIT 1"
		: "SELECT " INDEX_SESSION_COLUMNS " FROM session s WHERE s.name >= ?1 AND s.name < ?1 || '~' LIMIT 2", &q);
	if (result != 0)
		return result;
	if (!last)
		sql_bind_text(q, 1, start);
	struct index_session found;
	result = sql_step(q);
	if (result == 0)
		result = ITM_ENOENT;
	else if (result == 1)
		result = index_state_session(q, &found);
	if (result == 0 && !last) {
		int more = sql_step(q);
		result = more == 1 ? ITM_EBUSY : more;
	}
	sql_finalize(q);
	if (result == 0)
		*out = found;
	return result;
}
