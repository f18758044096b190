/* index: index.db, the derived and rebuildable view of the store: sessions and
 * searchable terminal text.  One writer (itm-indexd), any readers. */
#ifndef ITM_STORE_INDEX_H
#define ITM_STORE_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/id.h"
#include "format/alert.h"
#include "terminal/lines.h"

struct index;
struct query_span;                     /* query.h */
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
	bool all;                      /* the hosts' own streams too */
	uint64_t limit;                /* 0 = 100 */
};
/* A host's own stream (host, processes), nobody's session. */
bool index_is_stream(const char *mode);
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

/* Alerts (format/alert.h): notes of hosts' own streams, and what the server
 * noticed by itself, which are acts of its log: both come again when the index
 * is made anew. */
struct index_alert {
	struct id host, about;         /* about: the session, zero = none */
	struct id stream;              /* in which it stands; zero = the server's */
	uint64_t number;               /* there, or its leaf of the central log */
	int64_t wall_ns;
	char hostname[256], name[32], state[16]; /* state: new */
	enum alert_severity severity;
	bool provisional;
	const char *text;              /* borrowed: key=value lines (meta.h) */
	size_t text_len;
};
struct index_alert_filter {
	const char *host, *name;       /* globs; NULL = all */
	const char *session;           /* the beginning of its id, in capitals; NULL = all */
	enum alert_severity severity;  /* this or worse; 0 = all */
	int64_t after_wall_ns, before_wall_ns; /* 0 = open */
	uint64_t limit;                /* 0 = 100 */
};
/* Newest first. */
int index_alerts(struct index *x, const struct index_alert_filter *f,
		 int (*each)(void *context, const struct index_alert *a), void *context);
bool index_alert_wanted(const struct index_alert_filter *f, const struct index_alert *a);
/* Name, severity, about and text out of an alert's text; the rest is left.
 * ITM_ENOENT: it names no alert. */
int index_alert_read(const char *text, size_t len, struct index_alert *out);

/* Search, in the language of query.h, newest first. */
struct index_line { uint64_t time_ms; const char *text; size_t len; };
struct index_hit {
	struct index_session session;
	uint64_t time_ms;              /* since the session's start */
	int64_t wall_ns;
	enum lines_kind kind;
	const char *line;              /* borrowed, UTF-8, no control characters */
	const struct query_span *spans; /* what matched in it, ascending */
	size_t span_count;
	bool has_exit;                 /* of a typed command */
	uint8_t exit_status;
	bool provisional;
	/* Lines around it that were shown, oldest first; borrowed. */
	const struct index_line *before, *after;
	size_t before_count, after_count;
};
enum {
	INDEX_SEARCH_MS = 10000,
	INDEX_SPANS_MAX = 32,
	INDEX_CONTEXT_MAX = 20,        /* lines on each side */
};
struct index_search {
	uint64_t limit;                /* 0 = 100 */
	uint64_t offset;               /* hits passed over first */
	unsigned context;              /* lines on each side, at most INDEX_CONTEXT_MAX */
	/* Filled in: */
	bool more;                     /* there are hits beyond the last one given */
	bool unanswered;               /* a field was asked for of which the index knows nothing */
	uint64_t given_up;             /* lines on which a regular expression took too long: not searched */
};
/* 0; what query_parse returns, and ITM_ENOENT, ITM_EBUSY for session:, with the
 * place in fault; ITM_ETIMEOUT after INDEX_SEARCH_MS: hits until then were
 * given.  What each returns other than 0 stops the search and is returned. */
int index_search(struct index *x, const char *query, struct index_search *how,
		 int (*each)(void *context, const struct index_hit *h), void *context, struct fault *fault);

#endif
