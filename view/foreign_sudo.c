/* sudo's I/O log (sudoers(5), sudoreplay(8)): timing has "TYPE SECONDS ..." a
 * line, seconds since the line before; log has in its first line
 * "time:user:runas:group:tty:lines:columns", then the directory, then the
 * command.  Only ttyout is taken: what went by pipes is told as bytes seen. */
#include <string.h>

#include "view/foreign.h"

enum { SUDO_STDIN, SUDO_STDOUT, SUDO_STDERR, SUDO_TTYIN, SUDO_TTYOUT, SUDO_WINSIZE, SUDO_UNUSED /* and above: nothing to show */ };

/* A field up to a colon. */
static bool field(const uint8_t **at, const uint8_t *end, const uint8_t **text, size_t *len)
{
	const uint8_t *stop = *at < end ? memchr(*at, ':', (size_t)(end - *at)) : NULL;

	*text = *at;
	*len = stop != NULL ? (size_t)(stop - *at) : (size_t)(end - *at);
	*at = stop != NULL ? stop + 1 : end;
	return stop != NULL;
}

static void read_log(const uint8_t *log, size_t len, struct foreign_head *head)
{
	const uint8_t *end = log + len, *line = memchr(log, '\n', len), *at = log, *text, *next;
	const uint8_t *stop = line != NULL ? line : end;
	uint64_t seconds, rows = 0, columns = 0;
	size_t n;

	/* Beside it sudo writes log.json, which we do not need. */
	if (!foreign_decimal(&at, stop, UINT32_MAX, &seconds))
		return;
	head->wall_ns = (int64_t)seconds * 1000000000;
	while (at < stop && *at++ != ':')
		;
	if (field(&at, stop, &text, &n))
		foreign_text(head->user, sizeof(head->user), text, n);
	for (int i = 0; i < 3; i++)
		field(&at, stop, &text, &n);
	if (foreign_decimal(&at, stop, UINT32_MAX, &rows) && at < stop && *at++ == ':' &&
	    foreign_decimal(&at, stop, UINT32_MAX, &columns))
		foreign_head_size(head, columns, rows);
	next = line != NULL ? memchr(line + 1, '\n', (size_t)(end - line - 1)) : NULL;
	if (next == NULL)
		return;
	next++;
	line = memchr(next, '\n', (size_t)(end - next));
	foreign_text(head->command, sizeof(head->command), next, (size_t)((line != NULL ? line : end) - next));
}

struct sudo {
	const uint8_t *out, *out_end;
	uint64_t ns;
	struct foreign_clock clock;
};

/* One line of timing; 0, an error of the taker, or ITM_EFORMAT. */
static int step(struct sudo *s, const uint8_t *at, const uint8_t *end, const struct foreign_taker *to)
{
	uint64_t type, ns, a = 0, b = 0, left = (uint64_t)(s->out_end - s->out);
	int r;

	if (!foreign_decimal(&at, end, 99, &type) || at == end || *at++ != ' ' || !foreign_seconds(&at, end, &ns))
		return ITM_EFORMAT;
	s->ns += s->ns < UINT64_C(1) << 62 ? ns : 0;
	s->clock.time_ms = s->ns / 1000000;
	if (type >= SUDO_UNUSED)
		return 0;
	if (at == end || *at++ != ' ' || !foreign_decimal(&at, end, UINT32_MAX, &a))
		return ITM_EFORMAT;
	switch (type) {
	case SUDO_TTYOUT:
		a = a < left ? a : left;
		r = foreign_bytes(to, &s->clock, RECORD_OUT, s->out, a);
		s->out += a;
		return r;
	case SUDO_WINSIZE:
		if (at == end || *at++ != ' ' || !foreign_decimal(&at, end, UINT32_MAX, &b))
			return ITM_EFORMAT;
		return foreign_resize(to, &s->clock, b, a);
	case SUDO_STDIN:
	case SUDO_TTYIN:
		return foreign_typed(to, &s->clock, a);
	default:
		return foreign_number(to, &s->clock, RECORD_COUNTED, a << 2 | (type == SUDO_STDERR ? 2 : 1));
	}
}

static bool compressed(const void *data, size_t len)
{
	return len >= 2 && memcmp(data, "\x1f\x8b", 2) == 0;
}

static int decode(const struct foreign_input *in, const struct foreign_taker *to, struct fault *fault)
{
	const uint8_t *timing = in->timing;
	struct foreign_head head = { 0 };
	struct sudo s = { .out = in->data, .out_end = (const uint8_t *)in->data + in->len };
	size_t pos = 0, len;
	int r;

	if (timing == NULL || in->data == NULL)
		return error_fault(fault, ITM_EINVAL, 0, "a sudo I/O log has the files timing and ttyout");
	if (compressed(timing, in->timing_len) || compressed(in->data, in->len))
		return error_fault(fault, ITM_EFORMAT, 0, "compressed: gunzip its files first (or sudoers: !compress_io)");
	if (in->log != NULL && in->log_len > 0)
		read_log(in->log, in->log_len, &head);
	r = to->head(to->context, &head);
	for (; pos < in->timing_len && r == 0; pos += len + 1) {
		const uint8_t *end = memchr(timing + pos, '\n', in->timing_len - pos);

		len = end != NULL ? (size_t)(end - timing) - pos : in->timing_len - pos;
		if (len > 0)
			r = step(&s, timing + pos, timing + pos + len, to);
		if (r == ITM_EFORMAT)
			return error_fault(fault, r, pos, "no line of a timing file");
	}
	return r;
}

const struct foreign foreign_sudo = { "sudo", decode };
