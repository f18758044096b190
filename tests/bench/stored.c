/* stored: what one recorded session costs on disk.  Sends it through the real
 * sealer, in simulated time, and counts what stands in the spool.
 *
 * Input, one event after the other: "MS KIND LENGTH\n" and LENGTH bytes; KIND
 * as in format/record.h.  Output: bytes of chunk units, of block units, their
 * numbers, and the stored bytes of the sections CTL OUT IN META. */
#include <ftw.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "agent/sealer/sealer.h"
#include "agent/sealer/slot.h"
#include "base/log.h"
#include "format/verify.h"
#include "local/recording.h"

static int64_t time_ms;
static int64_t now_ms(void) { return time_ms; }
static uint64_t boot_ns(void) { return (uint64_t)time_ms * 1000000 + 3600123456789; }
static int64_t wall_ns(void) { return time_ms * 1000000 + 1790000000123456789; }
static struct id boot_id(void) { return (struct id){ { 3 } }; }
static const struct sealer_clock simulated = { now_ms, boot_ns, wall_ns, boot_id };
static int no_sync(int fd) { (void)fd; return 0; }
static const struct spool_calls calls = { .write = write, .sync = no_sync };

static void must(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "stored: %s\n", what);
	exit(1);
}

/* The recorder's rule: a frame is sent RECORDING_HOLD_MS after its first event, or full. */
struct recorder {
	struct sealer *sealer;
	struct stream *stream;
	struct buffer run;
	int64_t start_ms;
	uint64_t number, last_ms;
};

static void run_until(struct sealer *s, int64_t until_ms)
{
	for (;;) {
		int64_t wait;
		bool progress;
		must(sealer_turn(s, &wait, &progress) == 0, "sealer_turn");
		if (time_ms >= until_ms)
			return;
		time_ms += wait < 1 ? 1 : wait > until_ms - time_ms ? until_ms - time_ms : wait;
	}
}

static void send_frame(struct recorder *r, bool last)
{
	struct buffer payload;
	struct fault fault = { 0 };
	int64_t wait_until = last ? time_ms : r->start_ms + RECORDING_HOLD_MS;
	if (r->run.len == 0 && !last)
		return;
	if (wait_until > time_ms)
		run_until(r->sealer, wait_until);
	buffer_init(&payload, UNIT_PAYLOAD_MAX);
	struct frame f = { .stream = r->stream->id, .number = ++r->number, .flags = last ? FRAME_END : 0,
			   .run = r->run.data, .run_len = r->run.len };
	f.boot_ns = boot_ns() - (uint64_t)(time_ms - r->start_ms) * 1000000;
	f.wall_ns = wall_ns() - (time_ms - r->start_ms) * 1000000;
	must(frame_encode(&payload, &f) == 0, "frame_encode");
	must(sealer_frame(r->sealer, r->stream, payload.data, payload.len, &fault) == 0, "sealer_frame");
	buffer_free(&payload);
	buffer_clear(&r->run);
}

static void put_event(struct recorder *r, int64_t at_ms, enum record_kind kind, const uint8_t *data, size_t len)
{
	if (r->run.len > 0 && (at_ms >= r->start_ms + RECORDING_HOLD_MS || r->run.len + len > RECORDING_RUN_AIM))
		send_frame(r, false);
	run_until(r->sealer, at_ms);
	if (r->run.len == 0) {
		r->start_ms = at_ms;
		r->last_ms = 0;
	}
	must(record_put(&r->run, &r->last_ms, (uint64_t)(at_ms - r->start_ms), kind, len, data) == 0, "record_put");
}

/* The whole session from stdin. */
static void feed(struct recorder *r)
{
	static uint8_t data[RECORDING_RUN_AIM];
	int64_t at, last = 0;
	unsigned kind, len;
	while (scanf("%" SCNd64 " %u %u", &at, &kind, &len) == 3) {
		must(getchar() == '\n', "malformed input");
		for (unsigned done = 0; done < len; ) {
			unsigned n = len - done < sizeof data / 2 ? len - done : sizeof data / 2;
			must(fread(data, 1, n, stdin) == n, "input ends inside an event");
			put_event(r, at, kind, data, n);
			done += n;
		}
		last = at;
	}
	send_frame(r, false);
	run_until(r->sealer, last + 1000);
	r->start_ms = time_ms;
	send_frame(r, true);
	run_until(r->sealer, time_ms + 60000);
}

static void count(const char *dir)
{
	uint64_t chunk_bytes = 0, block_bytes = 0, chunks = 0, blocks = 0, section[8] = { 0 };
	struct spool_reader *reader = spool_reader_new(dir);
	struct verifier *v = verifier_new(NULL, NULL);
	struct verify_result result;
	struct spool_place place;
	struct fault fault;
	struct unit u;
	must(reader != NULL && v != NULL, "out of memory");
	while (spool_reader_next(reader, &u, &place, &fault) == 1) {
		struct chunk c;
		must(verifier_unit(v, &u, "spool", place.offset) == 0, "the spool does not verify");
		/* The GENESIS is the host's, not the session's: the first block is left out. */
		if (u.type == UNIT_BLOCK && blocks++ > 0)
			block_bytes += u.size;
		if (u.type != UNIT_CHUNK || chunk_decode(u.payload, u.len, &c, NULL) != 0)
			continue;
		chunks++;
		chunk_bytes += u.size;
		for (size_t i = 0; i < c.section_count; i++)
			section[c.section[i].kind & 7] += c.section[i].stored_len;
	}
	verifier_finish(v, &result);
	must(result.verdict != VERDICT_TAMPERED, "the spool does not verify");
	verifier_free(v);
	spool_reader_free(reader);
	printf("%" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 "\n", chunk_bytes,
	       block_bytes, chunks, blocks - 1, section[CHUNK_CTL], section[CHUNK_OUT], section[CHUNK_IN], section[CHUNK_META]);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st, (void)type, (void)ftw;
	return remove(path);
}

int main(int argc, char **argv)
{
	char dir[] = "/tmp/itm-bench-stored.XXXXXX";
	int error = 0;
	must(argc == 2, "usage: stored BLOCK_INTERVAL_MS <events");
	must(mkdtemp(dir) != NULL && sign_init() == 0, "cannot begin");
	log_set_level(LOG_LEVEL_ERROR);
	struct sealer_config config = { .spool = dir, .host = id_random(), .block_interval_ms = strtol(argv[1], NULL, 10),
					.heartbeat_ms = INT64_MAX / 4, .clock = &simulated, .calls = &calls };
	sign_keypair(&config.identity);
	config.slot = mmap(NULL, SLOT_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	must(config.slot != MAP_FAILED, "no memory");
	time_ms = 1000;
	struct recorder r = { .sealer = sealer_open(&config, NULL, 0, &error) };
	must(r.sealer != NULL, "sealer_open");
	buffer_init(&r.run, FRAME_RUN_MAX);
	const struct id stream = id_random();
	r.stream = sealer_stream(r.sealer, &stream);
	must(r.stream != NULL, "no memory");
	feed(&r);
	sealer_free(r.sealer);
	buffer_free(&r.run);
	count(dir);
	nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	return 0;
}
