#include "agent/watchd/procfile.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/error.h"

/* Fields of /proc/PID/stat by proc(5), counted from 1. */
enum { FIELD_PPID = 4, FIELD_GROUP = 5, FIELD_LEADER = 6, FIELD_TTY = 7, FIELD_FLAGS = 9, FIELD_START = 22,
       FIELD_CODE = 26, FIELD_STACK = 28, FIELD_ARGUMENTS = 48, FIELD_STATUS = 52, FIELDS = 53 };
enum { KERNEL_THREAD = 0x200000 };       /* PF_KTHREAD of linux/sched.h */
enum { STAT_MAX = 1024, STATUS_MAX = 4096, LIST_BYTES = 4096 };

static uint64_t mix(uint64_t a, uint64_t b)
{
	return (a ^ b) * UINT64_C(0x9e3779b97f4a7c15);
}

/* Numbers from the third field on; how many fields there were. */
static int read_fields(const char *at, const char *end, uint64_t field[FIELDS], char *state)
{
	int n = 2;

	while (at < end && n + 1 < FIELDS) {
		if (*at == ' ' || *at == '\n') {
			at++;
			continue;
		}
		if (++n == 3)
			*state = *at;
		bool negative = *at == '-';
		uint64_t v = 0;
		for (at += negative; at < end && isdigit((unsigned char)*at); at++)
			v = v * 10 + (uint64_t)(*at - '0');
		field[n] = negative ? 0 - v : v;
		while (at < end && *at != ' ')
			at++;
	}
	return n;
}

/* comm may hold ") ": the last parenthesis counts. */
int procfile_decode_stat(const char *text, size_t len, uint64_t ns_per_tick, struct procfile_stat *out)
{
	const char *open = memchr(text, '(', len), *close = memrchr(text, ')', len), *end = text + len;
	uint64_t field[FIELDS] = { 0 };
	char state = 0;

	if (open == NULL || close == NULL || close < open || read_fields(close + 1, end, field, &state) < FIELD_START)
		return ITM_EFORMAT;
	uint32_t pid = 0, tty = (uint32_t)field[FIELD_TTY];
	for (const char *p = text; p < open && isdigit((unsigned char)*p); p++)
		pid = pid * 10 + (uint32_t)(*p - '0');
	if (pid == 0)
		return ITM_EFORMAT;
	*out = (struct procfile_stat){
		.pid = pid, .parent = (uint32_t)field[FIELD_PPID], .group = (uint32_t)field[FIELD_GROUP],
		.leader = (uint32_t)field[FIELD_LEADER], .state = state,
		.kernel = (field[FIELD_FLAGS] & KERNEL_THREAD) != 0, .start = field[FIELD_START] * ns_per_tick,
		.status = (uint32_t)field[FIELD_STATUS],
		/* new_encode_dev of the kernel: minor 7..0, major 19..8, minor 31..20 */
		.tty = ((tty >> 8) & 0xfff) << 20 | (tty & 0xff) | ((tty >> 12) & 0xfff00),
	};
	size_t comm = (size_t)(close - open - 1);
	memcpy(out->comm, open + 1, comm < PROCFILE_COMM ? comm : PROCFILE_COMM - 1);
	/* 0 and 1 stand where addresses are hidden. */
	if (field[FIELD_STACK] > 1)
		out->image = mix(mix(mix(1, field[FIELD_CODE]), field[FIELD_STACK]), field[FIELD_ARGUMENTS]) | 1;
	return 0;
}

/* The line that begins with name, as numbers of that base; how many. */
static int read_line(const char *text, size_t len, const char *name, int base, uint64_t *out, int max)
{
	size_t n = strlen(name);

	for (const char *at = text, *end = text + len; at < end; ) {
		const char *line = memchr(at, '\n', (size_t)(end - at));
		if (line == NULL)
			return 0;
		if ((size_t)(line - at) > n && memcmp(at, name, n) == 0) {
			char copy[128], *next = copy, *last;
			int count = 0;
			snprintf(copy, sizeof copy, "%.*s", (int)(line - at - (ptrdiff_t)n), at + n);
			for (; count < max; count++, next = last) {
				out[count] = strtoull(next, &last, base);
				if (last == next)
					break;
			}
			return count;
		}
		at = line + 1;
	}
	return 0;
}

int procfile_decode_status(const char *text, size_t len, struct procfile_rights *out)
{
	uint64_t uid[4], gid[4], capabilities = 0;

	if (read_line(text, len, "Uid:", 10, uid, 4) != 4 || read_line(text, len, "Gid:", 10, gid, 4) != 4)
		return ITM_EFORMAT;
	(void)read_line(text, len, "CapEff:", 16, &capabilities, 1);
	*out = (struct procfile_rights){ (uint32_t)uid[0], (uint32_t)uid[1], (uint32_t)uid[2], (uint32_t)uid[3],
					 (uint32_t)gid[0], (uint32_t)gid[1], capabilities };
	return 0;
}

/* As much as there is room for; negative when the process has gone. */
static ssize_t read_text(int proc, uint32_t pid, const char *what, char *out, size_t size)
{
	char path[64];
	size_t len = 0;

	snprintf(path, sizeof path, "%" PRIu32 "/%s", pid, what);
	int fd = openat(proc, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return ITM_ENOENT;
	for (ssize_t n = 1; n > 0 && len < size; len += n > 0 ? (size_t)n : 0) {
		n = read(fd, out + len, size - len);
		if (n < 0 && len == 0) {
			close(fd);
			return ITM_ENOENT;
		}
	}
	close(fd);
	return (ssize_t)len;
}

int procfile_read_stat(int proc, uint32_t pid, struct procfile_stat *out)
{
	char text[STAT_MAX];
	ssize_t n = read_text(proc, pid, "stat", text, sizeof text);

	return n > 0 && procfile_decode_stat(text, (size_t)n, UINT64_C(1000000000) / (uint64_t)sysconf(_SC_CLK_TCK), out) == 0
		? 0 : ITM_ENOENT;
}

int procfile_read_status(int proc, uint32_t pid, struct procfile_rights *out)
{
	char text[STATUS_MAX];
	ssize_t n = read_text(proc, pid, "status", text, sizeof text);

	return n > 0 && procfile_decode_status(text, (size_t)n, out) == 0 ? 0 : ITM_ENOENT;
}

static size_t read_link(int proc, uint32_t pid, const char *what, char out[PROCFILE_PATH])
{
	char path[64];

	snprintf(path, sizeof path, "%" PRIu32 "/%s", pid, what);
	ssize_t n = readlinkat(proc, path, out, PROCFILE_PATH);
	return n > 0 ? (size_t)n : 0;
}

static int stat_exe(int proc, uint32_t pid, struct stat *out)
{
	char path[64];

	snprintf(path, sizeof path, "%" PRIu32 "/exe", pid);
	return fstatat(proc, path, out, 0);
}

int procfile_read_image(int proc, uint32_t pid, struct procfile_image *out)
{
	static const char suffix[] = " (deleted)"; /* the kernel's, after the path */
	struct stat st;

	ssize_t n = read_text(proc, pid, "cmdline", out->arguments, sizeof out->arguments);
	if (n < 0)
		return ITM_ENOENT;
	out->arguments_len = (size_t)n;
	out->cut = out->arguments_len == sizeof out->arguments;
	out->exe_len = read_link(proc, pid, "exe", out->exe);
	out->cwd_len = read_link(proc, pid, "cwd", out->cwd);
	bool there = stat_exe(proc, pid, &st) == 0;
	out->device = there ? st.st_dev : 0;
	out->inode = there ? st.st_ino : 0;
	out->mode = there ? st.st_mode : 0;
	out->nameless = there && st.st_nlink == 0;
	if (out->nameless && out->exe_len > sizeof suffix && memcmp(out->exe + out->exe_len - (sizeof suffix - 1), suffix, sizeof suffix - 1) == 0)
		out->exe_len -= sizeof suffix - 1;
	return 0;
}

bool procfile_runs(int proc, uint32_t pid, dev_t device, ino_t inode)
{
	struct stat st;

	return stat_exe(proc, pid, &st) == 0 && st.st_dev == device && st.st_ino == inode;
}

bool procfile_has_arguments(int proc, uint32_t pid)
{
	char first[1];

	return read_text(proc, pid, "cmdline", first, sizeof first) > 0;
}

uint32_t procfile_number(int proc, uint32_t pid, const char *what)
{
	char text[32];
	ssize_t n = read_text(proc, pid, what, text, sizeof text - 1);

	text[n > 0 ? n : 0] = '\0';
	return n > 0 ? (uint32_t)strtoul(text, NULL, 10) : UINT32_MAX;
}

size_t procfile_list(int proc, uint32_t *pids, size_t max)
{
	/* By hand: readdir(3) would have to own the descriptor, and what it reads
	 * ahead would be lost when the caller pauses. */
	_Alignas(struct dirent64) char block[LIST_BYTES];
	size_t count = 0;

	while (count == 0) {
		long n = syscall(SYS_getdents64, proc, block, max * 24 < sizeof block ? max * 24 : sizeof block);
		if (n <= 0) {
			(void)lseek(proc, 0, SEEK_SET);
			return 0;
		}
		for (long at = 0; at < n && count < max; ) {
			const struct dirent64 *d = (const void *)(block + at);
			if (isdigit((unsigned char)d->d_name[0]))
				pids[count++] = (uint32_t)strtoul(d->d_name, NULL, 10);
			at += d->d_reclen;
		}
	}
	return count;
}
