#include "local/kept.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void entry_free(struct kept_entry *e)
{
	if (e == NULL)
		return;
	for (size_t i = 0; i < e->count; i++)
		close(e->fds[i]);
	free(e->blob);
	free(e);
}

static struct kept_entry **find_place(struct kept *k, const char *key)
{
	struct kept_entry **at = &k->first;
	while (*at != NULL && strcmp((*at)->key, key) != 0)
		at = &(*at)->next;
	return at;
}

struct kept_entry *kept_find(struct kept *k, const char *key)
{
	return *find_place(k, key);
}

void kept_remove(struct kept *k, const char *key)
{
	struct kept_entry **at = find_place(k, key), *e = *at;
	if (e == NULL)
		return;
	*at = e->next;
	k->count--;
	entry_free(e);
}

int kept_put(struct kept *k, const char *key, const void *blob, size_t len, const int *fds, size_t count, bool sent)
{
	if (count > SUPERVISOR_FDS_MAX || len > SUPERVISOR_BLOB_MAX || strlen(key) >= SUPERVISOR_KEY_MAX)
		return ITM_ELIMIT;
	if (k->count >= KEPT_MAX && kept_find(k, key) == NULL)
		return ITM_ELIMIT;
	struct kept_entry *e = calloc(1, sizeof *e);
	uint8_t *copy = malloc(len ? len : 1);
	if (e == NULL || copy == NULL) {
		free(e);
		free(copy);
		return ITM_ENOMEM;
	}
	if (len > 0)
		memcpy(copy, blob, len);
	e->blob = copy;
	e->len = len;
	(void)snprintf(e->key, sizeof e->key, "%s", key);
	for (size_t i = 0; i < count; i++)
		e->fds[i] = fds[i];
	e->count = count;
	e->sent = sent;
	kept_remove(k, key);
	struct kept_entry **at = &k->first;
	while (*at != NULL)
		at = &(*at)->next;
	*at = e;
	k->count++;
	return 0;
}

void kept_unsend(struct kept *k)
{
	for (struct kept_entry *e = k->first; e != NULL; e = e->next)
		e->sent = false;
}

void kept_free(struct kept *k)
{
	while (k->first != NULL) {
		struct kept_entry *e = k->first;
		k->first = e->next;
		entry_free(e);
	}
	k->count = 0;
}
