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
	if ((s->flags & ACTIVITY_GONE) != 0)
		buffer_put_text(b, "  [gone before it could be looked at]");
	if ((s->flags & ACTIVITY_BY_LOGIN) != 0)
		buffer_put_text(b, "  [this session's by its login alone]");
}

/* ---- the tree ---- */

struct links { size_t first, next; };   /* child, sibling; SIZE_MAX = none */

static int walk(const struct processes *p, const struct links *link, ran_each *each, void *context)
{
	char branch[RAN_DEPTH_MAX * 3 + 1];
	size_t path[RAN_DEPTH_MAX], depth = 0;
	int r = 0;

	for (size_t i = 0; i < p->count && r == 0; i++) {
		if (p->list[i].parent != i)
			continue;
		path[depth = 0] = i;
		while (r == 0) {
			size_t at = path[depth];
			bool more = link[at].next != SIZE_MAX;
			branch[depth * 3] = '\0';
			if (depth > 0)
				memcpy(branch + (depth - 1) * 3, more ? "|- " : "`- ", 3);
			r = each(context, p, at, branch);
			if (link[at].first != SIZE_MAX && depth + 1 < RAN_DEPTH_MAX) {
				if (depth > 0)
					memcpy(branch + (depth - 1) * 3, more ? "|  " : "   ", 3);
				path[++depth] = link[at].first;
				continue;
			}
			while (depth > 0 && link[path[depth]].next == SIZE_MAX)
				depth--;
			if (depth == 0)
				break;
			path[depth] = link[path[depth]].next;
		}
	}
	return r;
}

int ran_walk(const struct processes *p, ran_each *each, void *context)
{
	struct links *link = malloc((p->count + 1) * sizeof *link);

	if (link == NULL)
		return ITM_ENOMEM;
	for (size_t i = 0; i < p->count; i++)
		link[i] = (struct links){ .first = SIZE_MAX, .next = SIZE_MAX };
	for (size_t i = p->count; i-- > 0; ) {
		size_t above = p->list[i].parent;
		if (above == i)
			continue;
		link[i].next = link[above].first;
		link[above].first = i;
	}
	int r = walk(p, link, each, context);
	free(link);
	return r;
}
