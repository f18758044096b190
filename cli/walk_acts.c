/* The log's acts against the store's removals, for walk.h: what was removed has
 * its act, what the acts say was removed has its declaration, and an approval
 * is for its act and for one. */
#include "cli/walk.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/hash.h"
#include "format/act.h"
#include "format/request.h"

enum { ACTS_MAX = 1 << 20, ACTS_FIRST = 64 };

/* A removal's declaration, or what an act says of one session. */
struct removed {
	int64_t wall_ns;
	struct id stream;
	uint8_t act;                     /* enum removal_act */
	bool demanded;                   /* an act whose removal must be here */
};

struct removed_list { struct removed *list; size_t count, room; };

struct walk_acts {
	struct removed_list declared, told;
	uint8_t (*approvals)[HASH_SIZE];
	size_t approval_count;
	/* The act being read, and what was asked. */
	struct act act, asked;
	uint8_t request[REQUEST_MAX];
};

static struct walk_acts *acts_of(struct walk *w)
{
	if (w->acts == NULL)
		w->acts = calloc(1, sizeof(*w->acts));
	if (w->acts == NULL)
		w->acts_error = ITM_ENOMEM;
	return w->acts;
}

void walk_acts_free(struct walk *w)
{
	if (w->acts == NULL)
		return;
	free(w->acts->declared.list);
	free(w->acts->told.list);
	free(w->acts->approvals);
	free(w->acts);
	w->acts = NULL;
}

static void add(struct walk *w, struct removed_list *l, const struct removed *one)
{
	size_t room = l->room == 0 ? ACTS_FIRST : 2 * l->room;
	struct removed *list = l->list;

	if (l->count == l->room) {
		list = room <= ACTS_MAX ? realloc(l->list, room * sizeof(*list)) : NULL;
		if (list == NULL) {
			w->acts_error = room <= ACTS_MAX ? ITM_ENOMEM : ITM_ELIMIT;
			return;
		}
		l->list = list;
		l->room = room;
	}
	list[l->count++] = *one;
}

void walk_acts_removal(struct walk *w, const struct removal *r)
{
	struct walk_acts *a = acts_of(w);
	const struct removed one = { .wall_ns = r->wall_ns, .stream = r->stream, .act = (uint8_t)r->act };

	if (a != NULL)
		add(w, &a->declared, &one);
}

/* Its request's hash is kept; the signature is for who has the approvers' keys. */
static const char *take_approval(struct walk *w, struct walk_acts *a)
{
	uint8_t (*grown)[HASH_SIZE];
	size_t len;
	int r = request_attached(&a->act, REQUEST_LINE, a->request, sizeof(a->request), &len);

	if (r == ITM_ENOENT)
		return NULL;
	if (r != 0 || request_decode(a->request, len, &a->asked, NULL) != 0 || request_difference(&a->asked, &a->act) != NULL)
		return "an act in the log has an approval that is not for it";
	grown = a->approval_count < ACTS_MAX ? realloc(a->approvals, (a->approval_count + 1) * sizeof(*grown)) : NULL;
	if (grown == NULL) {
		w->acts_error = a->approval_count < ACTS_MAX ? ITM_ENOMEM : ITM_ELIMIT;
		return NULL;
	}
	a->approvals = grown;
	hash_bytes(a->request, len, grown[a->approval_count++]);
	return NULL;
}

/* Sessions that retention took are lines of its details. */
static void take_retention(struct walk *w, struct walk_acts *a, struct removed *one)
{
	char line[ID_TEXT_SIZE];

	for (const char *at = a->act.detail; *at != '\0'; at += strcspn(at, "\n") + 1) {
		snprintf(line, sizeof(line), "%.*s", (int)strcspn(at, "\n"), at);
		if (id_parse(line, &one->stream) == 0)
			add(w, &a->told, one);
	}
}

void walk_acts_leaf(struct walk *w, uint64_t leaf, const void *text, size_t len, bool logged)
{
	static const struct { const char *verb; uint8_t act; } verbs[] = {
		{ "redact", REMOVAL_REDACTION }, { "delete", REMOVAL_DELETION }, { "retention", REMOVAL_RETENTION },
	};
	struct walk_acts *a = acts_of(w);
	const char *wrong;

	if (a == NULL || act_decode(text, len, &a->act, NULL) != 0)
		return;
	wrong = logged ? take_approval(w, a) : NULL;
	if (wrong != NULL)
		walk_flaw(w, "log", leaf, wrong);
	if (logged && strcmp(a->act.verb, "destroy-key") == 0)
		w->keys_destroyed++;
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		struct removed one = { .wall_ns = a->act.wall_ns, .act = verbs[i].act, .demanded = logged && leaf < w->log_before };

		if (strcmp(a->act.verb, verbs[i].verb) != 0)
			continue;
		if (one.act == REMOVAL_RETENTION)
			take_retention(w, a, &one);
		else if (id_parse(a->act.subject, &one.stream) == 0)
			add(w, &a->told, &one);
	}
}

static int compare(const void *x, const void *y)
{
	const struct removed *a = x, *b = y;

	if (a->wall_ns != b->wall_ns)
		return a->wall_ns < b->wall_ns ? -1 : 1;
	if (a->act != b->act)
		return a->act < b->act ? -1 : 1;
	return memcmp(a->stream.bytes, b->stream.bytes, ID_SIZE);
}

static int compare_hash(const void *x, const void *y)
{
	return memcmp(x, y, HASH_SIZE);
}

static void sort(struct removed_list *l)
{
	if (l->count > 0)
		qsort(l->list, l->count, sizeof(*l->list), compare);
}

static bool has(const struct removed_list *l, const struct removed *one)
{
	return l->count > 0 && bsearch(one, l->list, l->count, sizeof(*l->list), compare) != NULL;
}

static void say(struct walk *w, const struct removed *one, const char *what)
{
	char words[160], id[ID_TEXT_SIZE];

	id_format(&one->stream, id);
	snprintf(words, sizeof(words), "session %s: %s", id, what);
	walk_flaw(w, "log", 0, words);
}

int walk_acts_judge(struct walk *w)
{
	struct walk_acts *a = w->acts;

	if (a == NULL || w->acts_error != 0)
		return w->acts_error;
	sort(&a->declared);
	sort(&a->told);
	for (size_t i = 0; i < a->declared.count; i++)
		if (!has(&a->told, &a->declared.list[i]))
			say(w, &a->declared.list[i], "a removal without its act in the log");
	for (size_t i = 0; i < a->told.count; i++)
		if (a->told.list[i].demanded && !has(&a->declared, &a->told.list[i]))
			say(w, &a->told.list[i], "an act in the log without its removal");
	if (a->approval_count > 1)
		qsort(a->approvals, a->approval_count, HASH_SIZE, compare_hash);
	for (size_t i = 1; i < a->approval_count; i++)
		if (memcmp(a->approvals[i - 1], a->approvals[i], HASH_SIZE) == 0)
			walk_flaw(w, "log", 0, "one approval stands in two acts");
	return 0;
}
