#include "terminal/prompt.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "terminal/text.h"

/* What prompts end in. */
static const char *const signs[] = { "$", "#", "%", ">", "\xe2\x9d\xaf" /* ❯ */, "\xe2\x9e\x9c" /* ➜ */, "\xc2\xbb" /* » */,
				     "\xce\xbb" /* λ */ };

void prompt_init(struct prompt *p, prompt_each *each, void *context)
{
	*p = (struct prompt){ .each = each, .context = context };
	buffer_init(&p->left, PROMPT_LINE_MAX);
	buffer_init(&p->waiting, PROMPT_LINE_MAX);
	buffer_init(&p->line, PROMPT_LINE_MAX);
}

void prompt_free(struct prompt *p)
{
	buffer_free(&p->left);
	buffer_free(&p->waiting);
	buffer_free(&p->line);
}

int prompt_copy(struct prompt *to, const struct prompt *from)
{
	struct prompt mine = *to;
	*to = *from;
	to->each = mine.each;
	to->context = mine.context;
	to->left = mine.left;
	to->waiting = mine.waiting;
	to->line = mine.line;
	return buffer_put(&to->left, from->left.data, from->left.len) == 0 &&
	       buffer_put(&to->waiting, from->waiting.data, from->waiting.len) == 0 ? 0 : ITM_ENOMEM;
}

/* Append a row; one that goes on in the next keeps its blanks. */
static void put_row(struct buffer *out, const struct vt *v, unsigned y, unsigned used, bool goes_on)
{
	const struct vt_cell *cells = used > 0 ? vt_row(v, y) : NULL;
	if (text_row(out, cells, used) != 0)
		return;
	for (; goes_on && used > 0 && (cells[used - 1].rune == 0 || cells[used - 1].rune == ' ') && cells[used - 1].width == 1; used--)
		(void)buffer_put_u8(out, ' ');
}

/* The screen line the cursor is on, over the rows it wraps; all of it, or what
 * stands left of the cursor. */
static void read_line(struct buffer *out, const struct vt *v, bool to_cursor)
{
	unsigned x, y, first;
	bool visible;
	vt_cursor(v, &x, &y, &visible);
	buffer_clear(out);
	for (first = y; first > 0 && vt_row_wrapped(v, first - 1); first--)
		;
	for (;; first++) {
		bool last = to_cursor ? first == y : first + 1 >= vt_rows(v) || !vt_row_wrapped(v, first);
		unsigned used = vt_row_used(v, first);
		put_row(out, v, first, to_cursor && last && x < used ? x : used, !last);
		if (last)
			break;
	}
}

/* The length of the sign that stands here, or 0. */
static size_t sign_at(const char *text, size_t len)
{
	for (size_t i = 0; i < sizeof signs / sizeof *signs; i++)
		if (len >= strlen(signs[i]) && memcmp(text, signs[i], strlen(signs[i])) == 0)
			return strlen(signs[i]);
	return 0;
}

static bool ends_in_sign(const char *text)
{
	size_t len = strlen(text);
	for (size_t n = 1; n <= 3 && n <= len; n++)
		if (sign_at(text + len - n, n) == n)
			return true;
	return false;
}

/* The prompt is what stands left of the cursor now. */
static void take_prompt(struct prompt *p, const struct vt *v)
{
	read_line(&p->line, v, true);
	size_t len = p->line.len;
	while (len > 0 && p->line.data[len - 1] == ' ')
		len--;
	p->text[0] = '\0';
	if (len < sizeof p->text)
		snprintf(p->text, sizeof p->text, "%.*s", (int)len, (const char *)p->line.data);
}

/* Where the command begins when the line begins with this prompt; 0: it doesn't. */
static size_t after_prompt(const struct buffer *line, const char *prompt)
{
	size_t n = strlen(prompt);
	return n > 0 && line->len >= n && memcmp(line->data, prompt, n) == 0 ? n : 0;
}

/* As above, behind the first sign of a prompt. */
static size_t after_sign(const struct buffer *line)
{
	const char *text = (const char *)line->data;
	for (size_t i = 0; i < line->len; i++) {
		size_t n = sign_at(text + i, line->len - i);
		if (n > 0 && i + n < line->len && text[i + n] == ' ')
			return i + n;
	}
	return 0;
}

static void give(struct prompt *p, uint64_t time_ms, const struct buffer *text, int status)
{
	struct prompt_command c = { time_ms, status >= 0, (uint8_t)(status >= 0 ? status : 0), (const char *)text->data, text->len };
	p->each(p->context, &c);
}

static void give_waiting(struct prompt *p, int status)
{
	if (p->has_waiting)
		give(p, p->waiting_ms, &p->waiting, status);
	p->has_waiting = false;
}

/* The line was accepted: what stands right of its prompt is the command. */
static void accept(struct prompt *p, const struct buffer *line)
{
	const char *text = (const char *)line->data;
	size_t start = after_prompt(line, p->text), end = line->len;
	if (start > 0)
		memcpy(p->learnt, p->text, sizeof p->learnt);
	else
		start = after_prompt(line, p->learnt);
	if (start == 0)
		start = after_sign(line);
	p->typing = p->marked = p->has_left = false;
	p->text[0] = '\0';
	while (end > start && text[end - 1] == ' ')
		end--;
	while (start < end && text[start] == ' ')
		start++;
	/* Given up with Ctrl-C, as the terminal echoes it. */
	bool dropped = end >= 2 && memcmp(text + end - 2, "^C", 2) == 0;
	give_waiting(p, -1);
	if (start == 0 || start == end || dropped)
		return;
	buffer_clear(&p->waiting);
	if (buffer_put(&p->waiting, text + start, end - start) != 0)
		return;
	p->waiting_ms = p->time_ms;
	p->has_waiting = true;
	if (!p->statuses)
		give_waiting(p, -1);
}

void prompt_key(struct prompt *p, const struct vt *v)
{
	if (p->typing || vt_alternate(v))
		return;
	p->typing = true;
	take_prompt(p, v);
	if (!vt_bracketed_paste(v) && !ends_in_sign(p->text))
		p->text[0] = '\0';
}

void prompt_newline(struct prompt *p, const struct vt *v)
{
	bool editing = vt_bracketed_paste(v);
	if ((!editing && !p->typing) || vt_alternate(v))
		return;
	read_line(&p->left, v, false);
	p->has_left = true;
	if (editing)
		return;
	if (p->text[0] != '\0' && after_prompt(&p->left, p->text) > 0)
		accept(p, &p->left);
	p->typing = p->marked = false;
}

void prompt_paste(struct prompt *p, const struct vt *v, bool on)
{
	unsigned x, y;
	bool visible;
	vt_cursor(v, &x, &y, &visible);
	if (on) {
		p->typing = p->marked;
		p->has_left = false;
	} else if (vt_bracketed_paste(v) && !vt_alternate(v)) {
		/* bash says so after its line feed, zsh before it. */
		if (x > 0)
			read_line(&p->left, v, false);
		if (x > 0 || p->has_left)
			accept(p, &p->left);
	}
}

void prompt_string(struct prompt *p, const struct vt *v, const uint8_t *text, size_t len)
{
	if (len < 5 || memcmp(text, "133;", 4) != 0 || vt_alternate(v))
		return;
	p->statuses = true;
	switch (text[4]) {
	case 'A':
		give_waiting(p, -1);
		break;
	case 'B':
		take_prompt(p, v);
		p->typing = p->marked = true;
		break;
	case 'D': {
		char number[8] = "";
		if (len > 6)
			snprintf(number, sizeof number, "%.*s", (int)(len - 6 < 7 ? len - 6 : 7), (const char *)text + 6);
		char *end;
		unsigned long status = strtoul(number, &end, 10);
		give_waiting(p, end > number && status <= 255 ? (int)status : -1);
		break;
	}
	default:
		break;
	}
}

void prompt_finish(struct prompt *p)
{
	give_waiting(p, -1);
}
