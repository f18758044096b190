/* What the player can jump to, and the timeline. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "itm-replay/marks.h"
#include "itm-replay/player.h"
#include "itm-replay/timeline.h"
#include "tests/unit/fakesource.h"

#define OUT(ms, text) { .time_ms = ms, .kind = RECORD_OUT, .data = text }
#define KEY(ms) { .time_ms = ms, .kind = RECORD_COUNTED, .code = 1 << 2 }
#define ON "\033[?2004h"
#define OFF "\033[?2004l"

static const struct fakesource_event session[] = {
	{ .kind = RECORD_ENV, .data = "user=john\nhostname=db1\ncolumns=40\nrows=6\n" },
	OUT(500, ON "$ "), KEY(900), OUT(1000, "ls"), OUT(1200, "\r\n" OFF), OUT(1300, "a b c\r\n" ON "$ "),
	{ .time_ms = 4000, .kind = RECORD_GAP, .code = 77 },
	KEY(8900), OUT(9000, "id"), OUT(9500, "\r\n" OFF), OUT(9600, "uid=0\r\n" ON "$ "),
	{ .time_ms = 20000, .kind = RECORD_EXIT },
};
enum { EVENTS = sizeof session / sizeof session[0] };

static struct marks *read_all(struct source **source)
{
	*source = fakesource_new(session, EVENTS, true);
	struct marks *m = marks_new(*source);
	assert_non_null(m);
	while (marks_work(m))
		;
	assert_true(marks_read_ms(m) == UINT64_MAX);
	return m;
}

static void finds_commands_and_events(void **state)
{
	struct source *source;
	struct marks *m = read_all(&source);
	struct mark mark;

	assert_true(marks_next(m, MARKS_COMMAND, 0, false, &mark));
	assert_string_equal(mark.words, "command: ls");
	assert_int_equal(mark.at_ms, 1200);
	assert_true(marks_next(m, MARKS_COMMAND, mark.at_ms, false, &mark));
	assert_string_equal(mark.words, "command: id");
	assert_false(marks_next(m, MARKS_COMMAND, mark.at_ms, false, &mark));
	assert_true(marks_next(m, MARKS_EVENT, 20000, true, &mark));
	assert_string_equal(mark.words, "gap: 77 bytes lost here");
	assert_int_equal(mark.at_ms, 4000);
	assert_false(marks_next(m, MARKS_EVENT, 4000, true, &mark));
	assert_false(marks_next(m, MARKS_ALERT, 0, false, &mark));
	assert_true(marks_any(m, MARKS_EVENT, 4000, 4001));
	assert_false(marks_any(m, MARKS_EVENT, 4001, 9000));
	marks_free(m);
	source_close(source);
}

/* Those kept elsewhere stand in their place; long and hostile words end. */
static void alerts_come_from_elsewhere(void **state)
{
	static char longest[1000];
	struct source *source;
	struct marks *m = read_all(&source);
	struct mark mark;

	memset(longest, 'x', sizeof longest);
	assert_int_equal(marks_add(m, 5000, MARKS_ALERT, longest, sizeof longest), 0);
	assert_int_equal(marks_add(m, 3000, MARKS_ALERT, "root\0shell", 10), 0);
	assert_true(marks_next(m, MARKS_ALERT, 0, false, &mark));
	assert_string_equal(mark.words, "root");
	assert_true(marks_next(m, MARKS_ALERT | MARKS_EVENT, 3000, false, &mark));
	assert_int_equal(mark.at_ms, 4000);
	assert_true(marks_next(m, MARKS_ALERT | MARKS_EVENT, 4000, false, &mark));
	assert_int_equal(strlen(mark.words), MARKS_WORD_SIZE);
	for (unsigned i = 0; i < MARKS_MAX + 10; i++)
		assert_int_equal(marks_add(m, UINT64_C(1) << 62, MARKS_ALERT, "", 0), 0);
	assert_true(marks_next(m, MARKS_COMMAND, 0, false, &mark));
	assert_string_equal(mark.words, "command: ls");
	marks_free(m);
	source_close(source);
}

static void levels_tell_how_much_was_shown(void **state)
{
	static const struct fakesource_event events[] = {
		OUT(50, "x"), { .time_ms = 1050, .kind = RECORD_OUT, .data = "................................................................"
			"................................................................", },
		OUT(UINT64_C(3600000) * 150, "late"),
	};
	struct source *source = fakesource_new(events, 2, false);
	struct marks *m = marks_new(source);

	assert_false(marks_work(m));
	assert_int_equal(marks_read_ms(m), 1050);
	assert_int_equal(marks_level(m, 0, 100), 2);      /* 10 bytes a second */
	assert_int_equal(marks_level(m, 100, 1000), 0);
	assert_int_equal(marks_level(m, 1000, 1100), 4);  /* 1,280 a second */
	fakesource_show(source, 3, true);
	assert_false(marks_work(m));
	/* 150 hours: slots are wider, and what was counted is still there. */
	assert_int_equal(marks_level(m, UINT64_C(3600000) * 150, UINT64_C(3600000) * 150 + 1), 1);
	assert_int_equal(marks_level(m, 0, 1), 1);
	assert_int_equal(marks_level(m, 3600000, 2 * 3600000), 0);
	marks_free(m);
	source_close(source);
}

static void settle(struct player *p, struct player_view *view)
{
	for (int rounds = 0; ; rounds++) {
		assert_true(rounds < 10000);
		player_look(p, view);
		if (!view->busy)
			break;
		player_advance(p, 0);
	}
}

static void the_player_jumps(void **state)
{
	struct source *source = fakesource_new(session, EVENTS, true), *other = fakesource_new(session, EVENTS, true);
	const struct player_config config = { .speed = PLAYER_SPEED_ONE, .marks = other };
	struct player *p = player_new(source, &config);
	struct player_view view;

	player_pause(p, true);
	static const struct { unsigned kinds; bool backward; uint64_t at_ms; const char *words; } jumps[] = {
		{ MARKS_COMMAND, false, 1200, "command: ls" }, { MARKS_COMMAND, false, 9500, "command: id" },
		{ MARKS_COMMAND, false, 9500, "no later command" }, { MARKS_EVENT, true, 4000, "gap: 77 bytes lost here" },
		{ MARKS_COMMAND, true, 1200, "command: ls" }, { MARKS_COMMAND, true, 1200, "no earlier command" },
	};
	settle(p, &view);
	for (size_t i = 0; i < sizeof jumps / sizeof jumps[0]; i++) {
		player_jump(p, jumps[i].kinds, jumps[i].backward);
		settle(p, &view);
		assert_int_equal(view.position_ms, jumps[i].at_ms);
		assert_string_equal(view.words, jumps[i].words);
		assert_true(view.paused);
	}
	/* While it plays, the one that was just passed isn't the one before. */
	player_seek(p, 10000);
	settle(p, &view);
	player_pause(p, false);
	player_jump(p, MARKS_COMMAND, true);
	settle(p, &view);
	assert_int_equal(view.position_ms, 1200);
	player_free(p);
	source_close(source);
	source_close(other);
}

static void the_timeline_fills_its_line(void **state)
{
	struct source *source;
	struct marks *m = read_all(&source);
	struct player_view view = { .total_ms = 20000, .position_ms = 9500, .marks = m };
	struct buffer out;

	buffer_init(&out, 1 << 16);
	assert_int_equal(marks_add(m, 15000, MARKS_ALERT, "x", 1), 0);
	assert_int_equal(timeline_put(&out, &view, 20), 0);
	assert_string_equal(buffer_text(&out), "\033[0m▂\033[0;4m▂\033[0m       \033[0;4;7m▂\033[0m     \033[0;1m!\033[0m    \033[0m");
	buffer_free(&out);
	marks_free(m);
	source_close(source);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_commands_and_events),
		cmocka_unit_test(alerts_come_from_elsewhere),
		cmocka_unit_test(levels_tell_how_much_was_shown),
		cmocka_unit_test(the_player_jumps),
		cmocka_unit_test(the_timeline_fills_its_line),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
