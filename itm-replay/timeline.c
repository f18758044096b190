#include "itm-replay/timeline.h"

enum { PLAIN, BOLD = 1, UNDERLINE = 2, REVERSE = 4 };

static int set_look(struct buffer *out, unsigned look)
{
	return buffer_printf(out, "\033[0%s%s%sm", (look & BOLD) != 0 ? ";1" : "", (look & UNDERLINE) != 0 ? ";4" : "",
			     (look & REVERSE) != 0 ? ";7" : "");
}

int timeline_put(struct buffer *out, const struct player_view *view, unsigned columns)
{
	static const char *const blocks[MARKS_LEVELS + 1] = { " ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█" };
	uint64_t total = view->total_ms + 1;
	unsigned look = PLAIN, i;
	int r = set_look(out, look);

	for (i = 0; r == 0 && i < columns; i++) {
		uint64_t from = total * i / columns, to = total * (i + 1) / columns;
		bool here = view->position_ms >= from && view->position_ms < to;
		bool alert = marks_any(view->marks, MARKS_ALERT, from, to);
		unsigned wanted = (here ? REVERSE : 0) | (alert ? BOLD : 0) |
				  (marks_any(view->marks, MARKS_COMMAND, from, to) ? UNDERLINE : 0);
		if (wanted != look)
			r = set_look(out, look = wanted);
		if (r == 0)
			r = buffer_put_text(out, alert ? "!" : blocks[marks_level(view->marks, from, to)]);
	}
	return r != 0 ? r : set_look(out, PLAIN);
}
