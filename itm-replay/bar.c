#include "itm-replay/bar.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "terminal/text.h"
#include "terminal/utf8.h"
#include "terminal/width.h"
#include "view/when.h"

enum { PART_MAX = 4096 };

static const char *const help[] = {
	"space        play or pause",
	"left right   5 seconds back or on",
	"down up      a minute back or on (also Page Down, Page Up)",
	"0 - 9        to that tenth of the session",
	"Home End     to the start, to the end (with --follow: live again)",
	"+ -          faster, slower",
	"i            shorten pauses, or show them in full",
	".            while paused: to the next output",
	"/            find a text that is shown; n next, N the one before",
	"c C          to the next command, to the one before",
	"m M          to the next alert or event (a file, a loss), to the one before",
	"p            the processes at this moment",
	"t            the timeline",
	"h j k l      another part of a screen larger than yours; z follows the cursor",
	"Esc          stop a search, close this page",
	"q            leave",
};

const char *bar_help(unsigned n)
{
	return n < sizeof(help) / sizeof(help[0]) ? help[n] : NULL;
}

int bar_fit(struct buffer *out, const char *text, unsigned columns)
{
	struct buffer safe;
	size_t i = 0;
	unsigned used = 0, len;
	uint32_t rune;
	int r, width;

	buffer_init(&safe, (strlen(text) + 1) * 16);
	r = text_escape(&safe, text, strlen(text));
	while (r == 0 && i < safe.len) {
		len = utf8_decode(safe.data + i, safe.len - i, &rune);
		width = len > 0 ? width_of(rune) : -1;
		if (width < 0 || used + (unsigned)width > columns)
			break;
		r = buffer_put(out, safe.data + i, len);
		used += (unsigned)width;
		i += len;
	}
	buffer_free(&safe);
	return r != 0 ? r : (int)used;
}

static void put_speed(char *out, size_t size, unsigned quarters)
{
	static const char *const parts[] = { "", ".25", ".5", ".75" };

	snprintf(out, size, "%u%sx", quarters / PLAYER_SPEED_ONE, parts[quarters % PLAYER_SPEED_ONE]);
}

static const char *state_word(const struct player_view *v)
{
	if (v->busy)
		return "....";
	if (v->live)
		return "LIVE";
	if (v->paused)
		return v->at_end ? "END " : "STOP";
	return "PLAY";
}

/* The left half: what the viewer steers by. */
static void left_part(char *out, size_t size, const struct player_view *v)
{
	char at[WHEN_TEXT_SIZE], total[WHEN_TEXT_SIZE], wall[WHEN_TEXT_SIZE], speed[16];

	when_format_offset(v->position_ms, at);
	when_format_offset(v->total_ms, total);
	when_format_wall(v->wall_ns, wall);
	put_speed(speed, sizeof(speed), v->speed);
	snprintf(out, size, " %s %s / %s  %s  %s%s ", state_word(v), at, total, wall, speed,
		 v->skip_idle ? "" : "  full pauses");
}

static void right_part(char *out, size_t size, const struct player_view *v)
{
	if (v->words[0] != '\0')
		snprintf(out, size, " %s ", v->words);
	else if (v->typed != NULL && v->typed[0] != '\0')
		snprintf(out, size, " typed: %s ", v->typed);
	else
		snprintf(out, size, " %s@%s  ? keys ", v->head->user, v->head->hostname);
}

int bar_put(struct buffer *out, const struct player_view *view, const char *prompt, unsigned columns)
{
	char left[PART_MAX], right[PART_MAX];
	struct buffer tail;
	int used, tail_used, r = 0;

	if (prompt != NULL) {
		snprintf(left, sizeof(left), " find: %s", prompt);
		right[0] = '\0';
	} else {
		left_part(left, sizeof(left), view);
		right_part(right, sizeof(right), view);
	}
	used = bar_fit(out, left, columns);
	if (used < 0)
		return used;
	buffer_init(&tail, PART_MAX * 16);
	tail_used = bar_fit(&tail, right, columns - (unsigned)used);
	if (tail_used < 0)
		r = tail_used;
	for (; r == 0 && (unsigned)(used + tail_used) < columns; used++)
		r = buffer_put_u8(out, ' ');
	if (r == 0)
		r = buffer_put(out, tail.data, tail.len);
	buffer_free(&tail);
	return r;
}
