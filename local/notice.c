#include "local/notice.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "format/meta.h"

enum { LOOK_MS = 500 };
static const char prefix[] = "alert-";

int notice_keep(struct kept *k, uint64_t *number, enum alert a, const struct buffer *facts)
{
	char key[SUPERVISOR_KEY_MAX];
	struct buffer b;
	size_t waiting = 0;
	for (const struct kept_entry *e = k->first; e != NULL; e = e->next)
		waiting += strncmp(e->key, prefix, sizeof prefix - 1) == 0;
	if (waiting >= NOTICE_MAX)
		return ITM_ELIMIT;
	snprintf(key, sizeof key, "%s%llu", prefix, (unsigned long long)++*number);
	buffer_init(&b, NOTICE_SIZE - 1);
	int r = meta_put(&b, "alert", alert_kind(a)->name);
	if (r == 0)
		r = buffer_put(&b, facts->data, facts->len);
	if (r == 0)
		r = kept_put(k, key, b.data, b.len, NULL, 0, false);
	buffer_free(&b);
	return r;
}

void notices_init(struct notices *n, struct hoststream *stream, struct control *control)
{
	*n = (struct notices){ .stream = stream, .control = control };
}

bool notices_kept(struct notices *n, const char *key, const void *blob, size_t len)
{
	struct notice *place = NULL;
	if (strncmp(key, prefix, sizeof prefix - 1) != 0)
		return false;
	for (size_t i = NOTICE_MAX; i-- > 0; ) {
		if (n->one[i].key[0] == '\0')
			place = &n->one[i];
		else if (strcmp(n->one[i].key, key) == 0)
			return true; /* a new supervisor's number, or told again */
	}
	/* Without room it stays with the supervisor until our next start. */
	if (place == NULL || len >= NOTICE_SIZE)
		return true;
	*place = (struct notice){ 0 };
	snprintf(place->key, sizeof place->key, "%s", key);
	memcpy(place->text, blob, len);
	return true;
}

static void raise_alert(struct notices *n, struct notice *one)
{
	char name[SUPERVISOR_KEY_MAX];
	enum alert a;
	const char *facts = strchr(one->text, '\n');
	if (meta_get(one->text, strlen(one->text), "alert", 0, name, sizeof name) <= 0 || facts == NULL ||
	    !alert_named(name, &a)) {
		log_error("an alert of the supervisor that makes no sense");
		control_remove(n->control, one->key);
		one->key[0] = '\0';
		return;
	}
	const struct buffer rest = { .data = (uint8_t *)(one->text + (facts + 1 - one->text)), .len = strlen(facts + 1) };
	if (!hoststream_room(n->stream) || !hoststream_alert(n->stream, a, &rest))
		return;
	one->told = true;
	one->mark = hoststream_mark(n->stream);
}

int notices_tick(struct notices *n)
{
	bool waiting = false;
	for (size_t i = 0; i < NOTICE_MAX; i++) {
		struct notice *one = &n->one[i];
		if (one->key[0] == '\0')
			continue;
		enum hoststream_fate fate = one->told ? hoststream_fate(n->stream, one->mark) : HOSTSTREAM_LOST;
		if (fate == HOSTSTREAM_LOST)
			raise_alert(n, one);
		if (fate == HOSTSTREAM_DURABLE) {
			control_remove(n->control, one->key);
			one->key[0] = '\0';
		}
		waiting |= one->key[0] != '\0';
	}
	return waiting ? LOOK_MS : -1;
}
