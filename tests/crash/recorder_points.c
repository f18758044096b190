/* Kills a recorder's recording at each message it sends or takes, fails each
 * of those and each allocation once, while a sealer takes its frames.
 *
 *   recorder_points [--all]          without: each third point
 *
 * Then everything acknowledged is in the spool and signed, the stream has its
 * end, and what is missing is declared.  Exit status 0 = all held. */
#include <errno.h>
#include <ftw.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/sealer/sealer.h"
#include "agent/sealer/slot.h"
#include "base/clock.h"
#include "base/log.h"
#include "format/verify.h"
#include "local/message.h"
#include "local/recording.h"
#include "tests/crash/points.h"

enum { PIECES = 40, PIECE = 7000, PATIENCE_S = 60, POINTS_MAX = 40 /* acknowledgements come when they come */ };

/* What outlives the recorder. */
struct shared { uint64_t given, acknowledged; bool finished, hit; };
static struct shared *shared;
static struct sealer_config config;
static char dir[64];
static const struct id stream = { { 5 } };
static uint64_t at;
static enum points_mode mode;

static void must(bool ok, const char *what)
{
	if (ok)
		return;
	printf("FAILED: %s (point %" PRIu64 ", mode %d)\n", what, at, mode);
	exit(1);
}

/* ---- the recorder, in a process of its own ---- */

static void step(struct recording *r)
{
	struct pollfd p = { .fd = r->outbox.sock, .events = recording_events(r) };
	if (p.events != 0 && poll(&p, 1, 5) > 0)
		recording_receive(r, clock_boot_ns());
	recording_tick(r, clock_boot_ns());
	shared->acknowledged = outbox_durable(&r->outbox);
}

static int record(int sock)
{
	static uint8_t piece[PIECE];
	struct recording r;
	if (recording_open(&r, sock, &stream, USERS_BEST_EFFORT) != 0)
		return 0; /* it does not start: nothing was shown */
	for (int i = 0; i < PIECES && !r.outbox.lost; i++) {
		memset(piece, 'a' + i % 26, sizeof piece);
		recording_bytes(&r, clock_boot_ns(), RECORD_OUT, piece, sizeof piece);
		shared->given += sizeof piece;
		if (i % 3 == 2)
			recording_flush(&r);
		step(&r);
	}
	recording_finish(&r, clock_boot_ns());
	while (!recording_settled(&r))
		step(&r);
	shared->finished = !r.outbox.lost;
	recording_close(&r);
	return 0;
}

/* ---- the sealer ---- */

/* False: the recorder is gone. */
static bool take_one(struct sealer *s, struct stream *st, int sock)
{
	static uint8_t data[MESSAGE_MAX];
	const uint8_t *payload;
	size_t len;
	struct fault fault;
	ssize_t n = recv(sock, data, sizeof data, MSG_DONTWAIT);
	if (n < 0 && errno == EAGAIN)
		return true;
	if (n <= 0)
		return false;
	must(message_decode_bytes(data, (size_t)n, MESSAGE_FRAME, &payload, &len, &fault) == 0 &&
	     sealer_frame(s, st, payload, len, &fault) == 0, "a frame of the recorder");
	return true;
}

static void acknowledge(struct stream *st, int sock)
{
	struct buffer b;
	buffer_init(&b, 64);
	if (st->durable > st->acked && message_encode_numbers(&b, MESSAGE_ACK, st->durable, 0) == 0 &&
	    send(sock, b.data, b.len, MSG_NOSIGNAL) > 0)
		st->acked = st->durable;
	buffer_free(&b);
}

static void seal(int sock)
{
	int error;
	int64_t wait;
	bool progress, there = true;
	struct sealer *s = sealer_open(&config, NULL, 0, &error);
	struct stream *st = s != NULL ? sealer_stream(s, &stream) : NULL;
	must(st != NULL, "a sealer");
	while (there) {
		struct pollfd p = { .fd = sock, .events = POLLIN };
		must(sealer_turn(s, &wait, &progress) == 0, "the sealer goes on");
		acknowledge(st, sock);
		if (poll(&p, 1, 5) > 0)
			there = take_one(s, st, sock);
	}
	must(st->accepted >= shared->acknowledged, "what was acknowledged was taken");
	must(sealer_lost(s, st, "recorder lost") == 0 && sealer_stop(s, 1000) == 0, "the chain is closed");
	sealer_free(s);
}

/* ---- afterwards ---- */

static struct verify_result verify(uint64_t *out)
{
	struct verify_trust trust = { .has_identity = true };
	struct verify_result result;
	struct spool_place place;
	struct unit u;
	memcpy(trust.identity, config.identity.public_key, SIGN_PUBLIC_SIZE);
	struct verifier *v = verifier_new(&trust, NULL);
	struct spool_reader *r = spool_reader_new(dir);
	struct chunk_reader *chunks = chunk_reader_new();
	must(v != NULL && r != NULL && chunks != NULL, "memory");
	*out = 0;
	while (spool_reader_next(r, &u, &place, NULL) == 1) {
		struct record_cursor cursor;
		struct record_event event;
		uint8_t digest[HASH_SIZE];
		struct chunk c;
		(void)verifier_unit(v, &u, "spool", place.offset);
		if (u.type != UNIT_CHUNK)
			continue;
		must(chunk_reader_next(chunks, u.payload, u.len, &c, &cursor, digest, NULL) == 0, "a chunk");
		while (record_cursor_next(&cursor, &event, NULL) == 1)
			*out += event.kind == RECORD_OUT ? event.len : 0;
	}
	verifier_finish(v, &result);
	verifier_free(v);
	spool_reader_free(r);
	chunk_reader_free(chunks);
	return result;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st, (void)type, (void)ftw;
	return remove(path);
}

/* False: there are fewer points. */
static bool meets(int error)
{
	int pair[2], status;
	uint64_t out;
	*shared = (struct shared){ 0 };
	memset(config.slot, 0, SLOT_SIZE);
	snprintf(dir, sizeof dir, "%s/itm-recorder.XXXXXX", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	must(mkdtemp(dir) != NULL && socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) == 0, "set-up");
	fflush(NULL);
	pid_t pid = fork();
	if (pid == 0) {
		alarm(PATIENCE_S);
		close(pair[0]);
		points_start(mode, at, error);
		int r = record(pair[1]);
		shared->hit = points.name != NULL;
		_exit(r);
	}
	must(pid > 0, "fork");
	close(pair[1]);
	seal(pair[0]);
	close(pair[0]);
	must(waitpid(pid, &status, 0) == pid, "wait");
	bool killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL && mode <= POINTS_AFTER;
	must(killed || (WIFEXITED(status) && WEXITSTATUS(status) == 0), "the recorder crashed or hangs");
	struct verify_result result = verify(&out);
	must(result.verdict <= VERDICT_GAP, "the spool is whole");
	must(out + result.lost_bytes <= shared->given, "nothing is there that was not given");
	if (result.verdict < VERDICT_GAP) /* its last frame may have come although it did not hear so */
		must(out == shared->given, "what is missing is declared");
	if (shared->finished)
		must(out + result.lost_bytes == shared->given, "what is missing is counted");
	must(nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS) == 0, "remove");
	return killed || shared->hit;
}

int main(int argc, char **argv)
{
	static const int errors[] = { EAGAIN, ENOBUFS, ECONNRESET };
	uint64_t kills = 0, calls = 0, starved = 0;
	log_open("recorder_points", 0);
	if (getenv("VERBOSE") == NULL && freopen("/dev/null", "w", stderr) == NULL)
		return 1;
	shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	config = (struct sealer_config){ .spool = dir, .host = { { 9 } }, .block_interval_ms = 50, .heartbeat_ms = 30000,
					 .slot = mmap(NULL, SLOT_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0) };
	must(shared != MAP_FAILED && config.slot != MAP_FAILED && sign_init() == 0, "set-up");
	sign_keypair(&config.identity);
	const uint64_t pace = argc > 1 && strcmp(argv[1], "--all") == 0 ? 1 : 3;
	for (mode = POINTS_BEFORE; mode <= POINTS_AFTER; mode += POINTS_AFTER - POINTS_BEFORE)
		for (at = 1; at <= POINTS_MAX && meets(0); at += pace)
			kills++;
	mode = POINTS_FAIL;
	for (size_t i = 0; i < sizeof errors / sizeof *errors; i++)
		for (at = 1; at <= POINTS_MAX && meets(errors[i]); at += pace)
			calls++;
	mode = POINTS_FAIL_MEMORY;
	for (at = 1; meets(ENOMEM); at += pace)
		starved++;
	printf("killed at %" PRIu64 " messages; %" PRIu64 " and %" PRIu64 " allocations failed: nothing acknowledged lost, what is missing declared\n",
	       kills, calls, starved);
	return kills == 0 || calls == 0 || starved == 0;
}
