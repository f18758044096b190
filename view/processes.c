#include "view/processes.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "store/source.h"

void processes_init(struct processes *p)
{
	*p = (struct processes){ .max = PROCESSES_MAX };
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

static int grow(struct processes *p)
{
	size_t size = p->size != 0 ? p->size * 2 : 64;
	struct process_seen *list = realloc(p->list, size * sizeof *list);

	if (list == NULL)
		return ITM_ENOMEM;
	p->list = list;
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

/* The one of that name, made when it is new.  NULL: out of memory or limit. */
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

static int keep(char **to, const struct activity_event *e, enum activity_tag tag)
{
	free(*to);
	*to = e->number[tag] > 0 ? strndup((const char *)e->bytes[tag], e->number[tag]) : NULL;
	return *to != NULL || e->number[tag] == 0 ? 0 : ITM_ENOMEM;
}

static void keep_arguments(struct process_seen *s, const struct activity_event *e)
{
	size_t room = PROCESSES_ARGUMENTS_MAX - s->arguments.len, len = e->number[ACTIVITY_ARGUMENTS];

	if (len > 0 && room > 0)
		(void)buffer_put(&s->arguments, e->bytes[ACTIVITY_ARGUMENTS], len < room ? len : room);
}

static int ran(struct process_seen *s, const struct activity_event *e)
{
	s->execs++;
	s->uid = (uint32_t)e->number[ACTIVITY_UID];
	s->euid = (uint32_t)e->number[ACTIVITY_EUID];
	s->flags = e->number[ACTIVITY_FLAGS];
	s->arguments_size = e->number[ACTIVITY_ARGUMENTS_SIZE];
	buffer_clear(&s->arguments);
	keep_arguments(s, e);
	int r = keep(&s->exe, e, ACTIVITY_EXE);
	if (r == 0)
		r = keep(&s->script, e, ACTIVITY_SCRIPT);
	return r == 0 ? keep(&s->cwd, e, ACTIVITY_CWD) : r;
}

static void note_socket(struct process_seen *s, const struct activity_event *e)
{
	bool six = e->number[ACTIVITY_FAMILY] == AF_INET6;
	uint8_t address[16] = { 0 };
	char text[INET6_ADDRSTRLEN] = "?";

	if (e->number[ACTIVITY_ADDRESS] == (six ? 16u : 4u))
		memcpy(address, e->bytes[ACTIVITY_ADDRESS], six ? 16 : 4);
	inet_ntop(six ? AF_INET6 : AF_INET, address, text, sizeof text);
	buffer_printf(&s->notes, "%s %s%s%s:%u\n", activity_name(e->kind), six ? "[" : "", text, six ? "]" : "",
		      (unsigned)e->number[ACTIVITY_PORT]);
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
		return ran(s, e);
	case ACTIVITY_EXEC:
		return ran(s, e);
	case ACTIVITY_ARGV:
		keep_arguments(s, e);
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
		return 0;
	case ACTIVITY_CONNECT:
	case ACTIVITY_LISTEN:
		note_socket(s, e);
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
