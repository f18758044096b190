#include "agent/watchd/audit_text.h"

#include <ctype.h>
#include <linux/audit.h>
#include <string.h>

enum { EXE_MAX = 4096, COMM_MAX = 16, DEVICE_SHIFT = 20, PTS_MAJOR = 136, TTY_MAJOR = 4, SERIAL_BASE = 64 };

struct word { const char *key, *value; size_t key_len, value_len; };

static void reset(struct audit_text_event *e)
{
	buffer_clear(&e->exe);
	buffer_clear(&e->cwd);
	buffer_clear(&e->comm);
	buffer_clear(&e->arguments);
	e->serial = 0;
	e->exec = e->success = false;
	e->argument = -1;
	e->told = (struct observer_told){ .loginuid = UINT32_MAX, .audit_session = UINT32_MAX };
}

void audit_text_init(struct audit_text *a)
{
	memset(a, 0, sizeof *a);
	for (size_t i = 0; i < AUDIT_TEXT_OPEN; i++) {
		buffer_init(&a->open[i].exe, EXE_MAX);
		buffer_init(&a->open[i].cwd, EXE_MAX);
		buffer_init(&a->open[i].comm, COMM_MAX);
		buffer_init(&a->open[i].arguments, PROCFILE_ARGUMENTS);
		reset(&a->open[i]);
	}
}

void audit_text_free(struct audit_text *a)
{
	for (size_t i = 0; i < AUDIT_TEXT_OPEN; i++) {
		buffer_free(&a->open[i].exe);
		buffer_free(&a->open[i].cwd);
		buffer_free(&a->open[i].comm);
		buffer_free(&a->open[i].arguments);
	}
}

/* ---- words ---- */

/* The next key=value; a quoted value goes to its second quote. */
static bool next_word(const char **at, const char *end, struct word *w)
{
	const char *p = *at;

	while (p < end && *p == ' ')
		p++;
	const char *equals = memchr(p, '=', (size_t)(end - p));
	const char *blank = memchr(p, ' ', (size_t)(end - p));
	while (equals != NULL && blank != NULL && blank < equals) { /* a word without = */
		p = blank + 1;
		blank = memchr(p, ' ', (size_t)(end - p));
	}
	if (equals == NULL)
		return false;
	const char *value = equals + 1, *stop;
	if (value < end && *value == '"')
		stop = memchr(value + 1, '"', (size_t)(end - value - 1));
	else
		stop = memchr(value, ' ', (size_t)(end - value));
	if (stop == NULL)
		stop = end;
	else if (*stop == '"')
		stop++;
	*w = (struct word){ p, value, (size_t)(equals - p), (size_t)(stop - value) };
	*at = stop;
	return true;
}

static bool is(const struct word *w, const char *key)
{
	return w->key_len == strlen(key) && memcmp(w->key, key, w->key_len) == 0;
}

static uint64_t number(const char *at, size_t len)
{
	uint64_t v = 0;

	for (; len > 0 && isdigit((unsigned char)*at); at++, len--)
		v = v * 10 + (uint64_t)(*at - '0');
	return v;
}

static int digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* False: there is no room for all of it. */
static bool put_text(struct buffer *b, const char *value, size_t len)
{
	if (len >= 2 && value[0] == '"') {
		size_t n = len - (value[len - 1] == '"' ? 2 : 1), room = b->max - b->len;
		return buffer_put(b, value + 1, n < room ? n : room) == 0 && n <= room;
	}
	for (size_t i = 0; i + 1 < len; i += 2) {
		int high = digit(value[i]), low = digit(value[i + 1]);
		if (high < 0 || low < 0)
			return true; /* "(null)" */
		if (buffer_put_u8(b, (uint8_t)(high << 4 | low)) != 0)
			return false;
	}
	return true;
}

/* ---- records ---- */

/* "pts3", "tty1", "ttyS0" as major << 20 | minor; 0 for others. */
static uint32_t terminal(const char *name, size_t len)
{
	if (len > 3 && memcmp(name, "pts", 3) == 0)
		return PTS_MAJOR << DEVICE_SHIFT | (uint32_t)number(name + 3, len - 3);
	if (len > 4 && memcmp(name, "ttyS", 4) == 0)
		return TTY_MAJOR << DEVICE_SHIFT | (SERIAL_BASE + (uint32_t)number(name + 4, len - 4));
	if (len > 3 && memcmp(name, "tty", 3) == 0)
		return TTY_MAJOR << DEVICE_SHIFT | (uint32_t)number(name + 3, len - 3);
	return 0;
}

static void take_call(struct audit_text_event *e, const struct word *w)
{
	struct observer_told *t = &e->told;
	const struct { const char *key; uint32_t *to; } numbers[] = {
		{ "pid", &t->pid }, { "ppid", &t->parent }, { "uid", &t->uid }, { "euid", &t->euid }, { "suid", &t->suid },
		{ "fsuid", &t->fsuid }, { "gid", &t->gid }, { "egid", &t->egid }, { "auid", &t->loginuid }, { "ses", &t->audit_session },
	};

	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
		if (is(w, numbers[i].key))
			*numbers[i].to = (uint32_t)number(w->value, w->value_len);
	if (is(w, "success"))
		e->success = w->value_len == 3 && memcmp(w->value, "yes", 3) == 0;
	else if (is(w, "tty"))
		t->tty = terminal(w->value, w->value_len);
	else if (is(w, "exe") && e->exe.len == 0)
		(void)put_text(&e->exe, w->value, w->value_len);
	else if (is(w, "comm") && e->comm.len == 0)
		(void)put_text(&e->comm, w->value, w->value_len);
}

/* a0="sh" a1=2D63 a2_len=9000 a2[0]=... a2[1]=...: the pieces of a long one can
 * stand in several records. */
static void take_argument(struct audit_text_event *e, const struct word *w)
{
	if (is(w, "argc"))
		e->told.argc = (uint32_t)number(w->value, w->value_len);
	if (w->key_len < 2 || w->key[0] != 'a' || !isdigit((unsigned char)w->key[1]) || memchr(w->key, '_', w->key_len) != NULL)
		return;
	int64_t which = (int64_t)(number(w->key + 1, w->key_len - 1) & INT32_MAX);
	bool whole = e->argument < 0 || e->argument == which || buffer_put_u8(&e->arguments, 0) == 0;
	e->argument = which;
	if (!whole || !put_text(&e->arguments, w->value, w->value_len))
		e->told.cut = true;
}

static void take(struct audit_text_event *e, unsigned type, const char *at, const char *end)
{
	struct word w;

	while (next_word(&at, end, &w))
		if (type == AUDIT_SYSCALL)
			take_call(e, &w);
		else if (type == AUDIT_EXECVE)
			take_argument(e, &w);
		else if (type == AUDIT_CWD && is(&w, "cwd") && e->cwd.len == 0)
			(void)put_text(&e->cwd, w.value, w.value_len);
	e->exec |= type == AUDIT_EXECVE;
}

/* "audit(1700000000.123:456): " */
static const char *read_stamp(const char *at, const char *end, uint64_t *serial, int64_t *wall_ms)
{
	static const char word[] = "audit(";
	const char *dot, *colon, *close;

	if ((size_t)(end - at) < sizeof word - 1 || memcmp(at, word, sizeof word - 1) != 0)
		return NULL;
	at += sizeof word - 1;
	dot = memchr(at, '.', (size_t)(end - at));
	colon = dot != NULL ? memchr(dot, ':', (size_t)(end - dot)) : NULL;
	close = colon != NULL ? memchr(colon, ')', (size_t)(end - colon)) : NULL;
	if (close == NULL)
		return NULL;
	*wall_ms = (int64_t)((number(at, (size_t)(dot - at)) * 1000 + number(dot + 1, (size_t)(colon - dot - 1))) & INT64_MAX);
	*serial = number(colon + 1, (size_t)(close - colon - 1));
	return close + 1 < end && close[1] == ':' ? close + 2 : close + 1;
}

/* The place of that event; a new one takes a free place or that of the oldest. */
static struct audit_text_event *place_of(struct audit_text *a, uint64_t serial)
{
	struct audit_text_event *best = &a->open[0];

	for (size_t i = 0; i < AUDIT_TEXT_OPEN; i++) {
		struct audit_text_event *e = &a->open[i];
		if (e->serial == serial)
			return e;
		if (best->serial != 0 && (e->serial == 0 || e->order < best->order))
			best = e;
	}
	if (best->serial != 0 && best->exec)
		a->lost++;
	reset(best);
	best->serial = serial;
	best->order = ++a->begun;
	return best;
}

static const struct audit_text_event *finish(struct audit_text_event *e)
{
	struct observer_told *t = &e->told;
	bool told = e->exec && e->success && t->pid != 0;

	e->serial = 0;
	if (!told)
		return NULL;
	if (e->argument >= 0 && buffer_put_u8(&e->arguments, 0) != 0)
		t->cut = true;
	t->exe = (const char *)e->exe.data;
	t->exe_len = e->exe.len;
	t->cwd = (const char *)e->cwd.data;
	t->cwd_len = e->cwd.len;
	t->comm = (const char *)e->comm.data;
	t->comm_len = e->comm.len;
	t->arguments = (const char *)e->arguments.data;
	t->arguments_len = e->arguments.len;
	return e;
}

const struct audit_text_event *audit_text_add(struct audit_text *a, unsigned type, const char *text, size_t len)
{
	const char *end = text + len;
	uint64_t serial;
	int64_t wall_ms;
	const char *at = read_stamp(text, end, &serial, &wall_ms);

	if (at == NULL || serial == 0 || len > AUDIT_TEXT_MAX ||
	    (type != AUDIT_SYSCALL && type != AUDIT_EXECVE && type != AUDIT_CWD && type != AUDIT_EOE))
		return NULL;
	struct audit_text_event *e = place_of(a, serial);
	e->wall_ms = wall_ms;
	if (type == AUDIT_EOE)
		return finish(e);
	take(e, type, at, end);
	return NULL;
}
