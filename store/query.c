#include "store/query.h"

#include <string.h>

#include "base/clock.h"
#include "store/regex.h"
#include "store/words.h"
#include "terminal/utf8.h"
#include "terminal/width.h"

struct input {
	const uint8_t *data;
	size_t len, pos;
	unsigned depth;                  /* open parentheses */
	struct query *q;
	struct fault *fault;
};

static int refuse(const struct input *in, size_t offset, const char *reason)
{
	return error_fault(in->fault, ITM_EFORMAT, offset, reason);
}

static bool at_end(const struct input *in) { return in->pos >= in->len; }
static bool is_blank(uint8_t c) { return c == ' ' || c == '\t' || c == '\n'; }

/* What can't belong to an item any more. */
static bool ends_item(const struct input *in, size_t pos)
{
	return pos >= in->len || is_blank(in->data[pos]) || (in->depth > 0 && in->data[pos] == ')');
}

static void skip_blanks(struct input *in)
{
	while (!at_end(in) && is_blank(in->data[in->pos]))
		in->pos++;
}

/* and, or, not: in small or in capital letters, standing alone. */
static bool keyword_here(const struct input *in, const char *small, const char *capital)
{
	size_t n = strlen(small), end = in->pos + n;
	if (in->len - in->pos < n || (memcmp(in->data + in->pos, small, n) != 0 && memcmp(in->data + in->pos, capital, n) != 0))
		return false;
	return ends_item(in, end) || in->data[end] == '(';
}

/* A new node; its number in *out. */
static int add_node(struct input *in, enum query_kind kind, size_t at, uint16_t *out)
{
	struct query *q = in->q;
	if (q->node_count == QUERY_NODES_MAX)
		return error_fault(in->fault, ITM_ELIMIT, at, "too many words: at most 64 or so");
	q->nodes[q->node_count] = (struct query_node){ .kind = (uint8_t)kind, .at = (uint16_t)at };
	*out = q->node_count++;
	return 0;
}

static int add_pair(struct input *in, enum query_kind kind, uint16_t *left, uint16_t right)
{
	uint16_t n;
	int result = add_node(in, kind, in->q->nodes[right].at, &n);
	if (result != 0)
		return result;
	in->q->nodes[n].left = *left;
	in->q->nodes[n].right = right;
	*left = n;
	return 0;
}

/* Append one character of the query to a term, folded. */
static int take_rune(struct input *in, struct query_node *t)
{
	struct query *q = in->q;
	uint32_t rune;
	unsigned used = utf8_decode(in->data + in->pos, in->len - in->pos, &rune);
	if (used == 0)
		return refuse(in, in->pos, "not UTF-8");
	if (rune == '\t' || rune == '\n')
		rune = ' ';
	if (width_of(rune) < 0)
		return refuse(in, in->pos, "a control character");
	if (t->count == QUERY_RUNES_MAX)
		return error_fault(in->fault, ITM_ELIMIT, in->pos, "more than 256 characters in one word or phrase");
	/* Blanks in a row are one. */
	if (rune != ' ' || t->count == 0 || q->runes[q->rune_count - 1] != ' ') {
		q->runes[q->rune_count++] = width_fold(rune);
		t->count++;
	}
	in->pos += used;
	return 0;
}

static int phrase(struct input *in, struct query_node *t)
{
	size_t start = in->pos++;
	for (;;) {
		if (at_end(in))
			return refuse(in, start, "this quote is not closed");
		if (in->data[in->pos] == '"')
			break;
		if (in->data[in->pos] == '\\' && in->pos + 1 < in->len &&
		    (in->data[in->pos + 1] == '"' || in->data[in->pos + 1] == '\\'))
			in->pos++;
		int result = take_rune(in, t);
		if (result != 0)
			return result;
	}
	in->pos++;
	if (!at_end(in) && in->data[in->pos] == '*') {
		t->open_end = true;
		in->pos++;
	}
	if (!ends_item(in, in->pos))
		return refuse(in, in->pos, "a blank must stand after a phrase");
	while (t->count > 0 && in->q->runes[in->q->rune_count - 1] == ' ')
		t->count--, in->q->rune_count--;
	return t->count > 0 ? 0 : refuse(in, start, "nothing stands between the quotes");
}

static int word(struct input *in, struct query_node *t)
{
	unsigned open = 0;
	while (!at_end(in) && (open > 0 ? !is_blank(in->data[in->pos]) : !ends_item(in, in->pos))) {
		uint8_t c = in->data[in->pos];
		if (c == '"')
			return refuse(in, in->pos, "a quote inside of a word: put it in quotes, with \\\"");
		if (c == '*') {
			if (!ends_item(in, in->pos + 1))
				return refuse(in, in->pos, "* can only begin or end a word");
			t->open_end = true;
			in->pos++;
			break;
		}
		open += c == '(';
		open -= c == ')' && open > 0;
		int result = take_rune(in, t);
		if (result != 0)
			return result;
	}
	return 0;
}

/* The length of the regular expression that stands here, slashes and flag
 * included, or 0: a / that begins a word. */
static size_t regex_here(const struct input *in, size_t *pattern_len)
{
	size_t pos = in->pos + 1;
	while (pos < in->len && in->data[pos] != '/')
		pos += in->data[pos] == '\\' ? 2 : 1;
	if (pos >= in->len || pos == in->pos + 1)
		return 0;
	*pattern_len = pos - in->pos - 1;
	size_t end = pos + 1;
	if (end < in->len && in->data[end] == 'i')
		end++;
	return ends_item(in, end) ? end - in->pos : 0;
}

static int take_regex(struct input *in, struct query_node *t, size_t len, size_t pattern_len)
{
	struct fault inside = { 0, NULL };
	if (in->q->regex_count == QUERY_REGEX_MAX)
		return error_fault(in->fault, ITM_ELIMIT, in->pos, "more than 16 regular expressions");
	t->kind = QUERY_REGEX;
	t->regex = regex_new((const char *)in->data + in->pos + 1, pattern_len, len == pattern_len + 3, &inside);
	if (t->regex == NULL)
		return error_fault(in->fault, strcmp(inside.reason, "out of memory") == 0 ? ITM_ENOMEM : ITM_EFORMAT,
				   in->pos + 1 + inside.offset, inside.reason);
	in->q->regex_count++;
	in->pos += len;
	return 0;
}

/* Text to be looked for, of a field or of any. */
static int term(struct input *in, enum query_field field, uint16_t *out)
{
	size_t start = in->pos, pattern_len;
	int result = add_node(in, QUERY_TEXT, start, out);
	if (result != 0)
		return result;
	struct query_node *t = &in->q->nodes[*out];
	t->field = (uint8_t)field;
	t->first = in->q->rune_count;
	size_t regex_len = in->data[in->pos] == '/' ? regex_here(in, &pattern_len) : 0;
	if (regex_len > 0)
		return take_regex(in, t, regex_len, pattern_len);
	if (in->data[in->pos] == '*') {
		t->open_start = true;
		in->pos++;
	}
	if (!at_end(in) && in->data[in->pos] == '"')
		return phrase(in, t);
	return word(in, t);
}

/* The value of a field, quoted or to the end of the item. */
static int value(struct input *in, struct query_node *t)
{
	struct query *q = in->q;
	size_t start = in->pos;
	bool quoted = !at_end(in) && in->data[in->pos] == '"';
	t->first = q->text_len;
	in->pos += quoted;
	while (!at_end(in) && (quoted ? in->data[in->pos] != '"' : !ends_item(in, in->pos))) {
		if (in->data[in->pos] < 0x20)
			return refuse(in, in->pos, "a control character");
		if (t->count + 1 == QUERY_VALUE_SIZE)
			return error_fault(in->fault, ITM_ELIMIT, in->pos, "value too long");
		q->text[q->text_len++] = (char)in->data[in->pos++];
		t->count++;
	}
	q->text[q->text_len++] = '\0';
	if (quoted && at_end(in))
		return refuse(in, start, "this quote is not closed");
	in->pos += quoted;
	return t->count > 0 ? 0 : refuse(in, start, "a value must stand after the colon");
}

static int condition(struct input *in, enum query_field field, uint16_t *out)
{
	size_t start = in->pos;
	int result = add_node(in, field == QUERY_STREAM ? QUERY_SESSION : field == QUERY_SINCE ? QUERY_AFTER :
			      field == QUERY_UNTIL ? QUERY_BEFORE : QUERY_GLOB, start, out);
	if (result != 0)
		return result;
	struct query_node *t = &in->q->nodes[*out];
	t->field = (uint8_t)field;
	result = value(in, t);
	if (result == 0 && (field == QUERY_SINCE || field == QUERY_UNTIL) &&
	    clock_parse(in->q->text + t->first, &t->wall_ns) != 0)
		return refuse(in, start, "not a time: write 2026-11-23 or 2026-11-23T18:00 (UTC)");
	return result;
}

static const struct { const char *name; enum query_field field; } fields[] = {
	{ "out", QUERY_OUT }, { "in", QUERY_IN }, { "cmd", QUERY_CMD }, { "file", QUERY_FILE }, { "exe", QUERY_EXE },
	{ "argv", QUERY_ARGV }, { "alert", QUERY_ALERT }, { "user", QUERY_USER }, { "host", QUERY_HOST },
	{ "tty", QUERY_TTY }, { "src", QUERY_SRC }, { "session", QUERY_STREAM }, { "after", QUERY_SINCE },
	{ "before", QUERY_UNTIL },
};

/* The field that starts here; its name and colon are passed over. */
static enum query_field field_here(struct input *in)
{
	for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
		size_t n = strlen(fields[i].name);
		if (in->len - in->pos > n && memcmp(in->data + in->pos, fields[i].name, n) == 0 &&
		    in->data[in->pos + n] == ':') {
			in->pos += n + 1;
			return fields[i].field;
		}
	}
	return QUERY_ANY;
}

static int either(struct input *in, uint16_t *out);

static int group(struct input *in, uint16_t *out)
{
	size_t start = in->pos++;
	if (in->depth == QUERY_DEPTH_MAX)
		return error_fault(in->fault, ITM_ELIMIT, start, "more than 32 parentheses inside of each other");
	in->depth++;
	int result = either(in, out);
	in->depth--;
	if (result != 0)
		return result;
	if (at_end(in))
		return refuse(in, start, "a ( without its )");
	in->pos++;
	return 0;
}

static int item(struct input *in, uint16_t *out)
{
	size_t start = in->pos;
	if (in->data[in->pos] == '(')
		return group(in, out);
	if (in->data[in->pos] == ')')
		return refuse(in, start, in->depth > 0 ? "a word must stand before )" : "a ) without its (");
	enum query_field f = field_here(in);
	if (f != QUERY_ANY && ends_item(in, in->pos))
		return refuse(in, in->pos, "a value must stand after the colon");
	in->q->commands |= f == QUERY_CMD;
	in->q->programs |= f == QUERY_EXE || f == QUERY_ARGV;
	in->q->unanswered |= f >= QUERY_IN && f <= QUERY_ALERT;
	return f < QUERY_USER ? term(in, f, out) : condition(in, f, out);
}

/* An item, with any number of "not" and - before it. */
static int negation(struct input *in, uint16_t *out)
{
	bool negative = false;
	size_t start = in->pos;
	for (;;) {
		size_t before = in->pos;
		bool dash = in->data[in->pos] == '-' && !(in->pos + 1 < in->len && in->data[in->pos + 1] == '-');
		if (!dash && !keyword_here(in, "not", "NOT"))
			break;
		negative = !negative;
		in->pos += dash ? 1 : 3;
		if (dash && ends_item(in, in->pos))
			return refuse(in, before, "a word must stand after -");
		skip_blanks(in);
		if (at_end(in))
			return refuse(in, before, "a word must stand after not");
	}
	int result = item(in, out);
	if (result != 0 || !negative)
		return result;
	uint16_t n;
	result = add_node(in, QUERY_NOT, start, &n);
	if (result != 0)
		return result;
	in->q->nodes[n].left = *out;
	*out = n;
	return 0;
}

/* Items that must all match, up to "or", ) or the end. */
static int all(struct input *in, uint16_t *out)
{
	for (bool first = true;; first = false) {
		skip_blanks(in);
		size_t start = in->pos;
		bool stop = at_end(in) || keyword_here(in, "or", "OR") || (in->depth > 0 && in->data[in->pos] == ')');
		if (stop && !first)
			return 0;
		bool and = !stop && keyword_here(in, "and", "AND");
		if (stop || (and && first))
			return refuse(in, start, "a word must stand here; and, or, not are words in quotes only");
		if (and) {
			in->pos += 3;
			skip_blanks(in);
			if (at_end(in) || keyword_here(in, "or", "OR") || keyword_here(in, "and", "AND"))
				return refuse(in, start, "a word must stand after and");
		}
		uint16_t next;
		int result = negation(in, &next);
		if (result == 0 && first)
			*out = next;
		else if (result == 0)
			result = add_pair(in, QUERY_AND, out, next);
		if (result != 0)
			return result;
	}
}

static int either(struct input *in, uint16_t *out)
{
	int result = all(in, out);
	while (result == 0 && !at_end(in) && keyword_here(in, "or", "OR")) {
		uint16_t next;
		in->pos += 2;
		result = all(in, &next);
		if (result == 0)
			result = add_pair(in, QUERY_OR, out, next);
	}
	return result;
}

int query_parse(const char *text, size_t len, struct query *q, struct fault *fault)
{
	struct input in = { .data = (const uint8_t *)text, .len = len, .q = q, .fault = fault };
	q->node_count = q->rune_count = q->text_len = q->regex_count = 0;
	q->commands = q->programs = q->unanswered = false;
	if (len > QUERY_MAX)
		return error_fault(fault, ITM_ELIMIT, QUERY_MAX, "a query has at most 4096 bytes");
	skip_blanks(&in);
	if (at_end(&in))
		return refuse(&in, len, "nothing to look for: give a word or a \"phrase\"");
	int result = either(&in, &q->root);
	if (result != 0)
		query_free(q);
	return result;
}

void query_free(struct query *q)
{
	for (size_t i = 0; i < q->node_count; i++)
		regex_free(q->nodes[i].regex);
	q->node_count = 0;
}
