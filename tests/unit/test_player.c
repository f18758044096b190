/* The player's controller, its keys and its bar, without a terminal. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "itm-replay/bar.h"
#include "itm-replay/keys.h"
#include "itm-replay/player.h"
#include "terminal/paint.h"
#include "terminal/text.h"
#include "tests/unit/fakesource.h"

#define OUT(ms, text) { .time_ms = ms, .kind = RECORD_OUT, .data = text }

static const struct fakesource_event steps[] = {
	{ .kind = RECORD_ENV, .data = "user=john\nhostname=db1\ncolumns=20\nrows=4\n" },
	OUT(1000, "one\r\n"), OUT(2000, "two\r\n"), OUT(2000, "TWO\r\n"), OUT(3000, "three\r\n"),
	OUT(63000, "four\r\n"), OUT(64000, "five\r\n"), OUT(65000, "three\r\n"), OUT(66000, "\033[2J\033[Hend"),
};
enum { STEPS = sizeof(steps) / sizeof(steps[0]) };

struct stage {
	struct source *source;
	struct player *player;
	struct buffer text;
};

static struct stage stage_new(const struct fakesource_event *events, size_t count, bool ended,
			      const struct player_config *config)
{
	struct stage s = { .source = fakesource_new(events, count, ended) };

	s.player = player_new(s.source, config);
	assert_non_null(s.player);
	buffer_init(&s.text, 1 << 20);
	return s;
}

static void stage_free(struct stage *s)
{
	player_free(s->player);
	source_close(s->source);
	buffer_free(&s->text);
}

static const struct player_config normal = { .idle_ms = PLAYER_IDLE_MS, .speed = PLAYER_SPEED_ONE };

/* The screen's rows, joined by "/". */
static const char *screen(struct stage *s)
{
	const struct vt *v = player_screen(s->player);
	unsigned y, rows = vt_rows(v);

	buffer_clear(&s->text);
	for (y = 0; y < rows; y++) {
		if (y > 0)
			buffer_put_u8(&s->text, '/');
		text_row(&s->text, vt_row(v, y), vt_columns(v));
	}
	while (s->text.len > 0 && s->text.data[s->text.len - 1] == '/')
		s->text.len--;
	return buffer_text(&s->text);
}

static struct player_view look(struct stage *s)
{
	struct player_view view;

	player_look(s->player, &view);
	return view;
}

/* Let work that waits be done; no time passes. */
static void settle(struct stage *s)
{
	int rounds = 0;

	while (look(s).busy) {
		player_advance(s->player, 0);
		assert_true(++rounds < 10000);
	}
}

static void at(struct stage *s, uint64_t ms, const char *text)
{
	settle(s);
	assert_int_equal(look(s).position_ms, ms);
	assert_string_equal(screen(s), text);
}

static void plays_in_time(void **state)
{
	struct stage s = stage_new(steps, STEPS, true, &normal);

	assert_int_equal(look(&s).total_ms, 66000);
	player_advance(s.player, 0);
	at(&s, 0, "");
	assert_int_equal(vt_columns(player_screen(s.player)), 20);
	assert_int_equal(player_advance(s.player, 999000), 1001);
	at(&s, 999, "");
	player_advance(s.player, 1000);
	at(&s, 1000, "one");
	player_advance(s.player, 1000000);
	at(&s, 2000, "one/two/TWO");
	player_speed(s.player, 1);
	player_advance(s.player, 500000);
	at(&s, 3000, "two/TWO/three");
	stage_free(&s);
}

static void shortens_pauses(void **state)
{
	struct stage s = stage_new(steps, STEPS, true, &normal);

	player_seek(s.player, 3000);
	at(&s, 3000, "two/TWO/three");
	/* 60 s are shown in 0.5 s, evenly. */
	player_advance(s.player, 250000);
	at(&s, 33000, "two/TWO/three");
	player_advance(s.player, 250000);
	at(&s, 63000, "TWO/three/four");
	player_seek(s.player, 3000);
	settle(&s);
	player_toggle_idle(s.player);
	player_advance(s.player, 250000);
	at(&s, 3250, "two/TWO/three");
	stage_free(&s);
}

static void a_gap_of_150_hours_does_not_hang(void **state)
{
	struct stage s = stage_new(fakesource_login, fakesource_login_count, true, &normal);
	uint64_t us = 0;

	while (!look(&s).paused) {
		player_advance(s.player, 25000);
		us += 25000;
		assert_true(us < 30000000);
	}
	assert_int_equal(look(&s).position_ms, 540001000);
	player_toggle_idle(s.player);
	player_seek(s.player, 6000);
	settle(&s);
	player_pause(s.player, false);
	/* In full: the wait is cut to an hour at most, and time does pass. */
	assert_in_range(player_advance(s.player, 0), 1, INT64_C(3600000000));
	player_speed(s.player, 100);
	assert_int_equal(look(&s).speed, PLAYER_SPEED_MAX);
	player_advance(s.player, 8400000000);
	assert_int_equal(look(&s).position_ms, 537600000 + 6000);
	stage_free(&s);
}

static void seeks_both_ways(void **state)
{
	struct stage s = stage_new(steps, STEPS, true, &normal);

	player_pause(s.player, true);
	player_seek(s.player, 64000);
	at(&s, 64000, "three/four/five");
	player_seek_by(s.player, -61000);
	at(&s, 3000, "two/TWO/three");
	player_seek_by(s.player, -5000);
	at(&s, 0, "");
	player_seek_by(s.player, INT64_C(1) << 62);
	at(&s, 66000, "end");
	assert_true(look(&s).paused);
	player_seek_tenth(s.player, 5);
	at(&s, 33000, "two/TWO/three");
	/* Keys that come while a seek is under way add up. */
	player_seek(s.player, 0);
	player_seek_by(s.player, 1000);
	player_seek_by(s.player, 1000);
	at(&s, 2000, "one/two/TWO");
	player_seek_end(s.player);
	settle(&s);
	assert_int_equal(look(&s).position_ms, 66000);
	stage_free(&s);
}

static void steps_to_what_is_shown(void **state)
{
	struct stage s = stage_new(steps, STEPS, true, &normal);

	player_step(s.player);
	at(&s, 1000, "one");
	player_step(s.player);
	at(&s, 2000, "one/two");
	player_step(s.player);
	at(&s, 2000, "one/two/TWO");
	assert_int_equal(player_advance(s.player, 5000000), -1);
	player_seek_end(s.player);
	settle(&s);
	player_step(s.player);
	settle(&s);
	assert_int_equal(look(&s).position_ms, 66000);
	stage_free(&s);
}

static void finds_text_as_it_is_shown(void **state)
{
	struct stage s = stage_new(steps, STEPS, true, &normal);

	player_find(s.player, "Three", false);
	at(&s, 3000, "two/TWO/three");
	assert_true(look(&s).paused);
	player_find(s.player, "", false);
	settle(&s);
	assert_int_equal(look(&s).position_ms, 65000);
	player_find(s.player, "", false);
	settle(&s);
	assert_int_equal(look(&s).position_ms, 65000);
	assert_non_null(strstr(look(&s).words, "not found"));
	player_find(s.player, "", true);
	at(&s, 3000, "two/TWO/three");
	player_find(s.player, "", true);
	at(&s, 3000, "two/TWO/three");
	assert_non_null(strstr(look(&s).words, "not found"));
	/* The second of two at one time is a hit of its own. */
	player_seek(s.player, 0);
	settle(&s);
	player_find(s.player, "two", false);
	at(&s, 2000, "one/two");
	player_find(s.player, "", false);
	at(&s, 2000, "one/two/TWO");
	stage_free(&s);
}

static void finds_what_scrolls_by_in_one_event(void **state)
{
	static const struct fakesource_event flood[] = {
		{ .kind = RECORD_ENV, .data = "columns=10\nrows=3\n" },
		OUT(1000, "a\r\nb\r\n"),
		OUT(2000, "1\r\n2\r\n3\r\nneedle in a longer line\r\n5\r\n6\r\n7\r\n8\r\n9\r\n"),
		OUT(3000, "\033[2J\033[H"),
	};
	struct stage s = stage_new(flood, 4, true, &normal);

	player_find(s.player, "in a longer", false);
	settle(&s);
	assert_int_equal(look(&s).position_ms, 2000);
	stage_free(&s);
}

static void follows_a_live_session(void **state)
{
	struct player_config follow = normal;
	struct stage s;

	follow.follow = true;
	s = stage_new(steps, 3, false, &follow);
	assert_int_equal(player_advance(s.player, 0), PLAYER_LIVE_POLL_US);
	at(&s, 2000, "one/two");
	assert_true(look(&s).live);
	fakesource_show(s.source, 6, false);
	assert_int_equal(player_advance(s.player, 100000), PLAYER_LIVE_POLL_US);
	at(&s, 63000, "TWO/three/four");
	/* Looking back leaves the tail, End goes back to it. */
	player_seek_by(s.player, -60000);
	at(&s, 3000, "two/TWO/three");
	assert_false(look(&s).live);
	fakesource_show(s.source, STEPS, true);
	player_seek_end(s.player);
	assert_int_equal(player_advance(s.player, 0), -1);
	at(&s, 66000, "end");
	assert_false(look(&s).live);
	assert_true(look(&s).paused && look(&s).ended);
	stage_free(&s);
}

static void plays_again_from_the_end(void **state)
{
	struct stage s = stage_new(steps, STEPS, true, &normal);

	player_seek_end(s.player);
	settle(&s);
	player_advance(s.player, 1000);
	assert_true(look(&s).paused && look(&s).at_end);
	player_toggle(s.player);
	at(&s, 0, "");
	assert_false(look(&s).paused);
	stage_free(&s);
}

static void says_where_the_record_is_broken(void **state)
{
	struct stage s = stage_new(fakesource_pipe, fakesource_pipe_count, true, &normal);

	player_advance(s.player, 21000);
	assert_string_equal(screen(&s), "one/two/three");
	assert_non_null(strstr(look(&s).words, "broken here: chunk 3"));
	player_advance(s.player, 100000);
	assert_non_null(strstr(look(&s).words, "signal 9"));
	stage_free(&s);
}

/* What a viewer's terminal gets: text, cursor moves, colours; nothing else. */
static void check_harmless(const uint8_t *p, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++) {
		assert_int_not_equal(p[i], 0x7f);
		assert_false(p[i] == 0xc2 && i + 1 < len && p[i + 1] < 0xa0);
		if (p[i] >= 0x20)
			continue;
		assert_int_equal(p[i], 0x1b);
		assert_true(i + 2 < len && p[i + 1] == '[');
		for (i += 2; i < len && ((p[i] >= '0' && p[i] <= '9') || p[i] == ';'); i++)
			;
		assert_true(i < len && (p[i] == 'H' || p[i] == 'm'));
	}
}

static void nothing_recorded_reaches_the_viewer(void **state)
{
	struct stage s = stage_new(fakesource_login, fakesource_login_count, true, &normal);
	struct paint *paint = paint_new(60, 10);
	struct player_view view;
	struct buffer out;
	unsigned columns, rounds = 0;

	buffer_init(&out, 1 << 20);
	while (!look(&s).paused) {
		assert_true(++rounds < 1000);
		player_advance(s.player, 100000);
		player_look(s.player, &view);
		assert_int_equal(paint_update(paint, player_screen(s.player), 0, 0, &out), 0);
		for (columns = 0; columns < 200; columns += 7)
			assert_int_equal(bar_put(&out, &view, columns % 2 ? "q\033[2J\302\233" : NULL, columns), 0);
		check_harmless(out.data, out.len);
		buffer_clear(&out);
	}
	buffer_free(&out);
	paint_free(paint);
	stage_free(&s);
}

static void the_bar_fills_its_line(void **state)
{
	struct stage s = stage_new(steps, STEPS, true, &normal);
	struct player_view view;
	struct buffer out;

	player_advance(s.player, 1500000);
	player_look(s.player, &view);
	buffer_init(&out, 4096);
	assert_int_equal(bar_put(&out, &view, NULL, 80), 0);
	assert_string_equal(buffer_text(&out),
			    " PLAY 0:00:01 / 0:01:06  2026-11-23 18:00:01  1x               john@db1  ? keys ");
	buffer_clear(&out);
	assert_int_equal(bar_put(&out, &view, "caf\303\251", 20), 0);
	assert_string_equal(buffer_text(&out), " find: caf\303\251         ");
	buffer_free(&out);
	stage_free(&s);
}

/* Opened keystrokes: a line, the one before it kept until the next key. */
static void the_bar_shows_what_is_typed(void **state)
{
	static const struct fakesource_event events[] = {
		{ .kind = RECORD_ENV, .data = "user=john\nhostname=db1\ncolumns=20\nrows=4\n" },
		{ .time_ms = 100, .kind = RECORD_IN, .data = "l" }, { .time_ms = 200, .kind = RECORD_IN, .data = "s\r" },
		OUT(300, "a b\r\n"), { .time_ms = 400, .kind = RECORD_IN, .code = 3 }, { .time_ms = 1000, .kind = RECORD_IN, .data = "id" },
		OUT(2000, "x"),
	};
	struct stage s = stage_new(events, sizeof events / sizeof events[0], true, &normal);
	struct player_view view;

	player_advance(s.player, 350000);
	player_look(s.player, &view);
	assert_string_equal(view.typed, "ls");
	player_advance(s.player, 800000);
	player_look(s.player, &view);
	assert_string_equal(view.typed, "id");
	buffer_clear(&s.text);
	assert_int_equal(bar_put(&s.text, &view, NULL, 120), 0);
	assert_non_null(strstr(buffer_text(&s.text), "typed: id"));
	player_seek(s.player, 0);
	while (player_advance(s.player, 0) == 0)
		;
	player_look(s.player, &view);
	assert_string_equal(view.typed, "");
	stage_free(&s);
}

static void keys_are_read(void **state)
{
	static const struct { const char *bytes; int keys[4]; } cases[] = {
		{ " q", { ' ', 'q' } }, { "\r\n", { KEYS_ENTER, KEYS_ENTER } },
		{ "\033[D\033[C", { KEYS_LEFT, KEYS_RIGHT } }, { "\033OA\033OB", { KEYS_UP, KEYS_DOWN } },
		{ "\033[5~\033[6~", { KEYS_PAGE_UP, KEYS_PAGE_DOWN } }, { "\033[1~\033OF", { KEYS_HOME, KEYS_END } },
		{ "\033[<0;1;1Mx", { 'x' } }, { "\033[200;1;1;1;1;1;1;1;1;1;1;1;1~x", { 'x' } },
		{ "\033\033[A", { KEYS_ESCAPE, KEYS_UP } }, { "\003\014\032\177", { KEYS_INTERRUPT, KEYS_REDRAW, KEYS_SUSPEND, KEYS_ERASE } },
		{ "\033x\033Oqz", { 'z' } },
	};
	struct keys keys = { 0 };
	size_t i, k, n;
	int key;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		for (k = n = 0; cases[i].bytes[k] != '\0'; k++) {
			key = keys_byte(&keys, (uint8_t)cases[i].bytes[k]);
			if (key != KEYS_NONE)
				assert_int_equal(key, cases[i].keys[n++]);
		}
		assert_true(n == 4 || cases[i].keys[n] == 0);
	}
	assert_int_equal(keys_byte(&keys, 0x1b), KEYS_NONE);
	assert_int_equal(keys_timeout(&keys), KEYS_ESCAPE);
	assert_int_equal(keys_timeout(&keys), KEYS_NONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plays_in_time),
		cmocka_unit_test(shortens_pauses),
		cmocka_unit_test(a_gap_of_150_hours_does_not_hang),
		cmocka_unit_test(seeks_both_ways),
		cmocka_unit_test(steps_to_what_is_shown),
		cmocka_unit_test(finds_text_as_it_is_shown),
		cmocka_unit_test(finds_what_scrolls_by_in_one_event),
		cmocka_unit_test(follows_a_live_session),
		cmocka_unit_test(plays_again_from_the_end),
		cmocka_unit_test(says_where_the_record_is_broken),
		cmocka_unit_test(nothing_recorded_reaches_the_viewer),
		cmocka_unit_test(the_bar_fills_its_line),
		cmocka_unit_test(the_bar_shows_what_is_typed),
		cmocka_unit_test(keys_are_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
