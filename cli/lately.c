#include "cli/lately.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "format/meta.h"
#include "store/index.h"
#include "terminal/text.h"
#include "view/when.h"

enum { SHOWN = 5, LOOKED_AT = 100000 };
#define DAY_NS (INT64_C(24) * 3600 * 1000000000)

static const char *const notable[] = {
	"login-refused", "login-unrecorded", "session-refused", "session-unrecorded", "recorder-lost", "events-lost",
};

struct seen { uint64_t count; };

static bool is_notable(const char *kind)
{
	for (size_t i = 0; i < sizeof notable / sizeof notable[0]; i++)
		if (strcmp(kind, notable[i]) == 0)
			return true;
	return false;
}

static int show(void *context, const struct index_event *e)
{
	struct seen *seen = context;
	char when[WHEN_TEXT_SIZE], reason[256];
	struct buffer b;

	if (!is_notable(e->kind) || seen->count++ >= SHOWN)
		return 0;
	if (seen->count == 1)
		puts("Last day");
	when_format_wall(e->wall_ns, when);
	if (meta_get(e->text, e->text_len, "reason", 0, reason, sizeof reason) < 0)
		reason[0] = '\0';
	buffer_init(&b, 16 * 1024);
	buffer_printf(&b, "  %s  %s  ", when, e->kind);
	text_escape(&b, e->user, strlen(e->user));
	buffer_put_u8(&b, '@');
	text_escape(&b, e->hostname, strlen(e->hostname));
	buffer_put_text(&b, reason[0] != '\0' ? "  " : "");
	text_escape(&b, reason, strlen(reason));
	printf("%.*s\n", (int)b.len, (const char *)b.data);
	buffer_free(&b);
	return 0;
}

void lately_show(const struct places *places)
{
	const struct index_event_filter filter = { .after_wall_ns = clock_wall_ns() - DAY_NS, .limit = LOOKED_AT };
	struct seen seen = { 0 };
	int r = 0;
	struct index *index = index_open(places->server.index, false, &r);

	if (index == NULL)
		return; /* a host without a server, or somebody who may not read it */
	(void)index_events(index, &filter, show, &seen);
	index_close(index);
	if (seen.count > SHOWN)
		printf("  and %llu more: itm events\n", (unsigned long long)(seen.count - SHOWN));
}
