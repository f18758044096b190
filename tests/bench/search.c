/* search [LINES [DIR]]: terminal output made from a seed (5,000,000 lines, 0.5
 * GB, in sessions of 20,000) is emulated and indexed in DIR, which must be
 * there and empty; then queries of each kind are timed.  Indexing in processor
 * time, so that it counts on a busy machine too; of searches both. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/buffer.h"
#include "store/index.h"
#include "store/index_write.h"
#include "store/tblock.h"
#include "terminal/lines.h"

enum {
	SESSION_LINES = 20000, FEED_BYTES = 16 * 1024, COMMIT_BLOCKS = 1000, WORDS = 40000, QUERIES = 100, LINE_SIZE = 512,
};

struct bench {
	struct index *x;
	struct tblock block;
	struct buffer out;
	int64_t session;
	uint64_t now_ms, lines, bytes, blocks, pending;
	double emulate_s, index_s;
};

static uint64_t seed = 1;

static uint32_t pick(uint32_t below)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)((seed >> 33) % below);
}

static double now_s(clockid_t clock)
{
	struct timespec t;
	clock_gettime(clock, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void check(int result, const char *what)
{
	if (result != 0) {
		fprintf(stderr, "search: %s: %s\n", what, error_text(result));
		exit(1);
	}
}

/* Few words are common, most are rare. */
static const char *word(char out[16])
{
	static const char syllables[] = "baderifolumakenitosupavelorogimedukaresopilunatevicomabulhudanofirekotimupasegal";
	uint32_t n = pick(pick(pick(WORDS) + 1) + 1);
	size_t len = 0;
	do {
		memcpy(out + len, syllables + n % 40 * 2, 2);
		len += 2;
		n /= 40;
	} while (n > 0);
	out[len] = '\0';
	return out;
}

/* Lines of a log, a listing, a dump, a command. */
static void make_line(struct bench *b)
{
	char w[8][16];
	uint32_t n = (uint32_t)b->lines, a = pick(256), c = pick(1 << 20);
	for (size_t i = 0; i < 8; i++)
		word(w[i]);
	switch (pick(5)) {
	case 0:
		(void)buffer_printf(&b->out, "Nov 23 %02u:%02u:%02u db-%u %s[%u]: %s %s for %s from 10.%u.%u.%u port %u\r\n", n / 3600 % 24,
				    n / 60 % 60, n % 60, a % 9, w[0], c % 65536, w[1], w[2], w[3], a, c % 256, c / 256 % 256, 1024 + c % 60000);
		break;
	case 1:
		(void)buffer_printf(&b->out, "-rw-r--r-- 1 %s %s %8u Nov 23 12:%02u /srv/%s/%s/%s-%s.csv\r\n", w[0], w[1], c, a % 60, w[2],
				    w[3], w[4], w[5]);
		break;
	case 2:
		(void)buffer_printf(&b->out, "%08x  %s %s %s %s %s %s id=%05x%05x level=\033[32minfo\033[m\r\n", n * 16, w[0], w[1], w[2], w[3],
				    w[4], w[5], c, pick(1 << 20));
		break;
	case 3:
		(void)buffer_printf(&b->out, "%s@db-%u:~$ %s --%s=%s /etc/%s/%s.conf | grep -i %s\r\n", w[0], a % 9, w[1], w[2], w[3], w[4], w[5], w[6]);
		break;
	default:
		(void)buffer_printf(&b->out, "  %s %s %s, %s %s %s (%s) %s: the %s of %s took %u ms\r\n", w[0], w[1], w[2], w[3], w[4], w[5], w[6],
				    w[7], w[2], w[5], c % 10000);
		break;
	}
}

static void write_block(struct bench *b)
{
	double began = now_s(CLOCK_PROCESS_CPUTIME_ID);
	check(index_write_block(b->x, b->session, false, false, &b->block), "write");
	if (++b->pending == COMMIT_BLOCKS) {
		check(index_write_commit(b->x), "commit");
		check(index_write_begin(b->x), "begin");
		b->pending = 0;
	}
	b->blocks++;
	tblock_clear(&b->block);
	b->index_s += now_s(CLOCK_PROCESS_CPUTIME_ID) - began;
}

static void add(void *context, const struct lines_line *line)
{
	struct bench *b = context;
	check(tblock_add(&b->block, line), "block");
	if (tblock_full(&b->block))
		write_block(b);
}

static void one_session(struct bench *b, uint32_t number, uint64_t lines)
{
	struct index_session s = { .mode = "pty", .start_wall_ns = 1700000000000000000 + (int64_t)number * 3600000000000 };
	memcpy(s.stream.bytes, &number, sizeof number);
	snprintf(s.user, sizeof s.user, "user%u", number % 50);
	snprintf(s.hostname, sizeof s.hostname, "db-%u", number % 9);
	check(index_write_session(b->x, &s, &(struct index_write_state){ 0 }, &b->session), "session");
	struct lines *l = lines_new(120, 40, false, add, b);
	for (uint64_t i = 0; i < lines; ) {
		buffer_clear(&b->out);
		for (; i < lines && b->out.len < FEED_BYTES; i++, b->lines++)
			make_line(b);
		b->now_ms += 50;
		b->bytes += b->out.len;
		double began = now_s(CLOCK_PROCESS_CPUTIME_ID), inside = b->index_s;
		check(lines_feed(l, b->now_ms, 0, b->out.data, b->out.len), "feed");
		b->emulate_s += now_s(CLOCK_PROCESS_CPUTIME_ID) - began - (b->index_s - inside);
	}
	lines_finish(l);
	lines_free(l);
	if (b->block.count > 0)
		write_block(b);
}

static int count(void *context, const struct index_hit *h)
{
	(void)h;
	++*(uint64_t *)context;
	return 0;
}

static int by_value(const void *a, const void *b)
{
	const double *x = a, *y = b;
	return *x < *y ? -1 : *x > *y;
}

static void make_query(unsigned kind, char *out, size_t size)
{
	char a[16], b[16];
	word(a);
	word(b);
	switch (kind) {
	case 0: snprintf(out, size, "\"%s\"", a); break;
	case 1: snprintf(out, size, "\"%s\" \"%s\"", a, b); break;
	case 2: snprintf(out, size, "%s*", a); break;
	case 3: snprintf(out, size, "\"the %s of\"", a); break;
	case 4: snprintf(out, size, "info"); break;
	case 5: snprintf(out, size, "\"%s\" user:user%u", a, pick(50)); break;
	case 6: snprintf(out, size, "*%s%s*", a, b); break;
	default: snprintf(out, size, "/%s[0-9]%s/", a, b); break;
	}
}

static void time_queries(struct bench *b)
{
	static const struct { const char *name, *aim; unsigned queries; } kinds[] = {
		{ "word", "30", QUERIES }, { "a and b", "30", QUERIES }, { "prefix*", "30", QUERIES }, { "phrase", "50", QUERIES },
		{ "newest 50 of a common word", "5", QUERIES }, { "word of one user", "-", QUERIES },
		{ "*inside* (every line)", "-", 5 }, { "/regex/ (every line)", "-", 5 },
	};
	printf("%-28s %8s %8s %8s %8s %6s\n", "newest 50 of", "p50 cpu", "p95 cpu", "p95 wall", "aim p95", "hits");
	for (unsigned k = 0; k < sizeof kinds / sizeof *kinds; k++) {
		double cpu[QUERIES], wall[QUERIES];
		uint64_t hits = 0;
		unsigned n = kinds[k].queries, late = 0;
		for (unsigned i = 0; i < n; i++) {
			char query[128];
			struct index_search how = { .limit = 50 };
			make_query(k, query, sizeof query);
			double cpu_s = now_s(CLOCK_PROCESS_CPUTIME_ID), wall_s = now_s(CLOCK_MONOTONIC);
			int result = index_search(b->x, query, &how, count, &hits, NULL);
			late += result == ITM_ETIMEOUT;
			check(result == ITM_ETIMEOUT ? 0 : result, query);
			cpu[i] = now_s(CLOCK_PROCESS_CPUTIME_ID) - cpu_s;
			wall[i] = now_s(CLOCK_MONOTONIC) - wall_s;
		}
		qsort(cpu, n, sizeof *cpu, by_value);
		qsort(wall, n, sizeof *wall, by_value);
		printf("%-28s %5.1f ms %5.1f ms %5.1f ms %5s ms %6" PRIu64 "%s\n", kinds[k].name, cpu[n / 2] * 1e3, cpu[n * 95 / 100] * 1e3,
		       wall[n * 95 / 100] * 1e3, kinds[k].aim, hits / n, late > 0 ? "  (stopped after 10 s)" : "");
	}
}

int main(int argc, char **argv)
{
	static struct bench b;
	uint64_t lines = argc > 1 ? strtoull(argv[1], NULL, 10) : 5000000;
	int error = 0;
	if (argc < 3) {
		fprintf(stderr, "usage: search LINES DIR\n");
		return 2;
	}
	buffer_init(&b.out, FEED_BYTES + LINE_SIZE);
	tblock_init(&b.block);
	b.x = index_open(argv[2], true, &error);
	check(error, argv[2]);
	check(index_write_begin(b.x), "begin");
	for (uint32_t n = 0; b.lines < lines; n++)
		one_session(&b, n, lines - b.lines < SESSION_LINES ? lines - b.lines : SESSION_LINES);
	check(index_write_commit(b.x), "commit");
	double mb = (double)b.bytes / 1e6, total_s = b.emulate_s + b.index_s;
	printf("%" PRIu64 " lines, %.1f MB, %" PRIu64 " blocks\n", b.lines, mb, b.blocks);
	printf("emulate  %6.1f MB/s\n", mb / b.emulate_s);
	printf("index    %6.1f MB/s  %8.0f lines/s (aim 250,000)\n", mb / b.index_s, (double)b.lines / b.index_s);
	printf("both     %6.1f MB/s (aim 35)  %8.0f lines/s\n", mb / total_s, (double)b.lines / total_s);
	time_queries(&b);
	index_close(b.x);
	tblock_free(&b.block);
	buffer_free(&b.out);
	return 0;
}
