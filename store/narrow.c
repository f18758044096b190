#include "store/narrow.h"

#include <assert.h>
#include <string.h>

#include "base/error.h"
#include "terminal/utf8.h"

static_assert(NARROW_STEPS_MAX > 2 * QUERY_NODES_MAX, "room for more than a word of each node");

/* ---- from a query ---- */

/* Sets that are waiting while steps are taken: a pair waits inside of a pair
 * at most as often as nodes stand inside of nodes. */
enum { WAITING_MAX = QUERY_NODES_MAX + 2 };

static struct narrow_step *add_step(struct narrow *n, enum narrow_kind kind)
{
	if (n->count == NARROW_STEPS_MAX) {
		n->cut = true;
		return NULL;
	}
	n->steps[n->count] = (struct narrow_step){ .kind = kind };
	return &n->steps[n->count++];
}

/* What is added for one word or phrase. */
struct phrase {
	struct narrow *n;
	const struct query_node *t;
	size_t text_len;
	bool any;
};

static int add_word(void *handle, const char *word, size_t len, size_t start, size_t end)
{
	struct phrase *x = handle;
	struct signature_word w;
	bool part_start = x->t->open_start && start == 0;
	bool part_end = x->t->open_end && end == x->text_len && len < WORDS_TOKEN_MAX;
	/* Of the end of a word signatures know nothing. */
	if (part_start || !signature_word(&w, word, len, part_end))
		return 0;
	struct narrow_step *s = add_step(x->n, NARROW_WORD);
	if (s == NULL)
		return 0;
	s->word = w;
	memcpy(s->text, word, len);
	if (part_end)
		s->text[len] = '*';
	if (x->any)
		add_step(x->n, NARROW_AND);
	x->any = true;
	return 0;
}

static bool add_text(struct narrow *n, const struct query *q, const struct query_node *t)
{
	char text[QUERY_RUNES_MAX * 4];
	size_t len = 0;
	for (size_t k = 0; k < t->count; k++)
		len += utf8_encode(q->runes[t->first + k], (uint8_t *)text + len);
	struct phrase x = { n, t, len, false };
	(void)words_split(text, len, &x, add_word);
	return x.any;
}

static bool add_node(struct narrow *n, const struct query *q, uint16_t number)
{
	const struct query_node *t = &q->nodes[number];
	size_t start = n->count;
	if (t->kind == QUERY_TEXT)
		return add_text(n, q, t);
	if (t->kind != QUERY_AND && t->kind != QUERY_OR)
		return false;
	bool left = add_node(n, q, t->left);
	bool right = add_node(n, q, t->right);
	if (left && right)
		add_step(n, t->kind == QUERY_AND ? NARROW_AND : NARROW_OR);
	/* One half of "and" will do; of "or" both must be known. */
	else if (t->kind == QUERY_OR)
		n->count = start;
	return t->kind == QUERY_AND ? left || right : left && right;
}

bool narrow_query(struct narrow *n, const struct query *q)
{
	n->count = 0;
	n->cut = false;
	return add_node(n, q, q->root) && !n->cut;
}

/* ---- to blocks ---- */

bool narrow_block(const struct narrow *n, const struct signature *s)
{
	bool waiting[WAITING_MAX];
	size_t top = 0;
	for (size_t i = 0; i < n->count; i++) {
		const struct narrow_step *step = &n->steps[i];
		if (step->kind == NARROW_WORD) {
			waiting[top++] = signature_has(s, &step->word);
			continue;
		}
		top--;
		waiting[top - 1] = step->kind == NARROW_AND ? waiting[top - 1] && waiting[top] : waiting[top - 1] || waiting[top];
	}
	return waiting[0];
}

static int ask_word(const struct signature_word *w, narrow_slice *slice, void *context, struct signature_set *out)
{
	const struct signature_shelf *shelf;
	memset(out, 0, sizeof *out);
	for (unsigned i = 0; i < w->count; i++) {
		int result = slice(context, w->probe[i].slice, &shelf);
		if (result != 0)
			return result;
		signature_ask(shelf, &w->probe[i], out);
	}
	return 0;
}

int narrow_shelf(const struct narrow *n, narrow_slice *slice, void *context, struct signature_set *out)
{
	struct signature_set waiting[WAITING_MAX];
	size_t top = 0;
	for (size_t i = 0; i < n->count; i++) {
		const struct narrow_step *step = &n->steps[i];
		if (step->kind == NARROW_WORD) {
			int result = ask_word(&step->word, slice, context, &waiting[top++]);
			if (result != 0)
				return result;
			continue;
		}
		struct signature_set *a = &waiting[top - 2], *b = &waiting[top - 1];
		for (size_t k = 0; k < sizeof a->bytes; k++)
			a->bytes[k] = step->kind == NARROW_AND ? a->bytes[k] & b->bytes[k] : a->bytes[k] | b->bytes[k];
		top--;
	}
	*out = waiting[0];
	return 0;
}
