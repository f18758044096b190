#include "format/act.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define ACT_MAGIC "ITM act 1\n"
enum { ACT_NS = 1000000000 };

/* A line of text, without its end: no control character. */
static bool act_is_line(const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)s[i] < 0x20 || s[i] == 0x7f)
			return false;
	return true;
}

static bool act_is_verb(const char *s)
{
	if (*s == '\0')
		return false;
	for (; *s != '\0'; s++)
		if ((*s < 'a' || *s > 'z') && *s != '-')
			return false;
	return true;
}

static int act_put_time(struct buffer *b, int64_t wall_ns)
{
	time_t seconds = (time_t)(wall_ns / ACT_NS);
	struct tm tm;
	if (wall_ns < 0 || gmtime_r(&seconds, &tm) == NULL)
		return ITM_EINVAL;
	return buffer_printf(b, "time %04d-%02d-%02dT%02d:%02d:%02d.%09dZ\n", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday,
			     tm.tm_hour, tm.tm_min, tm.tm_sec, (int)(wall_ns % ACT_NS));
}

static int act_put_details(struct buffer *b, const char *text)
{
	while (*text != '\0') {
		size_t len = strcspn(text, "\n");
		if (text[len] != '\n' || !act_is_line(text, len))
			return ITM_EINVAL;
		int e = buffer_put_text(b, "detail ");
		e = e ? e : buffer_put(b, text, len + 1);
		if (e != 0)
			return e;
		text += len + 1;
	}
	return 0;
}

static int act_put_lines(struct buffer *b, const struct act *a)
{
	int e = buffer_put_text(b, ACT_MAGIC);
	e = e ? e : act_put_time(b, a->wall_ns);
	e = e ? e : buffer_printf(b, "uid %" PRIu32 "\n", a->uid);
	if (e == 0 && a->login != ACT_NO_LOGIN)
		e = buffer_printf(b, "login %" PRIu32 "\n", a->login);
	e = e ? e : buffer_printf(b, "verb %s\nsubject %s\nreason %s\n", a->verb, a->subject, a->reason);
	return e ? e : act_put_details(b, a->detail);
}

int act_encode(struct buffer *b, const struct act *a)
{
	size_t before = b->len;
	if (!act_is_verb(a->verb) || !act_is_line(a->subject, strlen(a->subject)) ||
	    !act_is_line(a->reason, strlen(a->reason)))
		return ITM_EINVAL;
	int e = act_put_lines(b, a);
	if (e == 0 && b->len - before > ACT_TEXT_MAX)
		e = ITM_ELIMIT;
	if (e != 0)
		b->len = before;
	return e;
}

int act_detail(struct act *a, const char *line)
{
	size_t used = strlen(a->detail), len = strlen(line);
	if (len + 2 > sizeof a->detail - used)
		return ITM_ELIMIT;
	for (size_t i = 0; i < len; i++)
		a->detail[used + i] = act_is_line(line + i, 1) ? line[i] : ' ';
	memcpy(a->detail + used + len, "\n", 2);
	return 0;
}

/* Decoding: lines in their one order. */

struct act_lines { const char *at; size_t left; };

/* The rest of the next line when it begins with the word; NULL otherwise. */
static const char *act_line(struct act_lines *l, const char *word, size_t *len)
{
	size_t skip = strlen(word);
	const char *end = memchr(l->at, '\n', l->left);
	if (end == NULL || (size_t)(end - l->at) < skip || memcmp(l->at, word, skip) != 0)
		return NULL;
	const char *text = l->at + skip;
	*len = (size_t)(end - text);
	if (!act_is_line(text, *len))
		return NULL;
	l->left -= (size_t)(end - l->at) + 1;
	l->at = end + 1;
	return text;
}

static bool act_text(struct act_lines *l, const char *word, char *out, size_t size)
{
	size_t len;
	const char *text = act_line(l, word, &len);
	if (text == NULL || len >= size)
		return false;
	memcpy(out, text, len);
	out[len] = '\0';
	return true;
}

static bool act_digits(const char **s, int count, int64_t *out)
{
	int64_t v = 0;
	for (; count > 0; count--, (*s)++) {
		if (**s < '0' || **s > '9')
			return false;
		v = v * 10 + (**s - '0');
	}
	*out = v;
	return true;
}

static bool act_time(struct act_lines *l, int64_t *out)
{
	static const struct { int digits; char after; } parts[] = {
		{ 4, '-' }, { 2, '-' }, { 2, 'T' }, { 2, ':' }, { 2, ':' }, { 2, '.' }, { 9, 'Z' },
	};
	char text[40];
	const char *s = text;
	int64_t v[7];
	if (!act_text(l, "time ", text, sizeof text))
		return false;
	for (size_t i = 0; i < 7; i++)
		if (!act_digits(&s, parts[i].digits, &v[i]) || *s++ != parts[i].after)
			return false;
	if (v[0] < 1970 || v[0] > 2261) /* what 63 bits of ns hold */
		return false;
	struct tm tm = { .tm_year = (int)v[0] - 1900, .tm_mon = (int)v[1] - 1, .tm_mday = (int)v[2],
			 .tm_hour = (int)v[3], .tm_min = (int)v[4], .tm_sec = (int)v[5] };
	*out = (int64_t)timegm(&tm) * ACT_NS + v[6];
	return *s == '\0';
}

static bool act_uid(struct act_lines *l, const char *word, uint32_t *out)
{
	char text[16];
	uint64_t v = 0;
	if (!act_text(l, word, text, sizeof text) || text[0] == '\0' || strlen(text) > 10)
		return false;
	for (const char *s = text; *s != '\0'; s++) {
		if (*s < '0' || *s > '9')
			return false;
		v = v * 10 + (uint64_t)(*s - '0');
	}
	if (v > UINT32_MAX)
		return false;
	*out = (uint32_t)v;
	return true;
}

static const char *act_parse(struct act_lines *l, struct act *a)
{
	size_t len, used = 0;
	if (act_line(l, "ITM act 1", &len) == NULL || len != 0)
		return "not an act of version 1";
	if (!act_time(l, &a->wall_ns))
		return "time of an act";
	if (!act_uid(l, "uid ", &a->uid))
		return "uid of an act";
	a->login = ACT_NO_LOGIN;
	if (l->left > 0 && *l->at == 'l' && !act_uid(l, "login ", &a->login))
		return "login of an act";
	if (!act_text(l, "verb ", a->verb, sizeof a->verb) || !act_text(l, "subject ", a->subject, sizeof a->subject) ||
	    !act_text(l, "reason ", a->reason, sizeof a->reason))
		return "verb, subject or reason of an act";
	while (l->left > 0) {
		const char *text = act_line(l, "detail ", &len);
		if (text == NULL || len + 2 > sizeof a->detail - used)
			return "detail of an act";
		memcpy(a->detail + used, text, len + 1);
		used += len + 1;
	}
	return NULL;
}

int act_decode(const void *data, size_t len, struct act *out, struct fault *fault)
{
	struct act a = { 0 };
	struct act_lines l = { data, len };
	struct buffer again;
	if (len > ACT_TEXT_MAX)
		return error_fault(fault, ITM_ELIMIT, 0, "act is too long");
	const char *wrong = len == 0 ? "not an act of version 1" : act_parse(&l, &a);
	if (wrong != NULL)
		return error_fault(fault, ITM_EFORMAT, len - l.left, wrong);
	buffer_init(&again, ACT_TEXT_MAX);
	int e = act_encode(&again, &a);
	if (e == 0 && (again.len != len || memcmp(again.data, data, len) != 0))
		e = ITM_EFORMAT;
	buffer_free(&again);
	if (e != 0)
		return error_fault(fault, ITM_EFORMAT, 0, "act is not in its one form");
	*out = a;
	return 0;
}
