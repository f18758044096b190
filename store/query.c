#include "store/query.h"

#include <string.h>

#include "base/clock.h"
#include "terminal/utf8.h"
#include "terminal/width.h"

struct input {
	const uint8_t *data;
	size_t len, pos;
	struct fault *fault;
};

static int refuse(const struct input *in, size_t offset, const char *reason)
{
	return error_fault(in->fault, ITM_EFORMAT, offset, reason);
}

/* Marks stay with their letter. */
static bool is_word(uint32_t rune)
{
	if (rune < 0x80)
		return (rune | 32) - 'a' < 26 || rune - '0' < 10;
	return width_is_word(rune) || (rune >= 0x300 && width_of(rune) == 0);
}

static bool at_end(const struct input *in)
{
	return in->pos >= in->len;
}

static bool at_blank(const struct input *in)
{
	return in->data[in->pos] == ' ' || in->data[in->pos] == '\t' || in->data[in->pos] == '\n';
}

/* Append one character of the query to a term, folded. */
static int take_rune(struct input *in, struct query_term *t)
{
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
	if (rune != ' ' || t->count == 0 || t->runes[t->count - 1] != ' ')
		t->runes[t->count++] = width_fold(rune);
	in->pos += used;
	return 0;
}

static int check_term(const struct input *in, const struct query_term *t, size_t start)
{
	size_t words = 0;
	for (size_t i = 0; i < t->count; i++)
		words += is_word(t->runes[i]);
	if (words == 0)
		return refuse(in, start, "no letter or digit to look for");
	if (t->prefix && (t->count < 2 || !is_word(t->runes[t->count - 1])))
		return refuse(in, start, "at least two characters must stand before a *");
	return 0;
}

static int phrase(struct input *in, struct query_term *t)
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
		t->prefix = true;
		in->pos++;
	}
	if (!at_end(in) && !at_blank(in))
		return refuse(in, in->pos, "a blank must stand after a phrase");
	while (t->count > 0 && t->runes[t->count - 1] == ' ')
		t->count--;
	return check_term(in, t, start);
}

static int word(struct input *in, struct query_term *t)
{
	size_t start = in->pos;
	while (!at_end(in) && !at_blank(in)) {
		if (in->data[in->pos] == '"')
			return refuse(in, in->pos, "a quote inside of a word: put it in quotes, with \\\"");
		if (in->data[in->pos] == '*') {
			size_t star = in->pos++;
			if (!at_end(in) && !at_blank(in))
				return refuse(in, star, "* can only end a word");
			t->prefix = true;
			break;
		}
		int result = take_rune(in, t);
		if (result != 0)
			return result;
	}
	return check_term(in, t, start);
}

static int term(struct input *in, struct query *q, bool negative)
{
	if (q->term_count == QUERY_TERMS_MAX)
		return error_fault(in->fault, ITM_ELIMIT, in->pos, "more than 32 words");
	struct query_term *t = &q->terms[q->term_count];
	t->count = 0;
	t->prefix = false;
	t->negative = negative;
	int result = in->data[in->pos] == '"' ? phrase(in, t) : word(in, t);
	if (result == 0)
		q->term_count++;
	return result;
}

enum field { FIELD_OUT, FIELD_USER, FIELD_HOST, FIELD_SESSION, FIELD_AFTER, FIELD_BEFORE, FIELD_LATER, FIELD_NONE };
static const struct { const char *name; enum field field; } fields[] = {
	{ "out", FIELD_OUT }, { "user", FIELD_USER }, { "host", FIELD_HOST }, { "session", FIELD_SESSION },
	{ "after", FIELD_AFTER }, { "before", FIELD_BEFORE },
	/* Names of the search language whose facts are not in the index. */
	{ "exe", FIELD_LATER }, { "in", FIELD_LATER }, { "cmd", FIELD_LATER }, { "file", FIELD_LATER },
};

/* The field that starts here; its name and colon are passed over. */
static enum field field(struct input *in)
{
	for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
		size_t n = strlen(fields[i].name);
		if (in->len - in->pos > n && memcmp(in->data + in->pos, fields[i].name, n) == 0 &&
		    in->data[in->pos + n] == ':') {
			if (fields[i].field != FIELD_LATER)
				in->pos += n + 1;
			return fields[i].field;
		}
	}
	return FIELD_NONE;
}

/* The value of a field, quoted or up to a blank, as text. */
static int value(struct input *in, char out[QUERY_VALUE_SIZE])
{
	size_t start = in->pos, n = 0;
	bool quoted = !at_end(in) && in->data[in->pos] == '"';
	in->pos += quoted;
	while (!at_end(in) && (quoted ? in->data[in->pos] != '"' : !at_blank(in))) {
		if (in->data[in->pos] < 0x20)
			return refuse(in, in->pos, "a control character");
		if (n + 1 == QUERY_VALUE_SIZE)
			return error_fault(in->fault, ITM_ELIMIT, in->pos, "value too long");
		out[n++] = (char)in->data[in->pos++];
	}
	out[n] = '\0';
	if (quoted && at_end(in))
		return refuse(in, start, "this quote is not closed");
	in->pos += quoted;
	return n > 0 ? 0 : refuse(in, start, "a value must stand after the colon");
}

static int when(struct input *in, int64_t *out)
{
	char text[QUERY_VALUE_SIZE];
	size_t start = in->pos;
	int result = value(in, text);
	if (result != 0)
		return result;
	if (clock_parse(text, out) != 0)
		return refuse(in, start, "not a time: write 2026-11-23 or 2026-11-23T18:00 (UTC)");
	return 0;
}

static int condition(struct input *in, struct query *q, enum field f)
{
	switch (f) {
	case FIELD_USER: return value(in, q->user);
	case FIELD_HOST: return value(in, q->host);
	case FIELD_SESSION: return value(in, q->session);
	case FIELD_AFTER: return when(in, &q->after_wall_ns);
	case FIELD_BEFORE: return when(in, &q->before_wall_ns);
	case FIELD_LATER: return refuse(in, in->pos, "nothing of this kind is recorded yet");
	default: return 0;
	}
}

static int item(struct input *in, struct query *q)
{
	bool negative = in->data[in->pos] == '-' && !(in->pos + 1 < in->len && in->data[in->pos + 1] == '-');
	size_t start = in->pos;
	in->pos += negative;
	if (at_end(in) || at_blank(in))
		return refuse(in, start, "a word must stand after -");
	enum field f = field(in);
	if (f == FIELD_OUT && (at_end(in) || at_blank(in)))
		return refuse(in, in->pos, "a word must stand after the colon");
	if (f == FIELD_OUT || f == FIELD_NONE)
		return term(in, q, negative);
	if (negative)
		return refuse(in, start, "- can stand before words and phrases only");
	return condition(in, q, f);
}

int query_parse(const char *text, size_t len, struct query *q, struct fault *fault)
{
	struct input in = { (const uint8_t *)text, len, 0, fault };
	if (len > QUERY_MAX)
		return error_fault(fault, ITM_ELIMIT, QUERY_MAX, "a query has at most 4096 bytes");
	q->term_count = 0;
	q->user[0] = q->host[0] = q->session[0] = '\0';
	q->after_wall_ns = q->before_wall_ns = 0;
	size_t positive = 0;
	for (;;) {
		while (!at_end(&in) && at_blank(&in))
			in.pos++;
		if (at_end(&in))
			break;
		size_t terms = q->term_count;
		int result = item(&in, q);
		if (result != 0)
			return result;
		positive += q->term_count > terms && !q->terms[terms].negative;
	}
	if (positive == 0)
		return refuse(&in, len, "nothing to look for: give a word or a \"phrase\"");
	return 0;
}

/* ---- the full-text expression ---- */

/* One word character of data, folded, appended to token while it fits.  The
 * length of what was read, 0 when no word goes on here. */
static size_t split_rune(const uint8_t *data, size_t len, char token[QUERY_TOKEN_MAX], size_t *count, bool *full)
{
	uint32_t rune;
	uint8_t bytes[4];
	unsigned used = utf8_decode(data, len, &rune);
	if (used == 0 || !is_word(rune))
		return 0;
	unsigned n = utf8_encode(width_fold(rune), bytes);
	*full = *full || *count + n > QUERY_TOKEN_MAX;
	if (!*full) {
		memcpy(token + *count, bytes, n);
		*count += n;
	}
	return used;
}

int query_split(const char *text, size_t len, bool query, void *handle, query_emit *emit)
{
	const uint8_t *data = (const uint8_t *)text;
	size_t pos = 0;
	while (pos < len) {
		char token[QUERY_TOKEN_MAX];
		size_t count = 0, start = pos;
		bool full = false;
		while (pos < len) {
			uint8_t c = data[pos];
			size_t used = 1;
			if (c < 0x80 && !is_word(c))
				break;
			if (c < 0x80 && count < QUERY_TOKEN_MAX && !full)
				token[count++] = (char)width_fold(c);
			else
				used = split_rune(data + pos, len - pos, token, &count, &full);
			if (used == 0)
				break;
			pos += used;
		}
		int result = pos > start ? emit(handle, token, count, start, pos, false) : 0;
		if (result != 0)
			return result;
		if (pos == start)
			pos++;
	}
	return 0;
}

struct expression { struct buffer *out; int error; bool first; };

static int put_token(void *handle, const char *token, size_t len, size_t start, size_t end, bool same_place)
{
	struct expression *x = handle;
	/* Tokens hold letters and digits only: nothing in them can end the quotes. */
	x->error = buffer_put_text(x->out, x->first ? "\"" : " AND \"");
	if (x->error == 0)
		x->error = buffer_put(x->out, token, len);
	if (x->error == 0)
		x->error = buffer_put_u8(x->out, '"');
	x->first = false;
	return x->error;
}

int query_expression(const struct query *q, struct buffer *out)
{
	struct expression x = { out, 0, true };
	for (size_t i = 0; i < q->term_count; i++) {
		const struct query_term *t = &q->terms[i];
		char text[QUERY_RUNES_MAX * 4];
		size_t len = 0;
		if (t->negative)
			continue;
		for (size_t k = 0; k < t->count; k++)
			len += utf8_encode(t->runes[k], (uint8_t *)text + len);
		if (query_split(text, len, true, &x, put_token) != 0)
			return x.error;
		if (t->prefix && buffer_put_text(out, " *") != 0)
			return ITM_ELIMIT;
	}
	return 0;
}

/* ---- lines ---- */

/* Whether the term stands at the start of data; its length in bytes. */
static bool term_at(const struct query_term *t, const uint8_t *data, size_t len, size_t *match_len)
{
	size_t pos = 0;
	uint32_t last = 0;
	for (size_t i = 0; i < t->count; i++) {
		uint32_t rune;
		unsigned used = pos < len ? utf8_decode(data + pos, len - pos, &rune) : 0;
		if (used == 0 || width_fold(rune) != t->runes[i])
			return false;
		pos += used;
		last = rune;
		if (rune == ' ')
			while (pos < len && data[pos] == ' ')
				pos++;
	}
	uint32_t next;
	if (!t->prefix && is_word(last) && pos < len && utf8_decode(data + pos, len - pos, &next) > 0 && is_word(next))
		return false;
	*match_len = pos;
	return true;
}

static bool find_term(const struct query_term *t, const uint8_t *data, size_t len, size_t *start, size_t *match_len)
{
	bool after_word = false, word_first = is_word(t->runes[0]);
	for (size_t pos = 0; pos < len; ) {
		uint32_t rune = data[pos];
		unsigned used = rune < 0x80 ? 1 : utf8_decode(data + pos, len - pos, &rune);
		if (used == 0)
			rune = 0xfffd;
		if (width_fold(rune) == t->runes[0] && !(word_first && after_word) &&
		    term_at(t, data + pos, len - pos, match_len)) {
			*start = pos;
			return true;
		}
		after_word = is_word(rune);
		pos += used ? used : 1;
	}
	return false;
}

bool query_match(const struct query *q, const char *line, size_t len, size_t *start, size_t *match_len)
{
	bool first = true;
	for (size_t i = 0; i < q->term_count; i++) {
		size_t at, n;
		bool found = find_term(&q->terms[i], (const uint8_t *)line, len, &at, &n);
		if (found == q->terms[i].negative)
			return false;
		if (found && first) {
			*start = at;
			*match_len = n;
			first = false;
		}
	}
	return true;
}

bool query_glob(const char *pattern, const char *text)
{
	const char *star = NULL, *retry = NULL;
	while (*text != '\0') {
		if (*pattern == '*') {
			star = pattern++;
			retry = text;
		} else if (*pattern == '?' || (*pattern != '\0' && width_fold((uint8_t)*pattern) == width_fold((uint8_t)*text))) {
			pattern++;
			text++;
		} else if (star != NULL) {
			pattern = star + 1;
			text = ++retry;
		} else {
			return false;
		}
	}
	while (*pattern == '*')
		pattern++;
	return *pattern == '\0';
}
