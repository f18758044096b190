/* The emulator: golden screens, painting, resizing, text.
 *
 * tests/golden/screen/NAME.in: `COLUMNSxROWS`, then output with \e \r \n \t \b
 * \xHH \\; line ends of the file don't count; `@resize CxR` on a line of its
 * own resizes.  NAME.screen is what comes of it; GENERATE=1 writes it anew:
 * read the difference before you commit it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/atomicfile.h"
#include "base/buffer.h"
#include "base/error.h"
#include "terminal/lines.h"
#include "terminal/paint.h"
#include "terminal/text.h"
#include "terminal/vt.h"
#include "terminal/width.h"

static struct buffer scrolled;

static void on_line(void *context, const struct vt_cell *cells, unsigned columns, bool wrapped)
{
	(void)context;
	assert_int_equal(buffer_put_text(&scrolled, "scrolled |"), 0);
	assert_int_equal(text_row(&scrolled, cells, columns), 0);
	assert_int_equal(buffer_put_text(&scrolled, wrapped ? "| wrapped\n" : "|\n"), 0);
}

static void feed_line(struct vt *v, const char *line, size_t len)
{
	unsigned columns, rows;
	if (len > 8 && memcmp(line, "@resize ", 8) == 0) {
		assert_int_equal(sscanf(line + 8, "%ux%u", &columns, &rows), 2);
		vt_resize(v, columns, rows);
		return;
	}
	for (size_t i = 0; i < len; i++) {
		char byte = line[i];
		unsigned hex;
		if (byte == '\\') {
			switch (line[++i]) {
			case 'e': byte = 27; break;
			case 'r': byte = '\r'; break;
			case 'n': byte = '\n'; break;
			case 't': byte = '\t'; break;
			case 'b': byte = '\b'; break;
			case 'x':
				assert_int_equal(sscanf(line + i + 1, "%2x", &hex), 1);
				byte = (char)hex;
				i += 2;
				break;
			default: byte = line[i]; break;
			}
		}
		vt_feed(v, &byte, 1);
	}
}

static void put_pens(struct buffer *out, const struct vt *v, unsigned y)
{
	const struct vt_cell *row = vt_row(v, y);
	for (unsigned x = 0, end; x < vt_columns(v); x = end) {
		const struct vt_cell *c = &row[x];
		for (end = x + 1; end < vt_columns(v); end++)
			if (row[end].fg != c->fg || row[end].bg != c->bg || row[end].attributes != c->attributes)
				break;
		if (c->fg != 0 || c->bg != 0 || c->attributes != 0)
			assert_int_equal(buffer_printf(out, " %u-%u:%x/%x/%x", x, end - 1, (unsigned)c->fg,
						       (unsigned)c->bg, c->attributes), 0);
	}
}

static void put_screen(struct buffer *out, const struct vt *v)
{
	unsigned x, y;
	bool visible;
	assert_int_equal(buffer_put(out, scrolled.data, scrolled.len), 0);
	for (y = 0; y < vt_rows(v); y++) {
		assert_int_equal(buffer_put_u8(out, '|'), 0);
		assert_int_equal(text_row(out, vt_row(v, y), vt_columns(v)), 0);
		assert_int_equal(buffer_put_text(out, vt_row_wrapped(v, y) ? "| wrapped" : "|"), 0);
		put_pens(out, v, y);
		assert_int_equal(buffer_put_u8(out, '\n'), 0);
	}
	vt_cursor(v, &x, &y, &visible);
	assert_int_equal(buffer_printf(out, "cursor %u,%u%s%s%s\n", x, y, visible ? "" : " hidden",
				       vt_alternate(v) ? " alternate" : "",
				       vt_bracketed_paste(v) ? " paste" : ""), 0);
}

static void run_case(const char *name)
{
	char path[512];
	struct buffer in, want, got;
	unsigned columns, rows;
	buffer_init(&in, 1 << 20);
	buffer_init(&want, 1 << 20);
	buffer_init(&got, 1 << 20);
	buffer_clear(&scrolled);
	snprintf(path, sizeof path, GOLDEN_DIR "/screen/%s.in", name);
	assert_int_equal(atomicfile_read(path, &in), 0);
	const char *line = buffer_text(&in);
	assert_int_equal(sscanf(line, "%ux%u", &columns, &rows), 2);
	struct vt *v = vt_new(columns, rows);
	assert_non_null(v);
	struct vt_events events = { .line = on_line };
	vt_set_events(v, &events);
	while ((line = strchr(line, '\n')) != NULL && *++line != '\0')
		feed_line(v, line, strcspn(line, "\n"));
	put_screen(&got, v);
	vt_free(v);
	snprintf(path, sizeof path, GOLDEN_DIR "/screen/%s.screen", name);
	if (getenv("GENERATE") != NULL)
		assert_int_equal(atomicfile_write(path, got.data, got.len, 0644), 0);
	assert_int_equal(atomicfile_read(path, &want), 0);
	if (strcmp(buffer_text(&want), buffer_text(&got)) != 0)
		print_message("%s: got\n%swant\n%s", name, buffer_text(&got), buffer_text(&want));
	assert_string_equal(buffer_text(&got), buffer_text(&want));
	buffer_free(&in);
	buffer_free(&want);
	buffer_free(&got);
}

static void test_golden(void **state)
{
	static const char *const names[] = {
		"wrap", "wide", "combining", "utf8", "sgr", "erase", "edit", "rows", "region", "origin", "tabs",
		"alternate", "cursor", "charsets", "align", "strings", "repeat", "resize", "modes", "moves", "reset",
	};
	(void)state;
	buffer_init(&scrolled, 1 << 20);
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		run_case(names[i]);
	buffer_free(&scrolled);
}

/* What paint writes, read back by the emulator, is the same screen; and it
 * holds nothing but text, SGR and CUP. */
static void check_painted(const struct buffer *b)
{
	for (size_t i = 0; i < b->len; i++) {
		if (b->data[i] >= 0x20 && b->data[i] != 0x7f)
			continue;
		assert_int_equal(b->data[i], 27);
		assert_int_equal(b->data[++i], '[');
		for (i++; i < b->len && (b->data[i] == ';' || (b->data[i] >= '0' && b->data[i] <= '9')); i++)
			;
		assert_true(b->data[i] == 'm' || b->data[i] == 'H');
	}
}

static void assert_same_screen(const struct vt *a, const struct vt *b)
{
	for (unsigned y = 0; y < vt_rows(a); y++) {
		const struct vt_cell *p = vt_row(a, y), *q = vt_row(b, y);
		for (unsigned x = 0; x < vt_columns(a); x++) {
			assert_int_equal(p[x].rune == ' ' ? 0 : p[x].rune, q[x].rune == ' ' ? 0 : q[x].rune);
			assert_int_equal(p[x].combining, q[x].combining);
			assert_int_equal(p[x].fg, q[x].fg);
			assert_int_equal(p[x].bg, q[x].bg);
			assert_int_equal(p[x].attributes, q[x].attributes);
		}
	}
}

static uint32_t next_random(uint32_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 17;
	return *seed ^= *seed << 5;
}

static size_t random_output(uint32_t *seed, char *out, size_t size)
{
	static const char *const parts[] = {
		"\033[H", "\033[2J", "\033[K", "\033[1K", "\033[3;4H", "\033[31;1m", "\033[0m", "\033[48;5;200m",
		"\033[38;2;1;2;3m", "\033[4L", "\033[2M", "\033[3P", "\033[2@", "\033[5X", "\r\n", "\b", "\t",
		"\xe4\xbd\xa0", "e\xcc\x81", "\xe2\x94\x80", "\033[2;4r", "\033[r", "\033M", "\033D", "\033[?1049h",
		"\033[?1049l", "\033[10;70H", "hello world", "\033[9b", "\033(0lqk\033(B", "\xff", "\033[?7l",
		"\033[?7h", "\033[4h", "\033[4l", "\0337", "\0338", "\033[S", "\033[T", "\xf0\x9f\x98\x80", "\033[7m",
		"\033H", "\033[3g", "\033[?47h", "\033[?47l", "\016", "\017", "\033)0", "\033n",
		"\033[20h", "\033[20l", "a line that is longer than most of these screens are wide",
	};
	size_t len = 0;
	for (;;) {
		const char *part = parts[next_random(seed) % (sizeof parts / sizeof *parts)];
		if (len + strlen(part) > size)
			return len;
		memcpy(out + len, part, strlen(part));
		len += strlen(part);
	}
}

static void test_paint(void **state)
{
	uint32_t seed = 12345;
	(void)state;
	struct vt *v = vt_new(40, 10), *viewer = vt_new(40, 10);
	struct paint *p = paint_new(40, 10);
	struct buffer b;
	buffer_init(&b, 1 << 20);
	for (unsigned i = 0; i < 500; i++) {
		char out[200];
		vt_feed(v, out, random_output(&seed, out, sizeof out));
		buffer_clear(&b);
		if (i % 50 == 0)
			paint_invalidate(p);
		assert_int_equal(paint_update(p, v, 0, 0, &b), 0);
		check_painted(&b);
		vt_feed(viewer, b.data, b.len);
		assert_same_screen(v, viewer);
	}
	buffer_clear(&b);
	assert_int_equal(paint_update(p, v, 0, 0, &b), 0);
	assert_true(b.len < 20); /* nothing changed: only the cursor */
	paint_free(p);
	/* A window that is smaller, and moved, cuts wide characters safely. */
	p = paint_new(7, 3);
	for (unsigned left = 0; left < 45; left++) {
		buffer_clear(&b);
		assert_int_equal(paint_update(p, v, left, left / 4, &b), 0);
		check_painted(&b);
	}
	paint_free(p);
	buffer_free(&b);
	vt_free(v);
	vt_free(viewer);
}

static void assert_alike(const struct vt *a, const struct vt *b)
{
	unsigned ax, ay, bx, by;
	bool a_visible, b_visible;

	vt_cursor(a, &ax, &ay, &a_visible);
	vt_cursor(b, &bx, &by, &b_visible);
	assert_true(ax == bx && ay == by && a_visible == b_visible && vt_alternate(a) == vt_alternate(b));
	assert_same_screen(a, b);
}

/* What a keyframe makes is the same screen, and goes on alike. */
static void test_keyframe(void **state)
{
	uint32_t seed = 4711;
	struct buffer frame;

	buffer_init(&frame, 1 << 20);
	for (unsigned i = 0; i < 3000; i++) {
		unsigned columns = next_random(&seed) % 90 + 1, rows = next_random(&seed) % 30 + 1;
		struct vt *a = vt_new(columns, rows), *b = vt_new(columns, rows);
		char out[400];
		size_t len = random_output(&seed, out, sizeof out);

		vt_feed(a, out, len);
		assert_true(vt_settled(a));
		buffer_clear(&frame);
		assert_int_equal(vt_keyframe(a, &frame), 0);
		vt_feed(b, frame.data, frame.len);
		assert_alike(a, b);
		for (unsigned y = 0; columns > 1 && y + 1 < rows; y++)
			assert_int_equal(vt_row_wrapped(a, y), vt_row_wrapped(b, y));
		/* REP would repeat what the keyframe wrote last. */
		vt_feed(a, ".", 1);
		vt_feed(b, ".", 1);
		len = random_output(&seed, out, sizeof out);
		vt_feed(a, out, len);
		vt_feed(b, out, len);
		assert_alike(a, b);
		vt_free(a);
		vt_free(b);
	}
	static const char origin[] = "\033[?6h\0337\033[3;9r\033[?6h\033[2;5H";
	struct vt *v = vt_new(80, 24), *loaded = vt_new(80, 24);
	vt_feed(v, origin, sizeof origin - 1);
	buffer_clear(&frame);
	assert_int_equal(vt_keyframe(v, &frame), 0);
	vt_feed(loaded, frame.data, frame.len);
	assert_alike(v, loaded);
	for (unsigned i = 0; i < 3; i++) {
		static const char *const more[] = { "\033[20;1Hx", "\0338y", "\033[3;3Hz" };
		vt_feed(v, more[i], strlen(more[i]));
		vt_feed(loaded, more[i], strlen(more[i]));
		assert_alike(v, loaded);
	}
	vt_free(loaded);
	for (size_t i = 0; i < 5; i++) {
		static const char *const parts[] = { "\033", "\033[", "\033]0;x", "\xe4", "\033N" };
		vt_feed(v, parts[i], strlen(parts[i]));
		assert_false(vt_settled(v));
		vt_feed(v, "\x18 ", 2);
		assert_true(vt_settled(v));
	}
	vt_free(v);
	buffer_free(&frame);
}

/* How the output is cut into pieces changes nothing; a copy goes on alike. */
static void test_pieces(void **state)
{
	uint32_t seed = 99;
	char out[20000];
	(void)state;
	size_t len = random_output(&seed, out, sizeof out);
	struct vt *whole = vt_new(33, 9), *bytes = vt_new(33, 9);
	vt_feed(whole, out, len);
	for (size_t i = 0; i < len; i++)
		vt_feed(bytes, out + i, 1);
	assert_same_screen(whole, bytes);
	struct vt *copy = vt_copy(whole);
	assert_non_null(copy);
	vt_feed(whole, out, len);
	vt_feed(copy, out, len);
	assert_same_screen(whole, copy);
	vt_resize(whole, 5, 3);
	vt_resize(whole, 100, 40);
	vt_resize(whole, 0, 100000);
	assert_int_equal(vt_columns(whole), 1);
	assert_int_equal(vt_rows(whole), VT_ROWS_MAX);
	vt_feed(whole, out, len);
	vt_free(whole);
	vt_free(bytes);
	vt_free(copy);
}

static void test_escape(void **state)
{
	static const struct { const char *in; size_t len; const char *out; } cases[] = {
		{ "plain", 5, "plain" },
		{ "a\033[2Jb", 6, "a\\x1b[2Jb" },
		{ "x\0y", 3, "x\\x00y" },
		{ "\xff\xfe", 2, "\\xff\\xfe" },
		{ "\xe2\x80\xae", 3, "\\u{202e}" },
		{ "\xc2\x9b", 2, "\\u{009b}" },
		{ "\xe4\xbd", 2, "\\xe4\\xbd" },
		{ "gr\xc3\xbc\xc3\x9f", 6, "gr\xc3\xbc\xc3\x9f" },
		{ "\x7f", 1, "\\x7f" },
	};
	struct buffer b;
	(void)state;
	buffer_init(&b, 256);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		buffer_clear(&b);
		assert_int_equal(text_escape(&b, cases[i].in, cases[i].len), 0);
		assert_string_equal(buffer_text(&b), cases[i].out);
	}
	buffer_free(&b);
	struct buffer small;
	buffer_init(&small, 3);
	assert_int_equal(text_escape(&small, "\033\033", 2), ITM_ELIMIT);
	assert_int_equal(small.len, 0);
	buffer_free(&small);
}

static void test_width(void **state)
{
	static const struct { uint32_t rune; int width; } cases[] = {
		{ 'a', 1 }, { 0xe9, 1 }, { 0x301, 0 }, { 0x4f60, 2 }, { 0x1f600, 2 }, { 0x200b, -1 }, { 0x202e, -1 },
		{ 0x7, -1 }, { 0x9b, -1 }, { 0x2500, 1 }, { 0xff21, 2 }, { 0xd800, -1 }, { 0xffff, -1 }, { 0xfe0f, 0 },
		{ 0x110000, -1 }, { 0xe000, 1 }, { 0x1160, 0 }, { 0x3000, 2 }, { 0xfffd, 1 },
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		assert_int_equal(width_of(cases[i].rune), cases[i].width);
	assert_int_equal(width_fold('Q'), 'q');
	assert_int_equal(width_fold(0xc4), 0xe4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_golden), cmocka_unit_test(test_paint), cmocka_unit_test(test_pieces),
		cmocka_unit_test(test_keyframe), cmocka_unit_test(test_escape), cmocka_unit_test(test_width),
	};
	return cmocka_run_group_tests_name("vt", tests, NULL, NULL);
}
