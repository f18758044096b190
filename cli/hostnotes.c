#include "cli/hostnotes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "store/hostnote.h"
#include "store/source.h"

struct gathered {
	struct index_event *events;
	size_t count, size;
};

static int gather(struct gathered *g, const struct index_event *e)
{
	struct index_event *more;
	char *text;

	if (g->count == HOSTNOTES_MAX)
		return ITM_ELIMIT;
	if (g->count == g->size) {
		size_t size = g->size != 0 ? g->size * 2 : 64;
		more = realloc(g->events, size * sizeof(*more));
		if (more == NULL)
			return ITM_ENOMEM;
		g->events = more;
		g->size = size;
	}
	text = malloc(e->text_len + 1);
	if (text == NULL)
		return ITM_ENOMEM;
	memcpy(text, e->text, e->text_len);
	text[e->text_len] = '\0';
	g->events[g->count] = *e;
	g->events[g->count++].text = text;
	return 0;
}

static int gather_stream(struct gathered *g, const char *dir, const struct index_session *session,
			 const struct index_event_filter *filter)
{
	struct source_event se;
	int r;
	struct source *source = source_open(dir, &session->stream, &r);
	uint64_t number = 0;

	if (source == NULL)
		return r;
	while ((r = source_next(source, &se)) != 0) {
		struct index_event e = { .host = session->host, .stream = session->stream, .number = number,
					 .provisional = !se.sealed };
		/* What is broken is passed over here; itm verify names it. */
		if (r < 0 || hostnote_read(&se.event, se.wall_ns, &e) != 0)
			continue;
		number++;
		snprintf(e.hostname, sizeof(e.hostname), "%s", session->hostname);
		r = index_event_wanted(filter, &e) ? gather(g, &e) : 0;
		if (r != 0)
			break;
	}
	source_close(source);
	return r;
}

static int newest_first(const void *a, const void *b)
{
	const struct index_event *x = a, *y = b;

	if (x->wall_ns != y->wall_ns)
		return (x->wall_ns < y->wall_ns) - (x->wall_ns > y->wall_ns);
	return (x->number < y->number) - (x->number > y->number);
}

int hostnotes_read(const char *dir, const struct catalog *c, const struct index_event_filter *filter,
		   int (*each)(void *context, const struct index_event *e), void *context)
{
	struct gathered g = { 0 };
	int r = 0;

	for (size_t i = 0; i < c->count && r == 0; i++)
		if (index_is_stream(c->sessions[i].mode))
			r = gather_stream(&g, dir, &c->sessions[i], filter);
	if (g.count > 1)
		qsort(g.events, g.count, sizeof(*g.events), newest_first);
	for (size_t i = 0; i < g.count && i < filter->limit && r == 0; i++)
		r = each(context, &g.events[i]);
	for (size_t i = 0; i < g.count; i++)
		free((void *)(uintptr_t)g.events[i].text);
	free(g.events);
	return r;
}
