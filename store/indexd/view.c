#include "store/indexd/view.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/meta.h"
#include "store/filenote.h"
#include "store/hostnote.h"
#include "store/program.h"
#include "terminal/text.h"

enum { COLUMNS = 80, ROWS = 24 }; /* where the metadata don't say */
enum { NOTE_TEXT_MAX = LINES_LENGTH_MAX, PROGRAM_TEXT_MAX = 128 * 1024 };

void view_init(struct view *v, const struct id *host, const struct id *stream,
	       void (*full)(void *context, struct view *v), void *context)
{
	*v = (struct view){ .full = full, .context = context };
	v->session.host = *host;
	v->session.stream = *stream;
	tblock_init(&v->block);
}

void view_free(struct view *v)
{
	lines_free(v->lines);
	tblock_free(&v->block);
	v->lines = NULL;
}

static void on_line(void *context, const struct lines_line *line)
{
	struct view *v = context;
	int result = tblock_add(&v->block, line);
	if (result == ITM_ELIMIT) {
		/* Only a block that is left growing gets here: the newest counts. */
		tblock_clear(&v->block);
		result = tblock_add(&v->block, line);
	}
	if (result != 0 && v->error == 0)
		v->error = result;
	if (tblock_full(&v->block))
		v->full(v->context, v);
}

int view_copy(struct view *to, const struct view *from, void (*full)(void *context, struct view *v), void *context)
{
	*to = *from;
	to->full = full;
	to->context = context;
	to->lines = NULL;
	tblock_init(&to->block);
	if (from->lines != NULL && (to->lines = lines_copy(from->lines, on_line, to)) == NULL)
		return ITM_ENOMEM;
	return 0;
}

/* One value as text that is safe to list; cut to fit. */
static void meta_text(const struct record_event *e, const char *key, char *out, size_t size)
{
	char value[4096];
	struct buffer escaped;
	out[0] = '\0';
	int len = meta_get((const char *)e->data, e->len, key, 0, value, sizeof value);
	if (len < 0)
		return;
	buffer_init(&escaped, sizeof value * 4);
	if (text_escape(&escaped, value, (size_t)len) == 0 && buffer_text(&escaped) != NULL)
		snprintf(out, size, "%.*s", (int)(size - 1), buffer_text(&escaped));
	buffer_free(&escaped);
}

static uint32_t meta_number(const struct record_event *e, const char *key, uint32_t fallback)
{
	char value[32], *end;
	if (meta_get((const char *)e->data, e->len, key, 0, value, sizeof value) <= 0)
		return fallback;
	unsigned long n = strtoul(value, &end, 10);
	return *end == '\0' && n <= UINT32_MAX ? (uint32_t)n : fallback;
}

/* What the shell was told to do: its words without its own name and -c.  A
 * login shell was told nothing. */
static void meta_command(const struct record_event *e, char *out, size_t size)
{
	struct buffer text;
	char value[4096];
	buffer_init(&text, size * 8);
	for (size_t n = 1; text.len < size; n++) {
		int len = meta_get((const char *)e->data, e->len, "argv", n, value, sizeof value);
		if (n == 1 && len == 2 && memcmp(value, "-c", 2) == 0)
			continue;
		if (len < 0 || (text.len > 0 && buffer_put_u8(&text, ' ') != 0) ||
		    text_escape(&text, value, (size_t)len) != 0)
			break;
	}
	const char *s = buffer_text(&text);
	snprintf(out, size, "%.*s", (int)(size - 1), s != NULL ? s : "");
	buffer_free(&text);
}

static void take_meta(struct index_session *s, const struct record_event *e)
{
	char login[64];
	meta_text(e, "hostname", s->hostname, sizeof s->hostname);
	meta_text(e, "user", s->user, sizeof s->user);
	meta_text(e, "service", s->service, sizeof s->service);
	meta_text(e, "rhost", s->rhost, sizeof s->rhost);
	meta_text(e, "tty", s->tty, sizeof s->tty);
	meta_text(e, "mode", s->mode, sizeof s->mode);
	meta_text(e, "shell", s->shell, sizeof s->shell);
	meta_text(e, "login_id", login, sizeof login);
	meta_command(e, s->command, sizeof s->command);
	if (id_parse(login, &s->login) != 0)
		s->login = (struct id){ 0 };
	s->uid = meta_number(e, "uid", UINT32_MAX);
	s->columns = meta_number(e, "columns", COLUMNS);
	s->rows = meta_number(e, "rows", ROWS);
}

static int need_lines(struct view *v)
{
	if (v->lines != NULL)
		return 0;
	v->lines = lines_new(v->session.columns ? v->session.columns : COLUMNS,
			     v->session.rows ? v->session.rows : ROWS,
			     strcmp(v->session.mode, "pipe") == 0, on_line, v);
	return v->lines != NULL ? 0 : ITM_ENOMEM;
}

static int output(struct view *v, unsigned stream, const struct record_event *e)
{
	v->session.out_bytes += e->code;
	if (e->data == NULL || e->len == 0)
		return 0;       /* the column was dropped */
	int result = need_lines(v);
	return result != 0 ? result : lines_feed(v->lines, v->time_ms, stream, e->data, e->len);
}

static int resize(struct view *v, uint64_t code)
{
	v->session.columns = (uint32_t)(code >> 16 & 0xffff);
	v->session.rows = (uint32_t)(code & 0xffff);
	int result = need_lines(v);
	if (result == 0)
		lines_resize(v->lines, v->time_ms, v->session.columns, v->session.rows);
	return result;
}

static void keys(struct view *v, uint64_t count)
{
	v->session.keys += count;
	if (v->lines != NULL)
		lines_key(v->lines);
}

/* Files that passed are found by name and digest, though never on a screen. */
static int take_note(struct view *v, const struct record_event *e)
{
	struct buffer text;
	buffer_init(&text, NOTE_TEXT_MAX);
	int result = e->data != NULL ? filenote_put(&text, e->data, e->len) : ITM_ENOENT;
	if (result == 0)
		on_line(v, &(struct lines_line){ .time_ms = v->time_ms, .kind = LINES_FILE, .text = (const char *)text.data, .len = text.len });
	buffer_free(&text);
	return result == ITM_ENOMEM ? result : 0;
}

static int take_host_event(struct view *v, const struct record_event *e)
{
	struct index_event out = { .number = v->events, .provisional = v->session.provisional };
	if (v->event == NULL || hostnote_read(e, v->wall_ns + (int64_t)(e->time_ms * 1000000), &out) != 0)
		return 0;
	v->events++;
	return v->event(v->context, &out);
}

/* What ran stands in the stream of the host's monitor; its line names the session. */
static int take_activity(struct view *v, const struct record_event *e)
{
	struct buffer text;
	buffer_init(&text, PROGRAM_TEXT_MAX);
	int result = e->data != NULL ? program_put(&text, e->data, e->len) : ITM_ENOENT;
	if (result == 0)
		on_line(v, &(struct lines_line){ .time_ms = v->time_ms, .kind = LINES_PROGRAM, .text = (const char *)text.data, .len = text.len });
	buffer_free(&text);
	return result == ITM_ENOMEM ? result : 0;
}

static int take_event(struct view *v, uint64_t base_ms, const struct record_event *e)
{
	struct index_session *s = &v->session;
	if (base_ms + e->time_ms > v->time_ms)
		v->time_ms = base_ms + e->time_ms;
	if (e->kind == RECORD_NOTE && index_is_stream(s->mode))
		return take_host_event(v, e);
	if (e->kind == RECORD_ACTIVITY && strcmp(s->mode, "processes") == 0)
		return take_activity(v, e);
	switch (e->kind) {
	case RECORD_OUT:
		return output(v, 0, e);
	case RECORD_ERR:
		return output(v, 1, e);
	case RECORD_RESIZE:
		return resize(v, e->code);
	case RECORD_ENV:
		if (e->data != NULL)
			take_meta(s, e);
		return 0;
	case RECORD_NOTE:
		return take_note(v, e);
	case RECORD_EXIT:
		s->has_exit = true;
		s->exit_status = (int)e->code;
		return 0;
	case RECORD_IN:
		keys(v, e->code);
		return 0;
	case RECORD_MASKED:
		s->masked += e->code;
		return 0;
	case RECORD_GAP:
		s->lost_bytes += e->code;
		return 0;
	case RECORD_COUNTED:
		if ((e->code & 3) == 0)
			keys(v, e->code >> 2);
		else
			s->out_bytes += e->code >> 2;
		return 0;
	default:
		return 0;
	}
}

/* The clock of a run or chunk, as ms since the session's start. */
static uint64_t begin(struct view *v, uint64_t boot_ns, int64_t wall_ns)
{
	if (!v->begun) {
		v->begun = true;
		v->boot_ns = boot_ns;
		v->session.start_wall_ns = wall_ns;
	}
	return boot_ns > v->boot_ns ? (boot_ns - v->boot_ns) / 1000000 : 0;
}

static void moved(struct view *v, uint64_t base_ms, int64_t wall_ns, uint64_t length_ms)
{
	struct index_session *s = &v->session;
	if (base_ms + length_ms > s->duration_ms)
		s->duration_ms = base_ms + length_ms;
	int64_t last_wall_ns = wall_ns + (int64_t)(length_ms * 1000000);
	if (last_wall_ns > s->last_wall_ns)
		s->last_wall_ns = last_wall_ns;
}

int view_chunk(struct view *v, const struct chunk *c, struct record_cursor *cursor, struct fault *fault)
{
	struct record_event e;
	uint64_t base_ms = begin(v, c->boot_ns, c->wall_ns);
	int result;
	v->wall_ns = c->wall_ns;
	v->session.chunks++;
	v->last_frame = c->last_frame;
	moved(v, base_ms, c->wall_ns, c->duration_ms);
	while ((result = record_cursor_next(cursor, &e, fault)) == 1) {
		result = take_event(v, base_ms, &e);
		if (result != 0)
			return error_fault(fault, result, 0, "out of memory");
	}
	return result != 0 ? result : v->error;
}

void view_notice(struct view *v, const char *text)
{
	on_line(v, &(struct lines_line){ .time_ms = v->time_ms, .kind = LINES_RAW, .text = text, .len = strlen(text) });
}

int view_frame(struct view *v, const struct frame *f, struct fault *fault)
{
	struct record_run run;
	struct record_event e;
	uint64_t base_ms = begin(v, f->boot_ns, f->wall_ns);
	int result;
	v->last_frame = f->number;
	v->session.provisional = true;
	v->wall_ns = f->wall_ns;
	record_run_init(&run, f->run, f->run_len);
	while ((result = record_run_next(&run, &e, fault)) == 1) {
		moved(v, base_ms, f->wall_ns, e.time_ms);
		result = take_event(v, base_ms, &e);
		if (result != 0)
			return error_fault(fault, result, 0, "out of memory");
	}
	moved(v, base_ms, f->wall_ns, 0);
	return result != 0 ? result : v->error;
}

void view_finish(struct view *v)
{
	if (v->lines != NULL)
		lines_finish(v->lines);
	lines_free(v->lines);
	v->lines = NULL;
}
