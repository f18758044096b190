/* The spool: what is durable can be read, what is not never counts. */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "store/spool.h"
#include "store/spool_name.h"

static char dir[64];
static const struct id host = { { 1, 2, 3 } };

static int setup(void **state)
{
	(void)snprintf(dir, sizeof dir, "/tmp/itm-test-spool.XXXXXX");
	return mkdtemp(dir) == NULL;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	return remove(path);
}

static int teardown(void **state)
{
	return nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static struct spool *open_spool(void)
{
	int error = 0;
	struct spool *s = spool_open(dir, &host, &error);
	assert_non_null(s);
	return s;
}

static void put(struct spool *s, uint8_t byte, size_t len)
{
	uint8_t *data = malloc(len);
	assert_non_null(data);
	memset(data, byte, len);
	assert_int_equal(spool_append(s, UNIT_FRAME, 1, data, len), 0);
	free(data);
}

/* The first byte of every FRAME unit, as text; "!" for a broken unit. */
static const char *read_all(uint64_t limit_segment, uint64_t limit_offset)
{
	static char out[256];
	size_t n = 0;
	struct unit u;
	struct spool_place place;
	struct fault fault;
	struct spool_reader *r = spool_reader_new(dir);
	assert_non_null(r);
	if (limit_segment != 0)
		spool_reader_limit(r, limit_segment, limit_offset);
	for (int e; (e = spool_reader_next(r, &u, &place, &fault)) != 0; ) {
		assert_true(n < sizeof out - 1);
		if (e < 0) {
			out[n++] = '!';
			if (!spool_reader_next_segment(r))
				break;
		} else if (u.type == UNIT_FRAME) {
			out[n++] = (char)u.payload[0];
		}
	}
	out[n] = '\0';
	spool_reader_free(r);
	return out;
}

static char *segment_path(uint64_t number)
{
	static char path[128];
	char name[SPOOL_NAME_SIZE];
	spool_name_format(number, name);
	(void)snprintf(path, sizeof path, "%s/%s", dir, name);
	return path;
}

/* ---- faults ---- */
static bool given_back; /* a full disk has room again once the reserve is gone */

static bool has_reserve(void)
{
	char path[128];
	(void)snprintf(path, sizeof path, "%s/reserve", dir);
	return access(path, F_OK) == 0;
}

static int write_budget = -1, sync_fails, write_errno = ENOSPC;

static ssize_t limited_write(int fd, const void *data, size_t len)
{
	if (write_budget < 0 || (given_back && !has_reserve()))
		return write(fd, data, len);
	if (write_budget == 0) {
		errno = write_errno;
		return -1;
	}
	size_t n = len < (size_t)write_budget ? len : (size_t)write_budget;
	write_budget -= (int)n;
	return write(fd, data, n);
}

static int failing_sync(int fd)
{
	if (sync_fails > 0) {
		sync_fails--;
		errno = EIO;
		return -1;
	}
	return fdatasync(fd);
}

static uint64_t disk_room = 1 << 30;

static int has_room(int fd, uint64_t *bytes)
{
	*bytes = disk_room;
	return 0;
}

static const struct spool_calls faulty = { limited_write, failing_sync, has_room };

static void test_write_and_read(void **state)
{
	uint64_t segment, offset;
	struct spool *s = open_spool();
	assert_int_equal(spool_last_segment(s), 0);
	assert_int_equal(spool_begin(s), 0);
	put(s, 'a', 10);
	put(s, 'b', UNIT_PAYLOAD_MAX);
	assert_string_equal(read_all(0, 0), "");
	assert_int_equal(spool_sync(s), 0);
	spool_durable(s, &segment, &offset);
	put(s, 'c', 5);
	assert_int_equal(spool_flush(s), 0);
	assert_string_equal(read_all(0, 0), "abc");
	assert_string_equal(read_all(segment, offset), "ab");
	assert_int_equal(spool_sync(s), 0);
	assert_int_equal(spool_begin(s), 0);
	put(s, 'd', 5);
	assert_int_equal(spool_sync(s), 0);
	assert_string_equal(read_all(0, 0), "abcd");
	assert_string_equal(read_all(segment, offset), "ab");
	spool_close(s);
}

static void test_one_writer(void **state)
{
	int error = 0;
	struct spool *s = open_spool();
	assert_null(spool_open(dir, &host, &error));
	assert_int_equal(error, ITM_EBUSY);
	spool_close(s);
	spool_close(open_spool());
}

static void test_failed_sync_is_written_again(void **state)
{
	struct spool *s = open_spool();
	assert_int_equal(spool_begin(s), 0);
	put(s, 'a', 10);
	assert_int_equal(spool_sync(s), 0);
	spool_use_calls(s, &faulty);
	put(s, 'b', 10);
	sync_fails = 1;
	assert_int_equal(spool_sync(s), ITM_ESYS);
	put(s, 'c', 10);
	sync_fails = 1; /* the new segment's own start */
	assert_int_equal(spool_sync(s), ITM_ESYS);
	assert_int_equal(spool_sync(s), 0);
	/* b stands in both segments; only the second counts. */
	assert_string_equal(read_all(0, 0), "abc");
	spool_close(s);
}

static void test_full_disk_continues(void **state)
{
	uint64_t segment, offset, later;
	struct spool *s = open_spool();
	assert_int_equal(spool_begin(s), 0);
	put(s, 'a', 10);
	assert_int_equal(spool_sync(s), 0);
	spool_durable(s, &segment, &offset);
	spool_use_calls(s, &faulty);
	put(s, 'b', 100);
	for (write_budget = 7; ; write_budget = 7)
		if (spool_sync(s) == 0)
			break;
	write_budget = -1;
	spool_durable(s, &later, &offset);
	assert_int_equal(segment, later);
	put(s, 'c', 10);
	assert_int_equal(spool_sync(s), 0);
	assert_string_equal(read_all(0, 0), "abc");
	spool_close(s);
}

static void test_broken_write_moves_on(void **state)
{
	struct spool *s = open_spool();
	assert_int_equal(spool_begin(s), 0);
	spool_use_calls(s, &faulty);
	put(s, 'a', 100);
	write_budget = 30;
	write_errno = EIO;
	assert_int_equal(spool_sync(s), ITM_ESYS);
	write_budget = -1;
	write_errno = ENOSPC;
	assert_int_equal(spool_sync(s), 0);
	assert_string_equal(read_all(0, 0), "a");
	spool_close(s);
}

static void test_torn_tail(void **state)
{
	struct spool_place place;
	struct unit u;
	struct stat st;
	struct spool *s = open_spool();
	assert_int_equal(spool_begin(s), 0);
	put(s, 'a', 10);
	put(s, 'b', 10);
	assert_int_equal(spool_sync(s), 0);
	spool_close(s);
	assert_int_equal(stat(segment_path(1), &st), 0);
	assert_int_equal(truncate(segment_path(1), st.st_size - 1), 0);
	assert_string_equal(read_all(0, 0), "a"); /* may still be growing */

	struct spool_reader *r = spool_reader_new(dir);
	while (spool_reader_next(r, &u, &place, NULL) == 1)
		;
	uint64_t rest = spool_reader_rest(r, &place);
	spool_reader_free(r);
	assert_int_equal(rest, UNIT_HEADER_SIZE + 10 - 1);

	s = open_spool();
	assert_int_equal(spool_torn(s, place.segment, place.offset, rest), 0);
	assert_int_equal(spool_begin(s), 0);
	put(s, 'c', 10);
	assert_int_equal(spool_sync(s), 0);
	assert_string_equal(read_all(0, 0), "ac");
	spool_close(s);
}

static void test_undeclared_damage_is_told(void **state)
{
	struct spool *s = open_spool();
	assert_int_equal(spool_begin(s), 0);
	put(s, 'a', 10);
	assert_int_equal(spool_sync(s), 0);
	assert_int_equal(spool_begin(s), 0);
	put(s, 'b', 10);
	assert_int_equal(spool_sync(s), 0);
	assert_int_equal(spool_begin(s), 0);
	put(s, 'c', 10);
	assert_int_equal(spool_sync(s), 0);
	spool_close(s);
	assert_int_equal(truncate(segment_path(1), 70), 0);
	int fd = open(segment_path(2), O_WRONLY);
	assert_int_equal(pwrite(fd, "x", 1, 0), 1); /* its header */
	close(fd);
	assert_string_equal(read_all(0, 0), "!!c");
	char *from = strdup(segment_path(3));
	assert_int_equal(rename(from, segment_path(9)), 0);
	free(from);
	assert_string_equal(read_all(0, 0), "!!!");
}

/* The reserve is given back for what finds no room, also for a new segment, and
 * made again when there is room for twice as much. */
static void test_reserve(void **state)
{
	struct spool *s = open_spool();
	spool_use_calls(s, &faulty);
	disk_room = 300000;
	spool_set_reserve(s, 200000);
	assert_false(spool_reserved(s) || has_reserve());
	assert_int_equal(spool_room(s), 100000);
	disk_room = 1 << 30;
	assert_int_equal(spool_room(s), (1 << 30) - 200000);
	assert_true(spool_reserved(s) && has_reserve());
	assert_int_equal(spool_begin(s), 0);
	given_back = true;
	write_budget = 0;
	disk_room = 0;
	put(s, 'a', 1000);
	assert_int_equal(spool_sync(s), 0);
	assert_false(spool_reserved(s) || has_reserve());
	assert_int_equal(spool_room(s), 0);
	disk_room = 1 << 30;
	(void)spool_room(s);
	assert_true(has_reserve());
	assert_int_equal(spool_begin(s), 0);
	assert_false(has_reserve());
	put(s, 'b', 1000);
	assert_int_equal(spool_sync(s), 0);
	given_back = false;
	put(s, 'c', 1000);
	assert_int_equal(spool_sync(s), ITM_ESYS);
	(void)spool_room(s);
	spool_close(s);
	write_budget = -1;
	s = open_spool();
	spool_set_reserve(s, 200000); /* found again */
	assert_true(spool_reserved(s));
	spool_close(s);
	assert_string_equal(read_all(0, 0), "ab");
}

static void test_names(void **state)
{
	uint64_t n;
	static const char *const wrong[] = { "", "seg-.itm", "seg-0000000000000000.itm", "seg-00000000000000g1.itm",
					     "seg-0000000000000001.itm ", "SEG-0000000000000001.itm", "seg-000000000000001A.itm" };
	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
		assert_int_equal(spool_name_parse(wrong[i], &n), ITM_EFORMAT);
	assert_int_equal(spool_name_parse("seg-00000000000000ff.itm", &n), 0);
	assert_int_equal(n, 255);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_write_and_read, setup, teardown),
		cmocka_unit_test_setup_teardown(test_one_writer, setup, teardown),
		cmocka_unit_test_setup_teardown(test_failed_sync_is_written_again, setup, teardown),
		cmocka_unit_test_setup_teardown(test_full_disk_continues, setup, teardown),
		cmocka_unit_test_setup_teardown(test_broken_write_moves_on, setup, teardown),
		cmocka_unit_test_setup_teardown(test_torn_tail, setup, teardown),
		cmocka_unit_test_setup_teardown(test_undeclared_damage_is_told, setup, teardown),
		cmocka_unit_test_setup_teardown(test_reserve, setup, teardown),
		cmocka_unit_test(test_names),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
