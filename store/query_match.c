#include <stdlib.h>
#include <string.h>

#include "store/query.h"
#include "store/regex.h"
#include "store/words.h"

/* ---- lines ---- */

/* Whether text of the line's kind is meant. */
static bool field_covers(enum query_field field, enum lines_kind kind)
{
	switch (field) {
	case QUERY_ANY: return true;
	case QUERY_OUT: return kind == LINES_SHOWN || kind == LINES_RAW;
	case QUERY_CMD: return kind == LINES_COMMAND;
	case QUERY_FILE: return kind == LINES_FILE;
	case QUERY_EXE:
	case QUERY_ARGV: return kind == LINES_PROGRAM;
	default: return false;
	}
}

/* The next place of a word or expression at or after `from`: 1, 0, ITM_ETIMEOUT. */
static int find(const struct query *q, const struct query_node *t, const struct query_facts *f, size_t from,
		size_t *start, size_t *len)
{
	struct words_term term = { q->runes + t->first, t->count, t->open_start, t->open_end };
	/* A field may be a part of the line. */
	size_t first = t->field == QUERY_ARGV && f->path_len < f->len ? f->path_len + 1 : t->field == QUERY_ARGV ? f->len : 0;
	const char *text = f->text + first;
	size_t text_len = t->field == QUERY_EXE ? f->path_len : f->len - first;
	int found = 1;
	from = from > first ? from - first : 0;
	*start = *len = 0;
	if (t->kind == QUERY_REGEX)
		found = from <= text_len ? regex_find(t->regex, text, text_len, from, start, len) : 0;
	else if (t->count > 0)
		found = words_find(&term, text, text_len, from, start, len);
	*start += first;
	return found;
}

static enum query_answer match_text(const struct query *q, const struct query_node *t, const struct query_facts *f,
				    uint64_t *given_up)
{
	size_t start, len;
	if (t->field >= QUERY_IN && t->field <= QUERY_ALERT)
		return QUERY_NO;
	if (f->text == NULL)
		return QUERY_PERHAPS;
	if (!field_covers(t->field, f->kind))
		return QUERY_NO;
	int found = find(q, t, f, 0, &start, &len);
	*given_up += found < 0;
	return found == 1 ? QUERY_YES : QUERY_NO;
}

static enum query_answer match_glob(const struct query *q, const struct query_node *t, const struct query_facts *f)
{
	const char *pattern = q->text + t->first;
	switch (t->field) {
	case QUERY_USER: return words_glob(pattern, f->user);
	case QUERY_HOST: return words_glob(pattern, f->hostname) || words_glob(pattern, f->host);
	case QUERY_TTY: return words_glob(pattern, f->tty);
	case QUERY_SRC: return words_glob(pattern, f->src);
	default: return QUERY_NO;
	}
}

static enum query_answer match_since(const struct query_node *t, const struct query_facts *f)
{
	return f->from_wall_ns >= t->wall_ns ? QUERY_YES : f->to_wall_ns < t->wall_ns ? QUERY_NO : QUERY_PERHAPS;
}

static enum query_answer opposite(enum query_answer a)
{
	return a == QUERY_PERHAPS ? a : a == QUERY_NO ? QUERY_YES : QUERY_NO;
}

static enum query_answer match(const struct query *q, uint16_t n, const struct query_facts *f, uint64_t *given_up)
{
	const struct query_node *t = &q->nodes[n];
	switch ((enum query_kind)t->kind) {
	case QUERY_AND:
	case QUERY_OR: {
		enum query_answer decides = t->kind == QUERY_AND ? QUERY_NO : QUERY_YES;
		enum query_answer left = match(q, t->left, f, given_up);
		if (left == decides)
			return left;
		enum query_answer right = match(q, t->right, f, given_up);
		return right == decides ? right : left == QUERY_PERHAPS ? left : right;
	}
	case QUERY_NOT: return opposite(match(q, t->left, f, given_up));
	case QUERY_TEXT:
	case QUERY_REGEX: return match_text(q, t, f, given_up);
	case QUERY_GLOB: return match_glob(q, t, f);
	case QUERY_SESSION: return id_equal(&t->stream, &f->stream) ? QUERY_YES : QUERY_NO;
	case QUERY_AFTER: return match_since(t, f);
	case QUERY_BEFORE: return opposite(match_since(t, f));
	}
	return QUERY_NO;
}

enum query_answer query_match(const struct query *q, const struct query_facts *f, uint64_t *given_up)
{
	if (f->text != NULL && ((f->kind == LINES_COMMAND && !q->commands) || (f->kind == LINES_PROGRAM && !q->programs)))
		return QUERY_NO;
	return match(q, q->root, f, given_up);
}

/* ---- where ---- */

struct spans { struct query_span *out; size_t count, max; };

static void collect(const struct query *q, uint16_t n, const struct query_facts *f, struct spans *s)
{
	const struct query_node *t = &q->nodes[n];
	if (t->kind == QUERY_AND || t->kind == QUERY_OR) {
		collect(q, t->left, f, s);
		collect(q, t->right, f, s);
	}
	if ((t->kind != QUERY_TEXT && t->kind != QUERY_REGEX) || !field_covers(t->field, f->kind))
		return;
	size_t from = 0, start, len;
	while (s->count < s->max && from <= f->len && find(q, t, f, from, &start, &len) == 1) {
		if (len == 0)
			break;
		s->out[s->count++] = (struct query_span){ start, len };
		from = start + len;
	}
}

static int by_start(const void *a, const void *b)
{
	const struct query_span *x = a, *y = b;
	return x->start < y->start ? -1 : x->start > y->start;
}

size_t query_spans(const struct query *q, const struct query_facts *f, struct query_span *out, size_t max)
{
	struct spans s = { out, 0, max };
	size_t n = 0;
	collect(q, q->root, f, &s);
	qsort(out, s.count, sizeof *out, by_start);
	for (size_t i = 0; i < s.count; i++) {
		struct query_span *last = n > 0 ? &out[n - 1] : NULL;
		if (last == NULL || out[i].start > last->start + last->len)
			out[n++] = out[i];
		else if (out[i].start + out[i].len > last->start + last->len)
			last->len = out[i].start + out[i].len - last->start;
	}
	return n;
}
