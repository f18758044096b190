/* differential: our emulator and libvterm, fed the same bytes, must show the
 * same screen: characters, colours, attributes, cursor.
 *
 *   differential FILE COLUMNS ROWS      compared after every 512 bytes of FILE
 *   differential --random SEED COUNT    COUNT screens of random operations
 *
 * A difference is cut down to the operations it needs and printed; exit 1.
 * Left out are operations where libvterm 0.1.4 is known to leave xterm's way
 * (said at the table). */
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vterm.h>

#include "terminal/vt.h"

enum { COLUMNS = 40, ROWS = 12, OPERATIONS = 300, OPERATION_MAX = 40, COMPARE_BYTES = 512, WORDS_MAX = 400 };

struct pair {
	struct vt *ours;
	VTerm *theirs;
	VTermScreen *screen;
	int columns, rows;
};

static void pair_open(struct pair *p, int columns, int rows)
{
	*p = (struct pair){ .ours = vt_new((unsigned)columns, (unsigned)rows), .theirs = vterm_new(rows, columns),
			    .columns = columns, .rows = rows };
	if (p->ours == NULL || p->theirs == NULL)
		abort();
	vterm_set_utf8(p->theirs, 1);
	p->screen = vterm_obtain_screen(p->theirs);
	vterm_screen_enable_altscreen(p->screen, 1);
	vterm_screen_reset(p->screen, 1);
}

static void pair_close(struct pair *p)
{
	vt_free(p->ours);
	vterm_free(p->theirs);
}

static void pair_feed(struct pair *p, const void *data, size_t len)
{
	vt_feed(p->ours, data, len);
	vterm_input_write(p->theirs, data, len);
}

/* As vt_cell has it. */
static uint32_t their_colour(const VTermColor *c)
{
	if (VTERM_COLOR_IS_DEFAULT_FG(c) || VTERM_COLOR_IS_DEFAULT_BG(c))
		return 0;
	if (VTERM_COLOR_IS_INDEXED(c))
		return 1u << 24 | c->indexed.idx;
	return 2u << 24 | (uint32_t)c->rgb.red << 16 | (uint32_t)c->rgb.green << 8 | c->rgb.blue;
}

static unsigned their_attributes(const VTermScreenCellAttrs *a)
{
	return (a->bold ? VT_BOLD : 0) | (a->italic ? VT_ITALIC : 0) | (a->underline ? VT_UNDERLINE : 0) |
	       (a->blink ? VT_BLINK : 0) | (a->reverse ? VT_REVERSE : 0) | (a->strike ? VT_STRIKE : 0);
}

/* libvterm 0.1.4 knows neither faint nor hidden. */
enum { SHARED_ATTRIBUTES = VT_BOLD | VT_ITALIC | VT_UNDERLINE | VT_BLINK | VT_REVERSE | VT_STRIKE };

static bool same_cell(const struct vt_cell *a, const VTermScreenCell *b)
{
	uint32_t rune = a->rune == ' ' ? 0 : a->rune;
	uint32_t theirs = b->chars[0] == ' ' ? 0 : b->chars[0];

	if (theirs == (uint32_t)-1) /* the right half of a wide character */
		return a->width == 0;
	/* What a blank would be written with can't be seen; its background can. */
	return rune == theirs && a->bg == their_colour(&b->bg) &&
	       (rune == 0 || (a->fg == their_colour(&b->fg) &&
			      (a->attributes & SHARED_ATTRIBUTES) == their_attributes(&b->attrs)));
}

static bool same_screen(const struct pair *p, char *words, size_t size)
{
	VTermPos cursor;
	unsigned x, y;
	bool visible;

	for (int row = 0; row < p->rows; row++)
		for (int column = 0; column < p->columns; column++) {
			VTermScreenCell cell;
			const struct vt_cell *ours = &vt_row(p->ours, (unsigned)row)[column];
			vterm_screen_get_cell(p->screen, (VTermPos){ row, column }, &cell);
			if (same_cell(ours, &cell))
				continue;
			snprintf(words, size, "row %d column %d: ours U+%04" PRIX32 " fg %06" PRIx32 " bg %06" PRIx32
				 " attributes %x, theirs U+%04" PRIX32 " fg %06" PRIx32 " bg %06" PRIx32
				 " attributes %x", row, column, ours->rune, ours->fg, ours->bg,
				 ours->attributes & SHARED_ATTRIBUTES, cell.chars[0], their_colour(&cell.fg),
				 their_colour(&cell.bg), their_attributes(&cell.attrs));
			return false;
		}
	vterm_state_get_cursorpos(vterm_obtain_state(p->theirs), &cursor);
	vt_cursor(p->ours, &x, &y, &visible);
	if (x >= (unsigned)p->columns)
		x = (unsigned)p->columns - 1; /* waiting to wrap */
	if ((int)x == cursor.col && (int)y == cursor.row)
		return true;
	snprintf(words, size, "cursor: ours row %u column %u, theirs row %d column %d", y, x, cursor.row, cursor.col);
	return false;
}

/* ---- random operations ---- */

static uint64_t state;

static unsigned chance(unsigned below)
{
	state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407); /* Knuth, MMIX */
	return (unsigned)(state >> 33) % below;
}

/* %d a small number, %r a row, %c a column, %R two rising rows.
 *
 * Where libvterm 0.1.4 leaves xterm's way the operation is left out, or kept
 * away from the one it does wrong together with; tests/golden/screen has the
 * cases.  CSI s and u (taken for margins), DECALN and DECSTR (keep the pen),
 * REP, DECCOLM, half-overwritten wide characters; IL and DL leave the cursor
 * where it is, so a CR follows; ICH and DCH do nothing outside the scroll
 * region; CUU, CUD and VPR pass its margins; DECRC forgets charsets, origin mode and a
 * waiting wrap, DECAWM off doesn't stop one; each screen has a saved cursor of
 * its own.  A wrap that waits is ended by what erases or moves down in xterm,
 * not there: a BS comes first. */
static const char *const common_forms[] = {
	"\r", "\b\n", "\r\n", "\b", "\t", "\b\v", "\b\f", "\033[%dC", "\033[%dD", "\033[%cG", "\033[%r;%cH", "\033[%r;%cf",
	"\033[%rd", "\033[%c`", "\033[%da",
	"\b\033[J", "\b\033[1J", "\b\033[2J", "\b\033[K", "\b\033[1K", "\b\033[2K", "\b\033[%dX",
	"\033[%dL\r", "\033[%dM\r", "\033[%dS", "\033[%dT", "\b\033D", "\b\033M", "\033E",
	"\033[?7h", "\r\033[?7l", "\033[20h", "\033[20l", "\033[?25l", "\033[?25h", "\033[?2004h",
	"\033[m", "\033[1m", "\033[22m", "\033[3;4m", "\033[7m", "\033[27m", "\033[9;31m", "\033[39;49m", "\033[44m",
	"\033[38;5;%dm", "\033[48;5;20%dm", "\033[38;2;10;2%d;30m", "\033[97;104m", "\033[5m", "\033[25;24;23;29m",
	"\b\033[I", "\b\033[Z", "\033H", "\033[3g",
	"\033]0;title\007", "\033]8;;http://x\033\\", "\033P1;2qnothing\033\\", "\033[?12;25h", "\033[>c", "\033[c", "\033[6n",
	"a", "the quick brown fox ", "0123456789", "x", "qjklmn", "  ", "\303\244\303\266", "\342\202\254",
	"-----------------------------------------------", "words and words ", "more text, ", "and\r\nlines\r\n",
};
static const char *const region_forms[] = { "\033[%Rr", "\033[r", "\b\n\n\n", "\033[?6h", "\033[?6l" };
static const char *const edit_forms[] = { "\b\033[%d@", "\b\033[%dP", "\033[4h", "\033[4l", "e\314\201", "\033[%dA",
					  "\033[%dB", "\033[%dE", "\033[%dF", "\033[%de" };
static const char *const saving_forms[] = { "\r\0337", "\0338", "\033[%dA", "\033[%dB" };
static const char *const charset_forms[] = { "\033(0", "\033(B", "\016", "\017", "\033)0", "\033)B" };
static const char *const switching_forms[] = { "\b\033[?1049h", "\b\033[?1049l", "\b\033[?1049hq\033[H", "\b\033[?1049lq" };

#define FORMS(list) { list, sizeof list / sizeof *list }
static const struct { const char *const *list; size_t count; } special[] = {
	FORMS(region_forms), FORMS(edit_forms), FORMS(saving_forms), FORMS(charset_forms), FORMS(switching_forms),
};
enum { SPECIAL = sizeof special / sizeof *special, SWITCHING = SPECIAL - 1 };

static bool alternate;

/* kind: which special forms this screen may have. */
static const char *choose(size_t kind)
{
	if (chance(8) > 0)
		return common_forms[chance(sizeof common_forms / sizeof *common_forms)];
	if (kind != SWITCHING)
		return special[kind].list[chance((unsigned)special[kind].count)];
	alternate = !alternate;
	return switching_forms[2 * chance(2) + !alternate];
}

static void make_operation(char out[OPERATION_MAX + 8], size_t kind)
{
	const char *form = choose(kind);
	size_t used = 0;

	for (const char *p = form; *p != '\0' && used < OPERATION_MAX; p++) {
		int n = 0;
		unsigned top = 1 + chance(ROWS - 1);
		if (p[0] != '%')
			out[used++] = *p;
		else if (*++p == 'd')
			n = snprintf(out + used, 8, "%u", chance(8));
		else if (*p == 'r')
			n = snprintf(out + used, 8, "%u", chance(ROWS + 2));
		else if (*p == 'c')
			n = snprintf(out + used, 8, "%u", chance(COLUMNS + 2));
		else
			n = snprintf(out + used, 8, "%u;%u", top, top + 1 + chance(ROWS - top));
		used += (size_t)n;
	}
	out[used] = '\0';
}

static bool agrees(char (*operations)[OPERATION_MAX + 8], size_t count, char *words)
{
	struct pair p;
	bool same;

	pair_open(&p, COLUMNS, ROWS);
	pair_feed(&p, "\0337", 2); /* what is restored without having been saved is nobody's */
	for (size_t i = 0; i < count; i++)
		pair_feed(&p, operations[i], strlen(operations[i]));
	same = same_screen(&p, words, WORDS_MAX);
	pair_close(&p);
	return same;
}

static void print_escaped(const char *text)
{
	for (; *text != '\0'; text++)
		if (*text < 0x20 || *text == 0x7f)
			printf("\\%03o", (unsigned char)*text);
		else
			putchar(*text);
}

/* Ends at the first difference, then leaves out all that it doesn't need. */
static void report(char (*operations)[OPERATION_MAX + 8], size_t count, uint64_t seed)
{
	char words[WORDS_MAX], kept[OPERATION_MAX + 8];

	while (count > 1 && !agrees(operations, count - 1, words))
		count--;
	for (size_t i = count; i-- > 0;) {
		memcpy(kept, operations[i], sizeof kept);
		operations[i][0] = '\0';
		if (agrees(operations, count, words))
			memcpy(operations[i], kept, sizeof kept);
	}
	agrees(operations, count, words);
	printf("seed %" PRIu64 ": %s\n  ", seed, words);
	for (size_t i = 0; i < count; i++)
		print_escaped(operations[i]);
	printf("\n");
}

static int run_random(uint64_t seed, uint64_t count)
{
	static char operations[OPERATIONS][OPERATION_MAX + 8];
	char words[WORDS_MAX];
	uint64_t differ = 0;

	for (uint64_t n = seed; n < seed + count; n++) {
		state = n;
		alternate = false;
		for (size_t i = 0; i < OPERATIONS; i++)
			make_operation(operations[i], n % SPECIAL);
		/* At three places: what comes later may hide a difference. */
		for (size_t part = 1; part <= 3; part++)
			if (!agrees(operations, OPERATIONS * part / 3, words)) {
				report(operations, OPERATIONS * part / 3, n);
				differ++;
				break;
			}
	}
	printf("%" PRIu64 " of %" PRIu64 " screens differ\n", differ, count);
	return differ != 0;
}

static int run_file(const char *path, int columns, int rows)
{
	char bytes[COMPARE_BYTES], words[WORDS_MAX];
	FILE *f = fopen(path, "rb");
	struct pair p;
	size_t n, at = 0, compared = 0;
	bool same = true;

	if (f == NULL) {
		perror(path);
		return 66;
	}
	pair_open(&p, columns, rows);
	while (same && (n = fread(bytes, 1, sizeof bytes, f)) > 0) {
		pair_feed(&p, bytes, n);
		at += n;
		compared++;
		same = same_screen(&p, words, sizeof words);
	}
	fclose(f);
	pair_close(&p);
	if (same)
		printf("%s: %zu screens are the same\n", path, compared);
	else
		printf("%s: at byte %zu: %s\n", path, at, words);
	return !same;
}

static bool number(const char *text, uint64_t most, uint64_t *out)
{
	char *end;
	*out = strtoull(text, &end, 10);
	return end != text && *end == '\0' && *out <= most;
}

int main(int argc, char **argv)
{
	uint64_t a, b;

	if (argc == 4 && strcmp(argv[1], "--random") == 0 && number(argv[2], UINT64_MAX / 2, &a) &&
	    number(argv[3], 1000000000, &b))
		return run_random(a, b);
	if (argc == 4 && number(argv[2], VT_COLUMNS_MAX, &a) &&
	    number(argv[3], VT_ROWS_MAX, &b))
		return run_file(argv[1], (int)a, (int)b);
	fprintf(stderr, "usage: differential FILE COLUMNS ROWS | --random SEED COUNT\n");
	return 64;
}
