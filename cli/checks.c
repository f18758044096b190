#include "cli/checks.h"

#include <stdarg.h>
#include <stdio.h>

#include "cli/startup.h"
#include "view/table.h"

static const char *const state_names[] = { "ok", "note", "WRONG" };

bool checks_add(struct checks *c, enum checks_state state, const char *name, const char *format, ...)
{
	va_list ap;
	if (c->count == CHECKS_MAX) {
		c->dropped++;
		return state == CHECKS_OK;
	}
	struct checks_item *item = &c->item[c->count++];
	item->state = state;
	item->name = name;
	va_start(ap, format);
	vsnprintf(item->words, sizeof item->words, format, ap);
	va_end(ap);
	return state == CHECKS_OK;
}

size_t checks_count(const struct checks *c, enum checks_state state)
{
	size_t count = 0;
	for (size_t i = 0; i < c->count; i++)
		count += c->item[i].state == state;
	return count;
}

const struct checks_item *checks_first(const struct checks *c, enum checks_state state)
{
	for (size_t i = 0; i < c->count; i++)
		if (c->item[i].state == state)
			return &c->item[i];
	return NULL;
}

void checks_print(const struct checks *c, enum checks_state least)
{
	static const struct table_column columns[] = {
		{ "CHECK", 8, 24, 0 }, { "STATE", 5, 5, 0 }, { "WHAT WAS FOUND", 20, CHECKS_WORDS_SIZE, 1 },
	};
	struct table *t = table_new(columns, sizeof columns / sizeof columns[0]);
	if (t == NULL)
		return;
	for (size_t i = 0; i < c->count; i++) {
		const char *row[] = { c->item[i].name, state_names[c->item[i].state], c->item[i].words };
		if (c->item[i].state >= least)
			table_add(t, row);
	}
	/* Reasons are read to their end: lines may wrap. */
	table_print(t, 0, stdout);
	table_free(t);
	if (c->dropped > 0)
		printf("and %zu more\n", c->dropped);
}

void checks_json(const struct checks *c, struct json *j)
{
	json_array(j);
	for (size_t i = 0; i < c->count; i++) {
		json_object(j);
		json_key(j, "check");
		json_text(j, c->item[i].name);
		json_key(j, "state");
		json_text(j, i < c->count && c->item[i].state == CHECKS_WRONG ? "wrong" : state_names[c->item[i].state]);
		json_key(j, "words");
		json_text(j, c->item[i].words);
		json_object_end(j);
	}
	json_array_end(j);
}
