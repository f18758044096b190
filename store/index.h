/* index: index.db, the derived and rebuildable view of the store: sessions and
 * searchable terminal text.  One writer (itm-indexd), any readers. */
#ifndef ITM_STORE_INDEX_H
#define ITM_STORE_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/id.h"

struct index;
struct index *index_open(const char *dir, bool write, int *error);
void index_close(struct index *x);

struct index_session {
	struct id stream, host, login;
	char hostname[256], user[64], service[64], rhost[256], tty[64], mode[16], shell[256];
	char command[1024];          /* argv of pipe mode or `ssh -t host cmd`, "" for a login shell */
	uint32_t uid;
	int64_t start_wall_ns, last_wall_ns;
	uint64_t duration_ms;
	bool ended, open_tail;       /* ended: END chunk seen */
	bool has_exit;
	int exit_status;             /* wait(2) status */
	uint64_t out_bytes, keys, masked, lost_bytes, chunks;
	uint32_t columns, rows;
	bool provisional;            /* the newest of it is from the tail */
};

struct index_filter {
	const char *user, *host, *service; /* globs with * and ?; NULL = all */
	int64_t after_wall_ns, before_wall_ns; /* 0 = open */
	bool live_only;
	bool all;                      /* streams that are nobody's session too (mode host) */
	uint64_t limit;                /* 0 = 100 */
};
/* Newest first. */
int index_sessions(struct index *x, const struct index_filter *f,
		   int (*each)(void *context, const struct index_session *s), void *context);
/* By full id, or a prefix of at least 4 characters if only one matches; "last"
 * = the newest session.  ITM_ENOENT, ITM_EBUSY (ambiguous). */
int index_session_find(struct index *x, const char *name, struct index_session *out);

/* What happened on a host beside its sessions: notes of its own stream
 * (agent/brokerd/events.h has the words). */
struct index_event {
	struct id host, stream;        /* the host's stream, in which it stands */
	uint64_t number;               /* there, from 0 */
	struct id login, about;        /* zero = none: the login, the session (or other stream) it is about */
	int64_t wall_ns;
	char hostname[256], kind[32], user[64];
	bool provisional;
	const char *text;              /* the whole note, borrowed: key=value lines (meta.h) */
	size_t text_len;
};
struct index_event_filter {
	const char *user, *host, *kind; /* globs; NULL = all */
	int64_t after_wall_ns, before_wall_ns; /* 0 = open */
	uint64_t limit;                /* 0 = 100 */
};
/* Newest first. */
int index_events(struct index *x, const struct index_event_filter *f,
		 int (*each)(void *context, const struct index_event *e), void *context);
bool index_event_wanted(const struct index_event_filter *f, const struct index_event *e);

/* Search, in the language of query.h: words (all on one line), "phrases",
 * prefix*, -word, user: host: session: after: before: out: .  Newest first.  A
 * fault's offset points at the character. */
struct index_hit {
	struct index_session session;
	uint64_t time_ms;              /* since the session's start */
	int64_t wall_ns;
	const char *line;              /* borrowed, UTF-8, no control characters */
	size_t match_start, match_len; /* bytes in line */
	bool provisional;
	bool raw;                      /* was sent, but never stood on the screen (a title, text out of sight) */
};
/* limit 0 = 100.  ITM_ETIMEOUT after INDEX_SEARCH_MS; hits until then are
 * given. */
enum { INDEX_SEARCH_MS = 10000 };
int index_search(struct index *x, const char *query, uint64_t limit,
		 int (*each)(void *context, const struct index_hit *h), void *context, struct fault *fault);

#endif
