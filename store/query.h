/* query: the search language, parsed into a tree.
 *
 *   word         a whole word, any case; with other characters in it
 *                (/etc/passwd, 10.0.0.1) the whole of it, as it stands
 *   word* *word *word*   words that begin, end so, or text inside of words
 *   "two words"  as it stands, whole words; a blank matches any number of
 *                them; \" and \\ inside; * before and after as with words
 *   /regex/ /regex/i   Perl's; the next / ends it (write \/ and \s inside) and
 *                the item; otherwise a / just begins a word
 *   a b, a and b, a or b, not a, -a, (a b)
 *   out: in: cmd: file: exe: argv: alert:   where the text stands
 *   user: host: tty: src:   of the session, with * and ?, any case
 *   session:     its id or the start of it (4 characters and more), or last
 *   after: before:   2026-11-23 or 2026-11-23T18:00 (UTC)
 * The words are looked for on one line.  A word before a colon that names none
 * of these is text: root:x:0 finds a line of /etc/passwd.  and, or, not are
 * text in quotes. */
#ifndef ITM_STORE_QUERY_H
#define ITM_STORE_QUERY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/id.h"
#include "terminal/lines.h"

enum {
	QUERY_MAX = 4096,        /* bytes of a query */
	QUERY_NODES_MAX = 128,
	QUERY_DEPTH_MAX = 32,    /* parentheses inside of each other */
	QUERY_RUNES_MAX = 256,   /* characters of one word or phrase */
	QUERY_VALUE_SIZE = 256,
	QUERY_REGEX_MAX = 16,
};

enum query_kind { QUERY_AND, QUERY_OR, QUERY_NOT, QUERY_TEXT, QUERY_REGEX, QUERY_GLOB, QUERY_SESSION, QUERY_AFTER, QUERY_BEFORE };

enum query_field {
	QUERY_ANY, QUERY_OUT, QUERY_CMD, QUERY_FILE, QUERY_EXE, QUERY_ARGV,
	QUERY_IN, QUERY_ALERT,           /* words of the language that nothing in the index answers */
	QUERY_USER, QUERY_HOST, QUERY_TTY, QUERY_SRC, QUERY_STREAM, QUERY_SINCE, QUERY_UNTIL,
};

struct regex;
struct query_node {
	uint8_t kind, field;
	bool open_start, open_end;       /* TEXT */
	uint16_t left, right;            /* AND, OR; NOT: left */
	uint16_t at;                     /* byte of the query where it stands */
	uint16_t first, count;           /* TEXT: runes (none: any text); GLOB, SESSION: text */
	int64_t wall_ns;                 /* AFTER, BEFORE */
	struct id stream;                /* SESSION: to be filled in by who knows the sessions */
	struct regex *regex;
};

struct query {
	struct query_node nodes[QUERY_NODES_MAX];
	uint32_t runes[QUERY_MAX];       /* folded */
	char text[QUERY_MAX + QUERY_NODES_MAX]; /* values, each ended by NUL */
	uint16_t node_count, rune_count, text_len, regex_count, root;
	bool commands;                   /* cmd: is asked for; else typed commands are not looked at */
	bool programs;                   /* exe: or argv: is asked for; else programs are not looked at */
	bool unanswered;                 /* a field is asked for that nothing in the index answers */
};

/* 0 or ITM_EFORMAT, ITM_ELIMIT, ITM_ENOMEM with fault.offset at the character,
 * and nothing to free. */
int query_parse(const char *text, size_t len, struct query *out, struct fault *fault);
void query_free(struct query *q);

/* What a query is held against: one line, or all lines of a time (text NULL). */
struct query_facts {
	const char *user, *hostname, *host, *tty, *src;
	struct id stream;
	int64_t from_wall_ns, to_wall_ns; /* equal for a line */
	enum lines_kind kind;
	const char *text;
	size_t len, path_len;            /* LINES_PROGRAM: bytes of its path; a blank and its arguments follow */
};
enum query_answer { QUERY_NO, QUERY_YES, QUERY_PERHAPS };
/* *given_up counts regular expressions that took too long; they do not match. */
enum query_answer query_match(const struct query *q, const struct query_facts *f, uint64_t *given_up);

/* Where in a line that matches the words and expressions stand: ascending, not
 * touching each other. */
struct query_span { size_t start, len; };
size_t query_spans(const struct query *q, const struct query_facts *f, struct query_span *out, size_t max);

#endif
