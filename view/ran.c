#include "view/ran.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "format/activity.h"
#include "terminal/text.h"
#include "view/activities.h"
#include "view/catalog.h"

struct streams {
	const struct index_session *session;
	struct id *id;     /* owned */
	size_t count, size;
};

static int add_stream(void *context, const struct index_session *s)
{
	struct streams *list = context;
	const struct index_session *of = list->session;

	if (strcmp(s->mode, "processes") != 0 || !id_equal(&s->host, &of->host) ||
	    s->start_wall_ns > of->last_wall_ns || s->last_wall_ns < of->start_wall_ns)
		return 0;
	if (list->count == list->size) {
		size_t size = list->size > 0 ? list->size * 2 : 8;
		struct id *bigger = realloc(list->id, size * sizeof *bigger);
		if (bigger == NULL)
			return ITM_ENOMEM;
		list->id = bigger;
		list->size = size;
	}
	list->id[list->count++] = s->stream;
	return 0;
}

static int find_streams(const struct places *places, const char *dir, struct streams *list)
{
	struct index_filter filter = { .all = true, .limit = 1000000 };
	struct catalog c;
	int r = 0;
	struct index *index = places->use_spool ? NULL : index_open(places->server.index, false, &r);

	if (index != NULL) {
		r = index_sessions(index, &filter, add_stream, list);
		index_close(index);
		return r;
	}
	r = catalog_read(&c, dir);
	if (r != 0)
		return r;
	for (size_t i = 0; r == 0 && i < c.count; i++)
		r = add_stream(list, &c.sessions[i]);
	catalog_free(&c);
	return r;
}

int ran_read(struct processes *p, const struct places *places, const struct located *at, size_t *count)
{
	struct streams streams = { .session = &at->session };
	int r = find_streams(places, at->dir, &streams);

	for (size_t i = streams.count; r == 0 && i-- > 0; )
		r = processes_read(p, at->dir, &streams.id[i], &at->session.stream);
	*count = streams.count;
	free(streams.id);
	return r;
}

void ran_put_command(struct buffer *b, const struct processes *p, const struct process_seen *s)
{
	if (s->exe == NULL && &p->list[s->parent] == s) { /* it ran before it was tied to the session */
		buffer_put_text(b, "(the session)");
		return;
	}
	if (s->exe == NULL) {
		const struct process_seen *from = &p->list[s->parent];
		buffer_put_text(b, "(fork of ");
		text_escape(b, from->exe != NULL ? from->exe : "its parent", strlen(from->exe != NULL ? from->exe : "its parent"));
		buffer_put_u8(b, ')');
		return;
	}
	text_escape(b, s->exe, strlen(s->exe));
	activities_arguments(b, s->arguments.data, s->arguments.len);
	if (s->arguments_size > s->arguments.len)
		buffer_printf(b, " ... (%llu bytes in all)", (unsigned long long)s->arguments_size);
	if ((s->flags & ACTIVITY_DELETED) != 0)
		buffer_put_text(b, "  [the file has no name]");
}
