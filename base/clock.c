#include "base/clock.h"

#include <ctype.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"

#define NS_PER_S 1000000000

static int64_t read_clock(clockid_t id)
{
	struct timespec ts;
	if (clock_gettime(id, &ts) != 0)
		abort(); /* both clocks exist since Linux 2.6.39 */
	return (int64_t)ts.tv_sec * NS_PER_S + ts.tv_nsec;
}

uint64_t clock_boot_ns(void)
{
	return (uint64_t)read_clock(CLOCK_BOOTTIME);
}

int64_t clock_wall_ns(void)
{
	return read_clock(CLOCK_REALTIME);
}

/* The file holds a UUID as text; its 16 bytes are the id. */
struct id clock_boot_id(void)
{
	struct id id = { { 0 } };
	char text[64];
	int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return id;
	ssize_t n = read(fd, text, sizeof text - 1);
	close(fd);
	if (n <= 0)
		return id;
	text[n] = '\0';
	size_t nibble = 0;
	for (const char *p = text; *p != '\0' && nibble < 32; p++) {
		if (!isxdigit((unsigned char)*p))
			continue;
		int v = isdigit((unsigned char)*p) ? *p - '0' : tolower((unsigned char)*p) - 'a' + 10;
		id.bytes[nibble / 2] |= (uint8_t)(nibble % 2 ? v : v << 4);
		nibble++;
	}
	return id;
}

struct clock_state clock_state(void)
{
	struct timex tx = { 0 };
	struct clock_state state = { 0 };
	int r = adjtimex(&tx);
	state.synchronised = r >= 0 && r != TIME_ERROR && !(tx.status & STA_UNSYNC);
	state.max_error_us = r >= 0 && tx.maxerror > 0 ? (uint32_t)tx.maxerror : 0;
	return state;
}

void clock_format(int64_t wall_ns, char out[CLOCK_TEXT_SIZE])
{
	int64_t seconds = wall_ns / NS_PER_S, rest = wall_ns % NS_PER_S;
	if (rest < 0) {
		rest += NS_PER_S;
		seconds--;
	}
	time_t t = (time_t)seconds;
	struct tm tm;
	if (gmtime_r(&t, &tm) == NULL || tm.tm_year > 8099) {
		snprintf(out, CLOCK_TEXT_SIZE, "?");
		return;
	}
	size_t n = strftime(out, CLOCK_TEXT_SIZE, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(out + n, CLOCK_TEXT_SIZE - n, ".%03dZ", (int)(rest / 1000000));
}

/* Exactly n digits at *p. */
static int take_digits(const char **p, int n, int *out)
{
	int v = 0;
	for (int i = 0; i < n; i++) {
		if (!isdigit((unsigned char)(*p)[i]))
			return -1;
		v = v * 10 + ((*p)[i] - '0');
	}
	*p += n;
	*out = v;
	return 0;
}

static int take(const char **p, char c)
{
	if (**p != c)
		return -1;
	*p += 1;
	return 0;
}

static int parse_time(const char **p, struct tm *tm, int *ms)
{
	if (take_digits(p, 2, &tm->tm_hour) || take(p, ':') || take_digits(p, 2, &tm->tm_min))
		return -1;
	if (**p == ':' && (take(p, ':') || take_digits(p, 2, &tm->tm_sec)))
		return -1;
	if (**p == '.' && (take(p, '.') || take_digits(p, 3, ms)))
		return -1;
	if (**p == 'Z')
		*p += 1;
	return 0;
}

int clock_parse(const char *text, int64_t *wall_ns)
{
	struct tm tm = { 0 };
	int year, month, ms = 0;
	const char *p = text;

	if (take_digits(&p, 4, &year) || take(&p, '-') || take_digits(&p, 2, &month) ||
	    take(&p, '-') || take_digits(&p, 2, &tm.tm_mday))
		return ITM_EFORMAT;
	if (*p == 'T' || *p == ' ') {
		p++;
		if (parse_time(&p, &tm, &ms) != 0)
			return ITM_EFORMAT;
	}
	/* 64 bits of nanoseconds end in 2262. */
	if (*p != '\0' || year < 1970 || year > 2261 || month < 1 || month > 12 || tm.tm_mday < 1 || tm.tm_mday > 31 ||
	    tm.tm_hour > 23 || tm.tm_min > 59 || tm.tm_sec > 60)
		return ITM_EFORMAT;
	tm.tm_year = year - 1900;
	tm.tm_mon = month - 1;
	int day = tm.tm_mday;
	time_t t = timegm(&tm);
	if (tm.tm_mday != day && tm.tm_sec < 60) /* 31 February rolled over */
		return ITM_EFORMAT;
	*wall_ns = (int64_t)t * NS_PER_S + (int64_t)ms * 1000000;
	return 0;
}
