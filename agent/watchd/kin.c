#include "agent/watchd/kin.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"

int kin_open(struct kin_table *t)
{
	memset(t, 0, sizeof *t);
	/* Memory is taken when a place is first used. */
	t->list = calloc(KIN_MAX, sizeof *t->list);
	return t->list != NULL ? 0 : ITM_ENOMEM;
}

void kin_close(struct kin_table *t)
{
	free(t->list);
	t->list = NULL;
}

static uint32_t *bucket_of(struct kin_table *t, uint32_t pid)
{
	return &t->bucket[pid % KIN_BUCKETS];
}

struct kin *kin_find(struct kin_table *t, uint32_t pid)
{
	for (uint32_t at = *bucket_of(t, pid); at != 0; at = t->list[at - 1].next)
		if (t->list[at - 1].pid == pid)
			return &t->list[at - 1];
	return NULL;
}

struct kin *kin_add(struct kin_table *t, uint32_t pid)
{
	struct kin *k = kin_find(t, pid);

	if (pid == 0)
		return NULL;
	if (k != NULL)
		kin_remove(t, k);
	if (t->free == 0 && t->used == KIN_MAX)
		return NULL;
	uint32_t place = t->free != 0 ? t->free : ++t->used;
	k = &t->list[place - 1];
	if (place == t->free)
		t->free = k->next;
	*k = (struct kin){ .pid = pid, .next = *bucket_of(t, pid) };
	*bucket_of(t, pid) = place;
	t->count++;
	return k;
}

void kin_remove(struct kin_table *t, struct kin *k)
{
	uint32_t place = (uint32_t)(k - t->list) + 1;

	for (uint32_t *at = bucket_of(t, k->pid); *at != 0; at = &t->list[*at - 1].next)
		if (*at == place) {
			*at = k->next;
			break;
		}
	*k = (struct kin){ .next = t->free };
	t->free = place;
	t->count--;
}
