/* typescript of script(1), util-linux.  Timing: "SECONDS BYTES" a line, or
 * (advanced) "O SECONDS BYTES", "I SECONDS BYTES", "S SECONDS SIGNAME ...",
 * "H SECONDS NAME VALUE"; seconds since the line before.  Without timing all
 * of it was shown at once. */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "view/foreign.h"

struct script {
	const uint8_t *body, *end;   /* what is left of the output */
	bool both;                   /* body holds what was typed too (script --log-io) */
	uint64_t out, in;            /* bytes, by the timing */
	uint64_t ns;
	struct foreign_head head;
	struct foreign_clock clock;
};

struct line { const uint8_t *at, *end; };

static bool next_line(struct line *l, const uint8_t *end)
{
	const uint8_t *stop;

	if (l->end == NULL ? l->at == end : end - l->end <= 1)
		return false;
	l->at = l->end == NULL ? l->at : l->end + 1;
	stop = memchr(l->at, '\n', (size_t)(end - l->at));
	l->end = stop != NULL ? stop : end;
	return true;
}

static bool word(struct line *l, const char *text)
{
	size_t n = strlen(text);

	if ((size_t)(l->end - l->at) < n || memcmp(l->at, text, n) != 0)
		return false;
	l->at += n;
	return true;
}

static uint64_t value_of(struct line l, const char *name)
{
	const uint8_t *at = memmem(l.at, (size_t)(l.end - l.at), name, strlen(name));
	uint64_t v = 0;

	if (at == NULL)
		return 0;
	at += strlen(name);
	return foreign_decimal(&at, l.end, UINT32_MAX, &v) ? v : 0;
}

/* "2026-11-23 22:21:50+00:00", with any offset. */
static int64_t start_time(const uint8_t *at, const uint8_t *end)
{
	char text[32];
	int64_t ns = 0;
	int sign;

	foreign_text(text, sizeof(text), at, (size_t)(end - at));
	if (strlen(text) < 25 || text[22] != ':' || (text[19] != '+' && text[19] != '-'))
		return 0;
	sign = text[19] == '+' ? -1 : 1;
	for (size_t i = 20; i < 25; i++)
		if (i != 22 && (text[i] < '0' || text[i] > '9'))
			return 0;
	int minutes = ((text[20] - '0') * 10 + text[21] - '0') * 60 + (text[23] - '0') * 10 + text[24] - '0';
	text[19] = '\0';
	if (clock_parse(text, &ns) != 0)
		return 0;
	return ns + sign * (int64_t)minutes * 60 * 1000000000;
}

static void head_line(struct script *s, struct line l)
{
	size_t len;

	s->head.wall_ns = start_time(l.at, l.end);
	foreign_head_size(&s->head, value_of(l, "COLUMNS=\""), value_of(l, "LINES=\""));
	const uint8_t *term = memmem(l.at, (size_t)(l.end - l.at), "TERM=\"", 6);
	if (term == NULL)
		return;
	term += 6;
	const uint8_t *stop = memchr(term, '"', (size_t)(l.end - term));
	len = stop != NULL ? (size_t)(stop - term) : 0;
	foreign_text(s->head.term, sizeof(s->head.term), term, len);
}

/* The first line and the last are script's own words. */
static void take_body(struct script *s, const struct foreign_input *in)
{
	static const char trailer[] = "\nScript done on ";
	struct line l = { .at = in->data };
	size_t n = sizeof(trailer) - 1;

	s->body = in->data;
	s->end = s->body + in->len;
	if (in->len > 0 && next_line(&l, s->end) && word(&l, "Script started on ")) {
		head_line(s, l);
		s->body = l.end < s->end ? l.end + 1 : s->end;
	}
	for (const uint8_t *p = s->end; (size_t)(p - s->body) >= n && s->end - p < 4096; p--)
		if (memcmp(p - n, trailer, n) == 0) {
			s->end = p - n;
			break;
		}
}

struct step { char type; uint64_t ns, bytes; struct line rest; };

static bool step_read(struct line l, struct step *out)
{
	*out = (struct step){ .type = 'O' };
	if (l.end - l.at > 2 && l.at[1] == ' ' && memchr("OISH", l.at[0], 4) != NULL) {
		out->type = (char)l.at[0];
		l.at += 2;
	}
	if (!foreign_seconds(&l.at, l.end, &out->ns) || !word(&l, " "))
		return false;
	out->rest = l;
	if (out->type == 'S' || out->type == 'H')
		return true;
	return foreign_decimal(&l.at, l.end, UINT32_MAX, &out->bytes) && l.at == l.end;
}

static void take_info(struct script *s, struct line l)
{
	uint64_t v;
	const uint8_t *at;

	if (word(&l, "START_TIME ")) {
		s->head.wall_ns = start_time(l.at, l.end);
	} else if (word(&l, "TERM ")) {
		foreign_text(s->head.term, sizeof(s->head.term), l.at, (size_t)(l.end - l.at));
	} else if (word(&l, "SHELL ")) {
		foreign_text(s->head.shell, sizeof(s->head.shell), l.at, (size_t)(l.end - l.at));
	} else if (word(&l, "COMMAND ")) {
		foreign_text(s->head.command, sizeof(s->head.command), l.at, (size_t)(l.end - l.at));
	} else if (word(&l, "COLUMNS ")) {
		at = l.at;
		if (foreign_decimal(&at, l.end, UINT32_MAX, &v))
			foreign_head_size(&s->head, v, s->head.rows != 0 ? s->head.rows : 24);
	} else if (word(&l, "LINES ")) {
		at = l.at;
		if (foreign_decimal(&at, l.end, UINT32_MAX, &v))
			foreign_head_size(&s->head, s->head.columns != 0 ? s->head.columns : 80, v);
	}
}

static int survey(struct script *s, const struct foreign_input *in, struct fault *fault)
{
	const uint8_t *timing = in->timing, *end = timing + in->timing_len;
	struct line l = { .at = timing };
	struct step step;

	while (next_line(&l, end)) {
		if (l.at == l.end)
			continue;
		if (!step_read(l, &step))
			return error_fault(fault, ITM_EFORMAT, (uint64_t)(l.at - timing), "no line of a timing file");
		s->out += step.type == 'O' ? step.bytes : 0;
		s->in += step.type == 'I' ? step.bytes : 0;
		if (step.type == 'H')
			take_info(s, step.rest);
	}
	s->both = s->in > 0 && s->out + s->in == (uint64_t)(s->end - s->body);
	return 0;
}

static int put_signal(struct script *s, struct line l, const struct foreign_taker *to)
{
	if (word(&l, "SIGWINCH"))
		return foreign_resize(to, &s->clock, value_of(l, "COLS="), value_of(l, "ROWS="));
	if (!word(&l, "SIG"))
		return 0;
	for (int n = 1; n < NSIG; n++) {
		const char *name = sigabbrev_np(n);

		if (name != NULL && strlen(name) == (size_t)(l.end - l.at) && memcmp(name, l.at, strlen(name)) == 0)
			return foreign_number(to, &s->clock, RECORD_SIGNAL, (uint64_t)n);
	}
	return 0;
}

static int put_step(struct script *s, const struct step *step, const struct foreign_taker *to)
{
	struct line l = step->rest;
	uint64_t left = (uint64_t)(s->end - s->body), n = step->bytes < left ? step->bytes : left, status;
	int r = 0;

	switch (step->type) {
	case 'O':
		r = foreign_bytes(to, &s->clock, RECORD_OUT, s->body, n);
		s->body += n;
		return r;
	case 'I':
		s->body += s->both ? n : 0;
		return foreign_typed(to, &s->clock, step->bytes);
	case 'S':
		return put_signal(s, l, to);
	default:
		if (word(&l, "EXIT_CODE ") && foreign_decimal(&l.at, l.end, 255, &status))
			r = foreign_number(to, &s->clock, RECORD_EXIT, status << 8);
		return r;
	}
}

static int decode(const struct foreign_input *in, const struct foreign_taker *to, struct fault *fault)
{
	struct script s = { 0 };
	struct line l = { .at = in->timing };
	struct step step;
	int r;

	take_body(&s, in);
	if (in->timing != NULL && (r = survey(&s, in, fault)) != 0)
		return r;
	r = to->head(to->context, &s.head);
	if (r == 0 && in->timing == NULL)
		return foreign_bytes(to, &s.clock, RECORD_OUT, s.body, (size_t)(s.end - s.body));
	while (r == 0 && in->timing != NULL && next_line(&l, (const uint8_t *)in->timing + in->timing_len)) {
		if (l.at == l.end || !step_read(l, &step))
			continue;
		/* 2000 years are enough for everybody's sums. */
		s.ns += s.ns < UINT64_C(1) << 62 ? step.ns : 0;
		s.clock.time_ms = s.ns / 1000000;
		r = put_step(&s, &step, to);
	}
	return r;
}

const struct foreign foreign_script = { "typescript", decode };
