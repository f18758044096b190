#include "view/processes.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "store/source.h"

enum { BUFFER_FIRST = 256 }; /* bytes a buffer takes at first; then it doubles */

void processes_init(struct processes *p)
{
	*p = (struct processes){ .max = PROCESSES_MAX, .bytes_max = PROCESSES_BYTES_MAX };
}

void processes_free(struct processes *p)
{
	for (size_t i = 0; i < p->count; i++) {
		struct process_seen *s = &p->list[i];
		free(s->exe);
		free(s->script);
		free(s->cwd);
		buffer_free(&s->arguments);
		buffer_free(&s->notes);
	}
	free(p->list);
	free(p->slots);
	processes_init(p);
}

static size_t *slot_of(const struct processes *p, uint32_t pid, uint64_t start)
{
	size_t at = (size_t)((start ^ pid) * UINT64_C(0x9e3779b97f4a7c15) >> 20) % p->slot_count;

	while (p->slots[at] != 0) {
		const struct process_seen *s = &p->list[p->slots[at] - 1];
		if (s->pid == pid && s->start == start)
			break;
		at = (at + 1) % p->slot_count;
	}
	return &p->slots[at];
}

/* Whether so many bytes more may be held. */
static bool room(struct processes *p, size_t more)
{
	bool there = more <= p->bytes_max && p->bytes <= p->bytes_max - more;

	p->cut |= !there;
	return there;
}

/* 0, ITM_ELIMIT or ITM_ENOMEM. */
static int grow(struct processes *p)
{
	size_t size = p->size != 0 ? p->size * 2 : 64, more = (size - p->size) * (sizeof *p->list + 2 * sizeof *p->slots);

	if (!room(p, more))
		return ITM_ELIMIT;
	struct process_seen *list = realloc(p->list, size * sizeof *list);
	if (list == NULL)
		return ITM_ENOMEM;
	p->list = list;
	p->bytes += more;
	size_t *slots = calloc(size * 2, sizeof *slots);
	if (slots == NULL)
		return ITM_ENOMEM;
	free(p->slots);
	p->slots = slots;
	p->slot_count = size * 2;
	p->size = size;
	for (size_t i = 0; i < p->count; i++)
		*slot_of(p, p->list[i].pid, p->list[i].start) = i + 1;
	return 0;
}

static struct process_seen *find(const struct processes *p, uint64_t pid, uint64_t start)
{
	size_t *slot = p->slot_count > 0 ? slot_of(p, (uint32_t)pid, start) : NULL;
	return slot != NULL && *slot != 0 ? &p->list[*slot - 1] : NULL;
}

/* The one of that name, made when it is new.  NULL: cut, or out of memory. */
static struct process_seen *know(struct processes *p, uint64_t pid, uint64_t start, uint64_t parent_pid,
				 uint64_t parent_start, int64_t wall_ns)
{
	struct process_seen *s = find(p, pid, start);

	if (s != NULL)
		return s;
	if (p->count == p->max) {
		p->cut = true;
		return NULL;
	}
	if (p->count == p->size && grow(p) != 0)
		return NULL;
	const struct process_seen *parent = find(p, parent_pid, parent_start);
	size_t own = p->count;
	size_t above = parent != NULL ? (size_t)(parent - p->list) : own;
	s = &p->list[p->count++];
	*s = (struct process_seen){ .start = start, .pid = (uint32_t)pid, .parent_pid = (uint32_t)parent_pid,
				    .parent_start = parent_start, .parent = above, .begin_wall_ns = wall_ns };
	buffer_init(&s->arguments, PROCESSES_ARGUMENTS_MAX);
	buffer_init(&s->notes, PROCESSES_NOTES_MAX);
	*slot_of(p, s->pid, start) = p->count;
	return s;
}

static int keep(struct processes *p, char **to, const struct activity_event *e, enum activity_tag tag)
{
	size_t len = e->number[tag] < PROCESSES_PATH_MAX ? e->number[tag] : PROCESSES_PATH_MAX;

	p->bytes -= *to != NULL ? strlen(*to) + 1 : 0;
	free(*to);
	*to = NULL;
	if (len == 0 || !room(p, len + 1))
		return 0;
	*to = strndup((const char *)e->bytes[tag], len);
	p->bytes += *to != NULL ? strlen(*to) + 1 : 0;
	return *to != NULL ? 0 : ITM_ENOMEM;
}

/* As much as fits; a buffer at most doubles. */
static void put(struct processes *p, struct buffer *b, const void *data, size_t len)
{
	size_t size = b->size, left = b->max - b->len;

	len = len < left ? len : left;
	if (len == 0 || !room(p, b->size + 2 * len + BUFFER_FIRST))
		return;
	(void)buffer_put(b, data, len);
	p->bytes += b->size - size;
}

static void keep_arguments(struct processes *p, struct process_seen *s, const struct activity_event *e)
{
	put(p, &s->arguments, e->bytes[ACTIVITY_ARGUMENTS], e->number[ACTIVITY_ARGUMENTS]);
}

static int ran(struct processes *p, struct process_seen *s, const struct activity_event *e)
{
	s->execs++;
	s->uid = (uint32_t)e->number[ACTIVITY_UID];
	s->euid = (uint32_t)e->number[ACTIVITY_EUID];
	s->flags = e->number[ACTIVITY_FLAGS];
	s->arguments_size = e->number[ACTIVITY_ARGUMENTS_SIZE];
	buffer_clear(&s->arguments);
	keep_arguments(p, s, e);
	int r = keep(p, &s->exe, e, ACTIVITY_EXE);
	if (r == 0)
		r = keep(p, &s->script, e, ACTIVITY_SCRIPT);
	return r == 0 ? keep(p, &s->cwd, e, ACTIVITY_CWD) : r;
}

static void note_socket(struct processes *p, struct process_seen *s, const struct activity_event *e)
{
	bool six = e->number[ACTIVITY_FAMILY] == AF_INET6;
	uint8_t address[16] = { 0 };
	char text[INET6_ADDRSTRLEN] = "?", line[INET6_ADDRSTRLEN + 40];

	if (e->number[ACTIVITY_ADDRESS] == (six ? 16u : 4u))
		memcpy(address, e->bytes[ACTIVITY_ADDRESS], six ? 16 : 4);
	inet_ntop(six ? AF_INET6 : AF_INET, address, text, sizeof text);
	int len = snprintf(line, sizeof line, "%s %s%s%s:%u\n", activity_name(e->kind), six ? "[" : "", text, six ? "]" : "",
			   (unsigned)e->number[ACTIVITY_PORT]);
	if ((size_t)len <= s->notes.max - s->notes.len) /* whole lines */
		put(p, &s->notes, line, (size_t)len);
}

int processes_add(struct processes *p, const struct activity_event *e, int64_t wall_ns)
{
	const uint64_t *n = e->number;
	struct process_seen *s = know(p, n[ACTIVITY_PID], n[ACTIVITY_START], n[ACTIVITY_PARENT], n[ACTIVITY_PARENT_START],
				      wall_ns);
	if (s == NULL)
		return p->cut ? 0 : ITM_ENOMEM;
	switch (e->kind) {
	case ACTIVITY_SEEN:
		if (s->exe != NULL) /* a monitor before has told more */
			return 0;
		s->begin_wall_ns = wall_ns - (int64_t)(n[ACTIVITY_AGE_NS] < (uint64_t)wall_ns ? n[ACTIVITY_AGE_NS] : 0);
		return ran(p, s, e);
	case ACTIVITY_EXEC:
		return ran(p, s, e);
	case ACTIVITY_ARGV:
		keep_arguments(p, s, e);
		return 0;
	case ACTIVITY_FORK:
		s = know(p, n[ACTIVITY_CHILD], n[ACTIVITY_CHILD_START], n[ACTIVITY_PID], n[ACTIVITY_START], wall_ns);
		if (s != NULL)
			s->uid = s->euid = (uint32_t)n[ACTIVITY_UID];
		return s != NULL || p->cut ? 0 : ITM_ENOMEM;
	case ACTIVITY_EXIT:
		s->ended = true;
		s->end_wall_ns = wall_ns;
		s->status = (int)n[ACTIVITY_STATUS];
		s->no_status = (n[ACTIVITY_FLAGS] & ACTIVITY_NO_STATUS) != 0;
		return 0;
	case ACTIVITY_CONNECT:
	case ACTIVITY_LISTEN:
		note_socket(p, s, e);
		return 0;
	default:
		return 0;
	}
}

int processes_read(struct processes *p, const char *dir, const struct id *stream, const struct id *session)
{
	struct source_event e;
	int r;
	struct source *source = source_open(dir, stream, &r);

	if (source == NULL)
		return r;
	while ((r = source_next(source, &e)) != 0) {
		struct activity_event a;
		if (r < 0 || e.event.kind != RECORD_ACTIVITY || e.event.data == NULL ||
		    activity_decode(e.event.data, e.event.len, &a, NULL) != 0 ||
		    a.number[ACTIVITY_SESSION] != ID_SIZE || memcmp(a.bytes[ACTIVITY_SESSION], session->bytes, ID_SIZE) != 0)
			continue;
		r = processes_add(p, &a, e.wall_ns);
		if (r != 0)
			break;
	}
	source_close(source);
	return r;
}
