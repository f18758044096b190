/* The sealer without its sockets: clock, disk and memory are ours. */
#include <errno.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/sealer/ledger.h"
#include "agent/sealer/room.h"
#include "agent/sealer/sealer.h"
#include "agent/sealer/slot.h"
#include "base/log.h"
#include "format/receipt.h"
#include "format/verify.h"

static char dir[64];
static struct sealer_config config;
static struct sign_key log_key;
static int64_t time_ms;
static struct id boot = { { 7 } };
static int calls_left; /* of write and sync until all fail; -1 = never */

static int64_t fake_ms(void) { return time_ms; }
static uint64_t fake_boot(void) { return (uint64_t)time_ms * 1000000; }
static int64_t fake_wall(void) { return time_ms * 1000000 + 1000000000; }
static struct id fake_boot_id(void) { return boot; }
static const struct sealer_clock fake_clock = { fake_ms, fake_boot, fake_wall, fake_boot_id };

static bool may_call(void)
{
	if (calls_left > 0)
		calls_left--;
	if (calls_left != 0)
		return true;
	errno = EIO;
	return false;
}

static ssize_t counted_write(int fd, const void *data, size_t len) { return may_call() ? write(fd, data, len) : -1; }
static int counted_sync(int fd) { return may_call() ? fdatasync(fd) : -1; }
static uint64_t disk_room; /* bytes the filesystem has */
static int counted_room(int fd, uint64_t *bytes) { *bytes = disk_room; return 0; }
static const struct spool_calls counted = { counted_write, counted_sync, counted_room };

static int setup(void **state)
{
	(void)snprintf(dir, sizeof dir, "/tmp/itm-test-sealer.XXXXXX");
	if (mkdtemp(dir) == NULL || sign_init() != 0)
		return 1;
	log_set_level(LOG_LEVEL_ERROR);
	time_ms = 1000;
	calls_left = -1;
	disk_room = 1 << 30;
	boot.bytes[0] = 7;
	config = (struct sealer_config){ .spool = dir, .host = { { 9 } }, .has_log_key = true, .block_interval_ms = 5000,
					 .heartbeat_ms = 30000, .clock = &fake_clock, .calls = &counted };
	sign_keypair(&config.identity);
	sign_keypair(&log_key);
	memcpy(config.log_key, log_key.public_key, SIGN_PUBLIC_SIZE);
	config.slot = mmap(NULL, SLOT_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	return config.slot == MAP_FAILED;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	return remove(path);
}

static int teardown(void **state)
{
	munmap(config.slot, SLOT_SIZE);
	return nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

/* ---- help ---- */

static struct sealer *open_sealer(const struct id *live, size_t count)
{
	int error = 0;
	struct sealer *s = sealer_open(&config, live, count, &error);
	if (s == NULL)
		fail_msg("sealer_open: %s", error_text(error));
	return s;
}

static int send_text(struct sealer *s, struct stream *st, uint64_t number, uint8_t *text, size_t size, uint8_t flags)
{
	struct buffer run, payload;
	struct fault fault;
	uint64_t last = 0;
	buffer_init(&run, FRAME_RUN_MAX);
	buffer_init(&payload, 2 * FRAME_RUN_MAX);
	assert_int_equal(record_put(&run, &last, 0, RECORD_OUT, size, text), 0);
	struct frame f = { .stream = st->id, .number = number, .boot_ns = fake_boot(), .wall_ns = fake_wall(),
			   .flags = flags, .run = run.data, .run_len = run.len };
	assert_int_equal(frame_encode(&payload, &f), 0);
	int r = sealer_frame(s, st, payload.data, payload.len, &fault);
	buffer_free(&run);
	buffer_free(&payload);
	free(text);
	return r;
}

static int send_frame(struct sealer *s, struct stream *st, uint64_t number, size_t size, uint8_t flags)
{
	uint8_t *text = malloc(size + 1);
	assert_non_null(text);
	memset(text, 'a' + (int)(number % 26), size + 1);
	return send_text(s, st, number, text, size, flags);
}

/* 60,000 bytes that don't shrink. */
static int send_noise(struct sealer *s, struct stream *st, uint64_t number)
{
	uint8_t *noise = malloc(60000);
	assert_non_null(noise);
	sign_random(noise, 60000);
	return send_text(s, st, number, noise, 60000, 0);
}

static int run_for(struct sealer *s, int64_t ms)
{
	int64_t until = time_ms + ms, wait;
	bool progress;
	for (;;) {
		int r = sealer_turn(s, &wait, &progress);
		if (r != 0 || time_ms >= until)
			return r;
		time_ms += wait < 1 ? 1 : wait > until - time_ms ? until - time_ms : wait;
	}
}

static struct verify_result check(void)
{
	struct verify_trust trust = { .has_identity = true, .has_log = true };
	struct verify_result result;
	struct spool_place place;
	struct fault fault;
	struct unit u;
	memcpy(trust.identity, config.identity.public_key, SIGN_PUBLIC_SIZE);
	memcpy(trust.log, log_key.public_key, SIGN_PUBLIC_SIZE);
	struct verifier *v = verifier_new(&trust, NULL);
	struct spool_reader *r = spool_reader_new(dir);
	assert_non_null(v);
	assert_non_null(r);
	for (int e; (e = spool_reader_next(r, &u, &place, &fault)) != 0; ) {
		if (e == 1) {
			(void)verifier_unit(v, &u, "spool", place.offset);
			continue;
		}
		verifier_broken(v, "spool", &fault);
		if (!spool_reader_next_segment(r))
			break;
	}
	verifier_finish(v, &result);
	verifier_free(v);
	spool_reader_free(r);
	return result;
}

static const struct id one = { { 1 } }, two = { { 2 } };

/* ---- tests ---- */

static void test_slot(void **state)
{
	struct slot_state a = { .sequence = 1, .phase = SLOT_READY }, b;
	uint8_t *bytes = config.slot;
	assert_int_equal(slot_read(config.slot, &b), ITM_ENOENT);
	sign_keypair(&a.key);
	slot_write(config.slot, &a);
	assert_int_equal(slot_read(config.slot, &b), 0);
	assert_memory_equal(&a, &b, sizeof a);
	/* A torn write of the next state leaves this one. */
	uint8_t before[SLOT_SIZE];
	memcpy(before, bytes, SLOT_SIZE);
	a.sequence = 2;
	slot_write(config.slot, &a);
	uint8_t after[SLOT_SIZE];
	memcpy(after, bytes, SLOT_SIZE);
	int half = memcmp(before, after, SLOT_SIZE / 2) != 0 && before[0] == 0 ? 0 : SLOT_SIZE / 2;
	for (size_t n = 0; n < 700; n += 7) {
		memcpy(bytes, before, SLOT_SIZE);
		memcpy(bytes + half, after + half, n);
		assert_int_equal(slot_read(config.slot, &b), 0);
	}
	/* The old state's key is gone from the memory. */
	memcpy(bytes, after, SLOT_SIZE);
	struct sign_key old = a.key;
	sign_keypair(&a.key);
	slot_write(config.slot, &a);
	assert_null(memmem(config.slot, SLOT_SIZE, old.secret, 32));
	memset(bytes, 0xff, SLOT_SIZE);
	assert_int_equal(slot_read(config.slot, &b), ITM_EFORMAT);
}

static void test_session(void **state)
{
	struct sealer *s = open_sealer(NULL, 0);
	struct stream *st = sealer_stream(s, &one);
	assert_int_equal(send_frame(s, st, 1, 100, 0), 0);
	assert_int_equal(st->durable, 0);
	assert_int_equal(run_for(s, 250), 0);
	assert_int_equal(st->durable, 1);
	assert_int_equal(send_frame(s, st, 1, 100, 0), 0); /* again: ignored */
	assert_true(st->ack_due);
	assert_int_equal(send_frame(s, st, 3, 100, 0), ITM_EFORMAT);
	assert_int_equal(send_frame(s, st, 2, 70000, 0), 0); /* a chunk by itself */
	assert_int_equal(send_frame(s, st, 3, 100, FRAME_END), 0);
	assert_int_equal(run_for(s, 150), 0);
	assert_int_equal(st->durable, 3);
	assert_true(sealer_done(st));
	assert_int_equal(send_frame(s, st, 4, 1, 0), ITM_EFORMAT);
	sealer_forget(s, st);
	struct sealer_status status;
	sealer_status(s, &status);
	assert_int_equal(status.sequence, 2); /* genesis, and the END's at once */
	assert_int_equal(sealer_stop(s, 100), 0);
	sealer_free(s);
	struct verify_result result = check();
	assert_int_equal(result.verdict, VERDICT_UNANCHORED);
	assert_true(result.closed);
	assert_int_equal(result.chunks, 2);
	assert_int_equal(result.frames_unsigned, 1);
}

static void test_heartbeat_and_interval(void **state)
{
	struct sealer_status status;
	struct sealer *s = open_sealer(NULL, 0);
	assert_int_equal(run_for(s, 29000), 0);
	sealer_status(s, &status);
	assert_int_equal(status.sequence, 1);
	assert_int_equal(run_for(s, 2000), 0);
	sealer_status(s, &status);
	assert_int_equal(status.sequence, 2);
	assert_int_equal(send_frame(s, sealer_stream(s, &one), 1, 10, 0), 0);
	assert_int_equal(run_for(s, 4900), 0);
	sealer_status(s, &status);
	assert_int_equal(status.sequence, 2);
	assert_int_equal(run_for(s, 200), 0);
	sealer_status(s, &status);
	assert_int_equal(status.sequence, 3);
	sealer_free(s);
}

static void test_recorder_lost(void **state)
{
	struct sealer *s = open_sealer(NULL, 0);
	struct stream *st = sealer_stream(s, &one);
	assert_int_equal(send_frame(s, st, 1, 100, 0), 0);
	assert_int_equal(sealer_lost(s, st, "recorder lost"), 0);
	assert_int_equal(run_for(s, 200), 0);
	assert_true(sealer_done(st));
	assert_int_equal(sealer_stop(s, 100), 0);
	sealer_free(s);
	assert_int_equal(check().verdict, VERDICT_GAP);
}

/* Killed at any moment: the same slot, the same files, a new sealer. */
static void test_killed(void **state)
{
	struct sealer *s = open_sealer(NULL, 0);
	assert_int_equal(send_frame(s, sealer_stream(s, &one), 1, 100, 0), 0);
	assert_int_equal(send_frame(s, sealer_stream(s, &two), 1, 70000, 0), 0);
	assert_int_equal(send_frame(s, sealer_stream(s, &two), 2, 100, 0), 0);
	assert_int_equal(run_for(s, 250), 0);
	sealer_free(s);
	s = open_sealer(&one, 1);
	struct stream *st = sealer_stream(s, &one);
	assert_int_equal(st->accepted, 1);
	assert_int_equal(send_frame(s, st, 3, 1, 0), 0); /* lost with the last sealer: waits for 2 */
	assert_int_equal(st->accepted, 1);
	assert_int_equal(send_frame(s, st, 2, 1, 0), 0);
	assert_int_equal(send_frame(s, st, 3, 1, FRAME_END), 0);
	assert_int_equal(run_for(s, 200), 0);
	sealer_free(s);
	s = open_sealer(&one, 1);
	assert_true(sealer_stream(s, &one)->sealed); /* it is not begun a second time */
	assert_int_equal(sealer_stop(s, 100), 0);
	sealer_free(s);
	struct verify_result result = check();
	assert_int_equal(result.verdict, VERDICT_GAP); /* two's recorder is gone */
	assert_true(result.closed);
}

static void test_reboot_and_lost_key(void **state)
{
	struct sealer *s = open_sealer(NULL, 0);
	assert_int_equal(send_frame(s, sealer_stream(s, &one), 1, 100, 0), 0);
	assert_int_equal(run_for(s, 250), 0);
	sealer_free(s);
	memset(config.slot, 0, SLOT_SIZE);
	boot.bytes[0]++;
	s = open_sealer(NULL, 0);
	struct sealer_status status;
	sealer_status(s, &status);
	assert_int_equal(status.sequence, 2);
	sealer_free(s);
	memset(config.slot, 0x55, SLOT_SIZE);
	s = open_sealer(NULL, 0);
	assert_int_equal(sealer_stop(s, 100), 0);
	sealer_free(s);
	struct verify_result result = check();
	assert_int_equal(result.verdict, VERDICT_UNATTESTED);
	assert_int_equal(result.last_sequence, 4);
}

/* The n-th write or sync and all after it fail, for n = 1, 2, ...: nothing is
 * durable that is not there, and a new sealer goes on. */
static void test_failing_disk(void **state)
{
	for (int n = 1; n < 60; n++) {
		struct sealer *s = open_sealer(NULL, 0);
		struct id id = { { 100, (uint8_t)n } };
		struct stream *st = sealer_stream(s, &id);
		calls_left = n;
		uint64_t number = 0;
		for (int round = 0; round < 12; round++) {
			for (int i = 0; i < 3 && sealer_accepting(s, st); i++)
				assert_int_equal(send_frame(s, st, ++number, round % 4 == 3 ? 66000 : 50, 0), 0);
			assert_int_equal(run_for(s, 1000), 0);
		}
		uint64_t durable = st->durable;
		struct sealer_status status;
		sealer_status(s, &status);
		if (n % 2 == 0) { /* the disk comes back: all of it becomes durable */
			calls_left = -1;
			assert_int_equal(run_for(s, 3000), 0);
			assert_int_equal(st->durable, number);
			durable = number;
		}
		sealer_free(s);
		calls_left = -1;
		s = open_sealer(&id, 1);
		assert_true(sealer_stream(s, &id)->accepted >= durable);
		assert_int_equal(sealer_lost(s, sealer_stream(s, &id), "test"), 0);
		assert_int_equal(run_for(s, 500), 0);
		sealer_free(s);
		struct verify_result result = check();
		/* The slot carried the chain over: no key was lost either. */
		if (result.verdict > VERDICT_GAP)
			fail_msg("n = %d: %s", n, result.detail);
	}
}

/* The server's log: grows by each receipt. */
static uint8_t leaves[64][HASH_SIZE];
static uint64_t leaf_count;

static int get_node(void *context, unsigned level, uint64_t index, uint8_t out[HASH_SIZE])
{
	struct merkle_edge edge = { 0 };
	for (uint64_t i = index << level; i < (index + 1) << level; i++)
		merkle_edge_add(&edge, leaves[i]);
	merkle_edge_root(&edge, out);
	return 0;
}

static struct receipt_record make_record(enum receipt_type type, uint64_t sequence, const struct block *b)
{
	struct receipt_record r = { .type = type, .host = config.host, .sequence = sequence };
	block_hash(b, r.block_hash);
	return r;
}

/* Log the record and give its receipt, with a proof from old_size on. */
static int give_from(struct sealer *s, struct receipt_record record, const struct sign_key *key, uint16_t unit,
		     uint64_t old_size)
{
	struct receipt r = { .record = record, .leaf = leaf_count, .old_size = old_size };
	struct buffer b, note;
	buffer_init(&b, RECEIPT_MAX);
	buffer_init(&note, NOTE_MAX);
	receipt_leaf(&record, leaves[leaf_count++]);
	assert_int_equal(merkle_inclusion(leaf_count, r.leaf, get_node, NULL, &r.inclusion), 0);
	assert_int_equal(merkle_consistency(old_size, leaf_count, get_node, NULL, &r.consistency), 0);
	checkpoint_origin(&record.server, r.checkpoint.origin);
	r.checkpoint.size = leaf_count;
	assert_int_equal(merkle_root(leaf_count, get_node, NULL, r.checkpoint.root), 0);
	assert_int_equal(checkpoint_put(&note, &r.checkpoint, key), 0);
	r.note = (const char *)note.data;
	r.note_len = note.len;
	assert_int_equal(receipt_encode(&b, &r), 0);
	int e = sealer_receipt(s, unit, b.data, b.len);
	buffer_free(&b);
	buffer_free(&note);
	return e;
}

static int give(struct sealer *s, struct receipt_record record, const struct sign_key *key, uint16_t unit)
{
	struct sealer_status status;
	sealer_status(s, &status);
	return give_from(s, record, key, unit, status.log_size);
}

static void test_receipts(void **state)
{
	struct block genesis = { 0 };
	struct unit u;
	struct spool_place place;
	struct sealer *s = open_sealer(NULL, 0);
	struct spool_reader *r = spool_reader_new(dir);
	while (spool_reader_next(r, &u, &place, NULL) == 1)
		if (u.type == UNIT_BLOCK)
			assert_int_equal(block_decode(u.payload, u.len, &genesis, NULL), 0);
	spool_reader_free(r);
	struct receipt_record good = make_record(RECEIPT_BLOCK, 1, &genesis), bad = good;
	assert_int_equal(give(s, good, &config.identity, UNIT_RECEIPT), ITM_ECRYPTO);
	bad.block_hash[0] ^= 1;
	assert_int_equal(give(s, bad, &log_key, UNIT_RECEIPT), ITM_ECRYPTO);
	bad = good;
	bad.host.bytes[0] ^= 1;
	assert_int_equal(give(s, bad, &log_key, UNIT_RECEIPT), ITM_ECRYPTO);
	bad = good;
	bad.sequence = 2;
	assert_int_equal(give(s, bad, &log_key, UNIT_RECEIPT), ITM_ECRYPTO);
	assert_int_equal(give(s, good, &log_key, UNIT_COUNTERSIGN), ITM_EFORMAT);
	assert_int_equal(give(s, good, &log_key, UNIT_CHUNK), ITM_EFORMAT);
	assert_int_equal(give(s, good, &log_key, UNIT_RECEIPT), 0);
	assert_int_equal(give(s, good, &log_key, UNIT_RECEIPT), 0); /* known: taken once */
	assert_int_equal(give(s, make_record(RECEIPT_GENESIS, 1, &genesis), &log_key, UNIT_COUNTERSIGN), 0);
	struct sealer_status status;
	sealer_status(s, &status);
	assert_int_equal(status.receipt, 1);
	assert_int_equal(status.oldest_unacknowledged_wall_ns, 0);
	assert_int_equal(run_for(s, 300), 0);
	sealer_free(s);
	assert_int_equal(check().receipts, 3); /* the one that came again moved the log on; the countersignature is one too */
	s = open_sealer(NULL, 0);
	sealer_status(s, &status);
	assert_int_equal(status.receipt, 1);
	sealer_free(s);
}

/* A log that went back, was forked, or proves from elsewhere. */
static void test_log_is_followed(void **state)
{
	struct block genesis = { 0 };
	struct unit u;
	struct spool_place place;
	struct sealer_status status;
	struct sealer *s = open_sealer(NULL, 0);
	struct spool_reader *r = spool_reader_new(dir);
	while (spool_reader_next(r, &u, &place, NULL) == 1)
		if (u.type == UNIT_BLOCK)
			assert_int_equal(block_decode(u.payload, u.len, &genesis, NULL), 0);
	spool_reader_free(r);
	struct receipt_record record = make_record(RECEIPT_BLOCK, 1, &genesis);
	uint64_t size;
	bool ask;
	leaf_count = 0;
	for (int i = 0; i < 5; i++)
		assert_int_equal(give(s, record, &log_key, UNIT_RECEIPT), 0);
	sealer_log(s, &size, &ask);
	assert_int_equal(size, 5);
	assert_false(ask);
	/* From another size: nothing is wrong, but it proves nothing to us. */
	assert_int_equal(give_from(s, record, &log_key, UNIT_RECEIPT, 3), ITM_EBUSY);
	sealer_log(s, &size, &ask);
	assert_int_equal(size, 5);
	assert_true(ask);
	sealer_log(s, &size, &ask);
	assert_false(ask); /* said once */
	/* The log is gone and begins anew: shorter, then as long, then longer. */
	leaf_count = 0;
	record.received_wall_ns++;
	for (uint64_t n = 1; n <= 6; n++)
		assert_int_equal(give_from(s, record, &log_key, UNIT_RECEIPT, n > 5 ? 5 : 0), ITM_ECRYPTO);
	sealer_status(s, &status);
	assert_int_equal(status.log_size, 5);
	assert_true(strlen(status.log_refused) > 0);
	/* A restart does not forget what was seen. */
	assert_int_equal(run_for(s, 300), 0);
	sealer_free(s);
	s = open_sealer(NULL, 0);
	assert_int_equal(give_from(s, record, &log_key, UNIT_RECEIPT, 5), ITM_ECRYPTO);
	sealer_free(s);
}

static size_t count_segments(void)
{
	size_t n = 0;
	struct spool_reader *r = spool_reader_new(dir);
	struct unit u;
	struct spool_place place;
	uint64_t last = 0;
	while (spool_reader_next(r, &u, &place, NULL) == 1) {
		n += place.segment != last;
		last = place.segment;
	}
	spool_reader_free(r);
	return n;
}

/* Old segments go when a receipt covers them, never before; what is left
 * verifies and is what a restart needs. */
static void test_trim(void **state)
{
	struct block last = { 0 };
	struct block_context context = { .known = false };
	struct unit u;
	struct spool_place place;
	for (int i = 0; i < 4; i++) { /* a segment for each start */
		struct sealer *s = open_sealer(NULL, 0);
		assert_int_equal(run_for(s, 70000), 0);
		sealer_free(s);
	}
	size_t before = count_segments();
	assert_true(before >= 4);
	struct sealer *s = open_sealer(NULL, 0);
	assert_int_equal(run_for(s, 70000), 0);
	assert_int_equal(count_segments(), before + 1); /* no receipt, no trim */
	struct spool_reader *r = spool_reader_new(dir);
	while (spool_reader_next(r, &u, &place, NULL) == 1)
		if (u.type == UNIT_BLOCK)
			assert_int_equal(block_decode_after(&context, u.payload, u.len, &last, NULL), 0);
	spool_reader_free(r);
	leaf_count = 0;
	assert_int_equal(give(s, make_record(RECEIPT_BLOCK, last.sequence, &last), &log_key, UNIT_RECEIPT), 0);
	assert_int_equal(run_for(s, 1000), 0);
	assert_int_equal(count_segments(), 1);
	sealer_free(s);
	s = open_sealer(NULL, 0);
	assert_int_equal(run_for(s, 40000), 0);
	sealer_free(s);
	struct verify_result result = check();
	if (result.verdict > VERDICT_OPEN_TAIL)
		fail_msg("%s", result.detail);
	assert_true(result.first_sequence > 1);
}

/* More than a segment holds: nothing open crosses over, and a restart reads
 * only the newest. */
static void test_segments(void **state)
{
	uint64_t segment = 0, offset, number = 0;
	struct sealer *s = open_sealer(NULL, 0);
	struct stream *st = sealer_stream(s, &one);
	for (int i = 0; i < 700; i++) {
		assert_int_equal(send_noise(s, st, ++number), 0);
		assert_int_equal(run_for(s, 1), 0);
	}
	sealer_durable(s, &segment, &offset);
	assert_true(segment >= 3);
	sealer_free(s);
	s = open_sealer(&one, 1);
	assert_true(sealer_stream(s, &one)->accepted >= number - 10);
	assert_int_equal(sealer_stop(s, 100), 0);
	sealer_free(s);
	assert_int_equal(check().verdict, VERDICT_UNANCHORED);
}

/* The disk fills up: frames wait in their sockets, but what was taken is signed,
 * the host's own events are still taken, a little, and the chain is closed. */
static void test_no_room(void **state)
{
	struct sealer_status status;
	struct sealer *s = open_sealer(NULL, 0);
	struct stream *st = sealer_stream(s, &one), *vital = sealer_stream(s, &two);
	vital->vital = true;
	assert_int_equal(send_frame(s, st, 1, 60000, 0), 0);
	assert_int_equal(send_frame(s, st, 2, 30000, 0), 0);
	assert_true(sealer_accepting(s, st) && sealer_accepting(s, vital));
	disk_room = 100000;
	assert_int_equal(run_for(s, 1), 0);
	assert_int_equal(sealer_space(s), SPACE_NONE);
	assert_false(sealer_accepting(s, st));
	uint64_t number = 0;
	while (sealer_accepting(s, vital)) {
		assert_int_equal(send_frame(s, vital, ++number, 1000, 0), 0);
		assert_int_equal(run_for(s, 100), 0);
	}
	assert_in_range(number, ROOM_RESERVE / 8 / 1100, ROOM_RESERVE / 8 / 1000);
	assert_int_equal(run_for(s, 6000), 0);
	assert_int_equal(st->durable, 2);
	sealer_status(s, &status);
	assert_true(status.spool_percent > 0 && status.space == SPACE_NONE);
	disk_room = 1 << 30;
	assert_int_equal(run_for(s, 1), 0);
	assert_int_equal(sealer_space(s), SPACE_ROOM);
	assert_true(sealer_accepting(s, st) && sealer_accepting(s, vital));
	disk_room = 0;
	assert_int_equal(sealer_stop(s, 1000), 0);
	sealer_free(s);
	assert_int_equal(check().verdict, VERDICT_UNANCHORED);
}

/* A quota counts what is taken now and will be needed for it once more. */
static void test_quota(void **state)
{
	config.spool_max = 4 << 20;
	struct sealer *s = open_sealer(NULL, 0);
	struct stream *st = sealer_stream(s, &one);
	enum space_level level = SPACE_ROOM;
	uint64_t number = 0;
	while (sealer_accepting(s, st)) {
		assert_true(number < 1000);
		assert_int_equal(send_noise(s, st, ++number), 0);
		assert_int_equal(run_for(s, 300), 0);
		assert_true(sealer_space(s) >= level);
		level = sealer_space(s);
	}
	assert_int_equal(level, SPACE_NONE);
	assert_int_equal(st->durable, number);
	assert_int_equal(sealer_stop(s, 1000), 0);
	struct sealer_status status;
	sealer_status(s, &status);
	assert_in_range(status.spool_bytes, 3 << 20, 4 << 20);
	assert_true(count_segments() >= 3); /* so that there is something to trim */
	sealer_free(s);
	config.spool_max = 0;
	assert_int_equal(check().verdict, VERDICT_UNANCHORED);
}

/* Many streams, many tiny frames: every block stays within what one message
 * to the server may hold, and a restart finds all of it. */
static void test_many_streams(void **state)
{
	struct spool_place place;
	struct unit u;
	struct sealer *s = open_sealer(NULL, 0);
	for (uint64_t n = 1; n <= 40; n++)
		for (int i = 0; i < 200; i++) {
			struct id id = { { 50, (uint8_t)i } };
			if (!sealer_accepting(s, sealer_stream(s, &id)))
				assert_int_equal(run_for(s, 1), 0);
			assert_int_equal(send_frame(s, sealer_stream(s, &id), n, n == 40 ? 60000 : 0, 0), 0);
		}
	assert_int_equal(run_for(s, 6000), 0);
	for (int i = 0; i < 3000; i++) {
		struct id id = { { 50, 1 } };
		assert_int_equal(send_frame(s, sealer_stream(s, &id), 41 + (uint64_t)i, 0, 0), 0);
	}
	assert_int_equal(run_for(s, 250), 0);
	sealer_free(s);
	s = open_sealer(NULL, 0);
	assert_int_equal(sealer_stop(s, 1000), 0);
	sealer_free(s);
	size_t group = 0;
	struct spool_reader *r = spool_reader_new(dir);
	while (spool_reader_next(r, &u, &place, NULL) == 1) {
		group = u.type == UNIT_CHUNK ? group + u.size : u.type == UNIT_BLOCK ? 0 : group;
		assert_true(group < (8 << 20) - 4096);
	}
	spool_reader_free(r);
	assert_int_equal(check().verdict, VERDICT_GAP);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_slot), TEST(test_session), TEST(test_heartbeat_and_interval), TEST(test_recorder_lost),
		TEST(test_killed), TEST(test_reboot_and_lost_key), TEST(test_failing_disk), TEST(test_receipts), TEST(test_log_is_followed), TEST(test_trim),
		TEST(test_no_room), TEST(test_quota), TEST(test_segments), TEST(test_many_streams),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
