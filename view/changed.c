#include "view/changed.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "store/source.h"
#include "store/words.h"

/* One whose start is not known had that number within this time. */
#define NEAR_NS UINT64_C(10000000000)
enum { TICK_NS = 10000000 };               /* /proc rounds starts down to it */

void changed_free(struct changed *c)
{
	for (size_t i = 0; i < c->count; i++)
		free(c->list[i].bytes);
	free(c->list);
	*c = (struct changed){ .list = NULL };
}

static bool wanted(const struct changed_filter *f, const struct activity_event *e, int64_t wall_ns)
{
	char path[4097];

	if (e->kind < ACTIVITY_FILE_CREATED || e->kind > ACTIVITY_FILE_PLACE || e->bytes[ACTIVITY_PATH] == NULL ||
	    (f->after_wall_ns != 0 && wall_ns < f->after_wall_ns) || (f->before_wall_ns != 0 && wall_ns >= f->before_wall_ns))
		return false;
	snprintf(path, sizeof path, "%.*s", (int)(e->number[ACTIVITY_PATH] < 4096 ? e->number[ACTIVITY_PATH] : 4096),
		 (const char *)e->bytes[ACTIVITY_PATH]);
	return f->path == NULL || words_glob(f->path, path);
}

static int add(struct changed *c, const struct index_session *s, const struct source_event *se)
{
	if (c->count == CHANGED_MAX) {
		c->cut = true;
		return 0;
	}
	if (c->count == c->size) {
		size_t size = c->size > 0 ? 2 * c->size : 64;
		struct changed_file *more = realloc(c->list, size * sizeof *more);
		if (more == NULL)
			return ITM_ENOMEM;
		c->list = more;
		c->size = size;
	}
	struct changed_file *f = &c->list[c->count];
	*f = (struct changed_file){ .host = s->host, .stream = s->stream, .wall_ns = se->wall_ns, .sealed = se->sealed,
				    .apart_ns = UINT64_MAX, .bytes = malloc(se->event.len) };
	if (f->bytes == NULL)
		return ITM_ENOMEM;
	memcpy(f->bytes, se->event.data, se->event.len);
	(void)activity_decode(f->bytes, se->event.len, &f->event, NULL); /* it did before */
	snprintf(f->hostname, sizeof f->hostname, "%s", s->hostname);
	f->loginuid = f->event.number[ACTIVITY_LOGINUID];
	c->count++;
	return 0;
}

/* Every activity of a stream. */
static int each_activity(const char *dir, const struct index_session *s,
			 int (*each)(void *context, const struct source_event *se, const struct activity_event *a), void *context)
{
	struct source_event se;
	int r;
	struct source *source = source_open(dir, &s->stream, &r);

	if (source == NULL)
		return r;
	while ((r = source_next(source, &se)) != 0) {
		struct activity_event a;
		if (r < 0 || se.event.kind != RECORD_ACTIVITY || se.event.data == NULL ||
		    activity_decode(se.event.data, se.event.len, &a, NULL) != 0)
			continue;
		r = each(context, &se, &a);
		if (r != 0)
			break;
	}
	source_close(source);
	return r;
}

struct reading { struct changed *c; const struct index_session *s; const struct changed_filter *filter; };

static int on_file(void *context, const struct source_event *se, const struct activity_event *a)
{
	struct reading *r = context;
	return wanted(r->filter, a, se->wall_ns) ? add(r->c, r->s, se) : 0;
}

int changed_read(struct changed *c, const char *dir, const struct index_session *s, const struct changed_filter *f)
{
	return each_activity(dir, s, on_file, &(struct reading){ c, s, f });
}

static int newest_first(const void *a, const void *b)
{
	const struct changed_file *x = a, *y = b;
	return (x->wall_ns < y->wall_ns) - (x->wall_ns > y->wall_ns);
}

void changed_sort(struct changed *c, size_t limit)
{
	if (c->count > 1)
		qsort(c->list, c->count, sizeof *c->list, newest_first);
	while (c->count > limit)
		free(c->list[--c->count].bytes);
}

static uint64_t apart(int64_t a, int64_t b)
{
	return a > b ? (uint64_t)(a - b) : (uint64_t)(b - a);
}

static void know(struct changed_file *f, const struct activity_event *a, uint64_t start, uint64_t apart_ns)
{
	if (f->event.number[ACTIVITY_START] == 0)
		f->event.number[ACTIVITY_START] = start;
	/* What is nearer says who he was then; a session is never lost again. */
	if (a->number[ACTIVITY_SESSION] == ID_SIZE)
		memcpy(f->session.bytes, a->bytes[ACTIVITY_SESSION], ID_SIZE);
	if (a->number[ACTIVITY_LOGINUID] != 0)
		f->loginuid = a->number[ACTIVITY_LOGINUID];
	if (a->kind == ACTIVITY_EXEC || a->kind == ACTIVITY_SEEN)
		snprintf(f->exe, sizeof f->exe, "%.*s", (int)(a->number[ACTIVITY_EXE] < 255 ? a->number[ACTIVITY_EXE] : 255),
			 a->bytes[ACTIVITY_EXE] != NULL ? (const char *)a->bytes[ACTIVITY_EXE] : "");
	if (apart_ns < f->apart_ns)
		f->apart_ns = apart_ns;
}

static bool same_comm(const struct activity_event *a, const struct activity_event *b)
{
	return a->number[ACTIVITY_COMM] > 0 && a->number[ACTIVITY_COMM] == b->number[ACTIVITY_COMM] &&
	       memcmp(a->bytes[ACTIVITY_COMM], b->bytes[ACTIVITY_COMM], a->number[ACTIVITY_COMM]) == 0;
}

static bool is_elsewhere(const struct changed_file *f)
{
	return (f->event.number[ACTIVITY_FILE_FLAGS] & ACTIVITY_FILE_ELSEWHERE) != 0;
}

void changed_process(struct changed *c, const struct id *host, const struct activity_event *a, int64_t wall_ns)
{
	const bool born = a->kind == ACTIVITY_FORK;
	const uint64_t pid = a->number[born ? ACTIVITY_CHILD : ACTIVITY_PID];
	const uint64_t start = a->number[born ? ACTIVITY_CHILD_START : ACTIVITY_START];

	for (size_t i = 0; pid != 0 && i < c->count; i++) {
		struct changed_file *f = &c->list[i];
		uint64_t told = f->event.number[ACTIVITY_START], far = apart(wall_ns, f->wall_ns);
		if (!id_equal(&f->host, host) ||
		    (is_elsewhere(f) ? told == 0 || !same_comm(a, &f->event) : f->event.number[ACTIVITY_PID] != pid))
			continue;
		/* An exec after the event is what he became, not what he was. */
		if (wall_ns > f->wall_ns && a->kind == ACTIVITY_EXEC && f->exe[0] != '\0')
			continue;
		if (told != 0 ? told == start || told == start - start % TICK_NS : far < NEAR_NS)
			know(f, a, start, far);
	}
}

struct tying { struct changed *c; const struct id *host; bool all; uint8_t pids[8192]; };

static int on_process(void *context, const struct source_event *se, const struct activity_event *a)
{
	struct tying *t = context;
	uint64_t pid = a->number[a->kind == ACTIVITY_FORK ? ACTIVITY_CHILD : ACTIVITY_PID] & 0xffff;

	if (t->all || (t->pids[pid / 8] & 1 << pid % 8) != 0)
		changed_process(t->c, t->host, a, se->wall_ns);
	return 0;
}

int changed_tie(struct changed *c, const char *dir, const struct index_session *s)
{
	struct tying t = { .c = c, .host = &s->host };
	bool any = false;

	for (size_t i = 0; i < c->count; i++) {
		const struct changed_file *f = &c->list[i];
		uint64_t pid = f->event.number[ACTIVITY_PID] & 0xffff;
		if (pid == 0 || !id_equal(&f->host, &s->host) || f->wall_ns + (int64_t)NEAR_NS < s->start_wall_ns ||
		    f->wall_ns - (int64_t)NEAR_NS > s->last_wall_ns)
			continue;
		t.pids[pid / 8] |= (uint8_t)(1 << pid % 8);
		t.all |= is_elsewhere(f);
		any = true;
	}
	return any ? each_activity(dir, s, on_process, &t) : 0;
}
