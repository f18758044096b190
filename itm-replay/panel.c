#include "itm-replay/panel.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "itm-replay/bar.h"
#include "view/ran.h"

enum {
	LINE_MAX = 1 << 16,
	JUST_ENDED_NS = 2000000000,  /* most processes are too short to be seen otherwise */
};

struct panel {
	const struct places *places;
	const struct located *located;
	struct processes processes;
	size_t streams;
	int error;
};

struct panel *panel_new(const struct places *places, const struct located *located)
{
	struct panel *p = calloc(1, sizeof *p);

	if (p == NULL)
		return NULL;
	p->places = places;
	p->located = located;
	processes_init(&p->processes);
	return p;
}

void panel_free(struct panel *p)
{
	if (p != NULL)
		processes_free(&p->processes);
	free(p);
}

void panel_read(struct panel *p)
{
	processes_free(&p->processes);
	p->error = ran_read(&p->processes, p->places, p->located, &p->streams);
}

struct drawing {
	struct buffer *out;
	unsigned left, columns, row, rows;
	int64_t at_wall_ns;
	size_t hidden;               /* for which there was no row */
	int error;
};

static int put_line(struct drawing *d, const char *look, const char *text)
{
	int used, r = buffer_printf(d->out, "\033[%u;%uH\033[0%sm", ++d->row, d->left, look);

	if (r != 0)
		return r;
	used = bar_fit(d->out, text, d->columns);
	for (; used >= 0 && (unsigned)used < d->columns && r == 0; used++)
		r = buffer_put_u8(d->out, ' ');
	return used < 0 ? used : r != 0 ? r : buffer_put_text(d->out, "\033[0m");
}

static int on_process(void *context, const struct processes *all, size_t at, const char *branch)
{
	struct drawing *d = context;
	const struct process_seen *s = &all->list[at];
	struct buffer line;

	if (s->begin_wall_ns > d->at_wall_ns || (s->ended && s->end_wall_ns + JUST_ENDED_NS < d->at_wall_ns))
		return 0;
	if (d->row + 1 >= d->rows) {
		d->hidden++;
		return 0;
	}
	buffer_init(&line, LINE_MAX);
	int r = buffer_printf(&line, "%7u %s", s->pid, branch);
	if (r == 0)
		ran_put_command(&line, all, s);
	if (r == 0)
		r = put_line(d, s->ended && s->end_wall_ns < d->at_wall_ns ? ";2" : s->euid == 0 ? ";1" : "", buffer_text(&line));
	buffer_free(&line);
	return r;
}

int panel_put(struct buffer *out, const struct panel *p, int64_t at_wall_ns, unsigned left, unsigned columns,
	      unsigned rows)
{
	struct drawing d = { .out = out, .left = left, .columns = columns, .rows = rows, .at_wall_ns = at_wall_ns };
	char words[128];
	int r;

	if (p->error != 0)
		snprintf(words, sizeof words, " processes cannot be read: %s", error_text(p->error));
	else if (p->processes.count == 0)
		snprintf(words, sizeof words, p->streams == 0 ? " nobody watched processes" : " no process was seen");
	else
		snprintf(words, sizeof words, " processes at this moment (%zu in all)", p->processes.count);
	r = put_line(&d, ";7", words);
	if (r == 0 && p->error == 0)
		r = ran_walk(&p->processes, on_process, &d);
	if (r == 0 && d.hidden > 0) {
		snprintf(words, sizeof words, "        and %zu more: itm tree", d.hidden);
		r = put_line(&d, "", words);
	}
	while (r == 0 && d.row < rows)
		r = put_line(&d, "", "");
	return r;
}
