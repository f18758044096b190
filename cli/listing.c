#include "cli/listing.h"

#include <stdio.h>
#include <sysexits.h>

#include "base/clock.h"
#include "base/error.h"
#include "store/index.h"
#include "view/locate.h"
#include "view/say.h"

void listing_row(struct listing *l)
{
	if (l->count++ > 0 && l->as_json)
		buffer_put_text(&l->text, ",\n ");
}

void listing_print(struct listing *l)
{
	fwrite(l->text.data, 1, l->text.len, stdout);
	buffer_clear(&l->text);
}

static int from_spool(struct listing *l, const struct places *places, char *error)
{
	const char *dir = places->agent.spool;
	struct catalog c;
	int r = catalog_read(&c, dir);

	if (r != 0) {
		snprintf(error, LOCATE_ERROR_SIZE, r == ITM_ENOENT ?
			 "no spool at %.200s: is the agent on this machine? try --spool DIR" :
			 "cannot read the spool at %.200s", dir);
		return r;
	}
	r = l->from_spool(l, dir, &c);
	catalog_free(&c);
	if (r != 0)
		snprintf(error, LOCATE_ERROR_SIZE, "cannot read the spool at %.200s: %s", dir, error_text(r));
	return r;
}

static int from_index(struct listing *l, const struct places *places, char *error)
{
	int r = 0;
	struct index *index = index_open(places->server.index, false, &r);

	if (index == NULL) {
		if (!places_is_store(places->server.store) && places_is_spool(places->agent.spool))
			return from_spool(l, places, error);
		locate_explain(places, r, error);
		return r;
	}
	r = l->from_index(l, index);
	index_close(index);
	if (r != 0)
		snprintf(error, LOCATE_ERROR_SIZE, "cannot read the index at %.200s: %s",
			 places->server.index, error_text(r));
	return r;
}

static int list(struct listing *l, const struct places *places)
{
	char error[LOCATE_ERROR_SIZE];
	int r;

	if (l->as_json)
		printf("[");
	r = (places->use_spool ? from_spool : from_index)(l, places, error);
	if (l->as_json)
		printf("]\n");
	if (r != 0) {
		say_error(l->program, "%s", error);
		return say_status(r);
	}
	if (!l->as_json && l->count == 0)
		fprintf(stderr, "%s\n", l->nothing);
	else if (!l->as_json)
		table_print(l->table, table_terminal_width(), stdout);
	return 0;
}

int listing_run(struct listing *l, const struct places *places, const struct table_column *columns, size_t count)
{
	int status;

	l->table = table_new(columns, count);
	if (l->table == NULL)
		return EX_OSERR;
	buffer_init(&l->text, 1 << 20);
	status = list(l, places);
	buffer_free(&l->text);
	table_free(l->table);
	return say_finish(l->program, status);
}

int listing_time(const struct listing *l, const char *option, const char *text, int64_t *wall_ns)
{
	if (text == NULL || clock_parse(text, wall_ns) == 0)
		return 0;
	say_error(l->program, "--%s %s: not a time: use 2026-11-23 or 2026-11-23T18:00:05 (UTC)", option, text);
	return ITM_EFORMAT;
}
