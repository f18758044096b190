#include <stdlib.h>
#include <string.h>

#include "store/query.h"
#include "store/regex.h"
#include "store/words.h"
#include "terminal/utf8.h"

/* ---- the full-text expression ---- */

/* What is appended for one word or phrase. */
struct tokens {
	const struct query_node *t;
	struct buffer *out;
	size_t text_len;
	unsigned count;
	int error;
};

static int put_token(void *handle, const char *token, size_t len, size_t start, size_t end, bool same_place)
{
	struct tokens *x = handle;
	bool part_start = x->t->open_start && start == 0, part_end = x->t->open_end && end == x->text_len;
	/* Of the end of a word the index knows nothing; of one letter too much. */
	if (part_start || (part_end && len < 2))
		return 0;
	/* Tokens hold letters and digits only: nothing in them can end the quotes. */
	x->error = buffer_put_text(x->out, x->count++ == 0 ? "\"" : " AND \"");
	if (x->error == 0)
		x->error = buffer_put(x->out, token, len);
	if (x->error == 0)
		x->error = buffer_put_text(x->out, part_end && len < WORDS_TOKEN_MAX ? "\" *" : "\"");
	return x->error;
}

static int text_expression(const struct query *q, const struct query_node *t, struct buffer *out)
{
	char text[QUERY_RUNES_MAX * 4];
	size_t len = 0;
	for (size_t k = 0; k < t->count; k++)
		len += utf8_encode(q->runes[t->first + k], (uint8_t *)text + len);
	struct tokens x = { t, out, len, 0, 0 };
	(void)words_split(text, len, true, &x, put_token);
	return x.error != 0 ? x.error : x.count > 0;
}

static int expression(const struct query *q, uint16_t n, struct buffer *out);

static int pair_expression(const struct query *q, const struct query_node *t, struct buffer *out)
{
	bool or = t->kind == QUERY_OR;
	size_t start = out->len;
	int left = or ? buffer_put_text(out, "(") : 0;
	if (left == 0)
		left = expression(q, t->left, out);
	if (left < 0 || (or && left == 0))
		goto done;
	size_t middle = out->len;
	int right = left == 1 ? buffer_put_text(out, or ? " OR " : " AND ") : 0;
	if (right == 0)
		right = expression(q, t->right, out);
	if (right == 1 && or)
		right = buffer_put_text(out, ")") == 0 ? 1 : ITM_ELIMIT;
	if (right < 0)
		return right;
	/* One half of "and" will do; of "or" both must be known. */
	if (right == 0)
		out->len = or ? start : middle;
	return or ? right : left | right;
done:
	out->len = start;
	return left;
}

static int expression(const struct query *q, uint16_t n, struct buffer *out)
{
	const struct query_node *t = &q->nodes[n];
	switch (t->kind) {
	case QUERY_TEXT: return text_expression(q, t, out);
	case QUERY_AND:
	case QUERY_OR: return pair_expression(q, t, out);
	default: return 0;
	}
}

int query_expression(const struct query *q, struct buffer *out)
{
	return expression(q, q->root, out);
}

/* ---- lines ---- */

/* Whether text of the line's kind is meant. */
static bool field_covers(enum query_field field, enum lines_kind kind)
{
	switch (field) {
	case QUERY_ANY: return true;
	case QUERY_OUT: return kind == LINES_SHOWN || kind == LINES_RAW;
	case QUERY_CMD: return kind == LINES_COMMAND;
	case QUERY_FILE: return kind == LINES_FILE;
	default: return false;
	}
}

/* The next place of a word or expression at or after `from`: 1, 0, ITM_ETIMEOUT. */
static int find(const struct query *q, const struct query_node *t, const struct query_facts *f, size_t from,
		size_t *start, size_t *len)
{
	struct words_term term = { q->runes + t->first, t->count, t->open_start, t->open_end };
	if (t->kind == QUERY_REGEX)
		return regex_find(t->regex, f->text, f->len, from, start, len);
	*start = *len = 0;
	return t->count == 0 || words_find(&term, f->text, f->len, from, start, len);
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
	if (f->text != NULL && f->kind == LINES_COMMAND && !q->commands)
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
