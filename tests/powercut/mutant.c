/* Loaded before a daemon (LD_PRELOAD) it notes in the log of the disk what
 * happens to names, because no file system here loses a rename whose file was
 * synced afterwards, and POSIX allows it: NAMES_LOG gets 'R' "from\nto" for
 * each renameat2 and 'D' for each fsync of a directory.
 *
 * And it makes one durability step a lie, so that the power-cut test can show
 * that it would notice.  MUTANT:
 *   fdatasync   fdatasync does nothing
 *   directory   fsync of a directory does nothing
 *   segment     fdatasync and fsync of a store's segment file do nothing
 *   normal      SQLite's synchronous=FULL becomes NORMAL
 * Never installed; the product knows nothing of it. */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { EXEC_TEXT_MAX = 4096, NOTE_MAX = 512 };
static int names = -1;   /* opened before the daemon locks itself in */

__attribute__((visibility("default"))) int fdatasync(int fd);
__attribute__((visibility("default"))) int fsync(int fd);
__attribute__((visibility("default"))) int renameat2(int from_dir, const char *from, int to_dir, const char *to, unsigned flags);
__attribute__((visibility("default"))) int sqlite3_exec(void *db, const char *text, void *each, void *context, void *error);

static bool is(const char *mutant)
{
	const char *chosen = getenv("MUTANT");
	return chosen != NULL && strcmp(chosen, mutant) == 0;
}

__attribute__((constructor)) static void open_names(void)
{
	const char *path = getenv("NAMES_LOG");
	if (path != NULL)
		names = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
}

static void note(uint32_t type, const char *from, const char *to)
{
	struct { uint32_t type, len; uint64_t offset; char text[NOTE_MAX]; } e = { .type = type };
	size_t a = strlen(from), b = strlen(to);
	if (names < 0 || a + b + 1 > sizeof e.text)
		return;
	memcpy(e.text, from, a);
	e.text[a] = '\n';
	memcpy(e.text + a + 1, to, b);
	e.len = (uint32_t)(a + 1 + b);
	size_t size = offsetof(__typeof__(e), text) + e.len;
	if (write(names, &e, size) != (ssize_t)size)
		abort();
}

/* The store appends to its segments; SQLite appends to nothing. */
static bool is_segment(int fd)
{
	int flags = fcntl(fd, F_GETFL);
	return flags >= 0 && (flags & O_APPEND) != 0;
}

int fdatasync(int fd)
{
	if (is("fdatasync") || (is("segment") && is_segment(fd)))
		return 0;
	return (int)syscall(SYS_fdatasync, fd);
}

int fsync(int fd)
{
	struct stat st;
	bool directory = fstat(fd, &st) == 0 && S_ISDIR(st.st_mode);
	if ((is("directory") && directory) || (is("segment") && is_segment(fd)))
		return 0;
	int r = (int)syscall(SYS_fsync, fd);
	if (r == 0 && directory)
		note('D', "", "");
	return r;
}

int renameat2(int from_dir, const char *from, int to_dir, const char *to, unsigned flags)
{
	int r = (int)syscall(SYS_renameat2, from_dir, from, to_dir, to, flags);
	if (r == 0)
		note('R', from, to);
	return r;
}

int sqlite3_exec(void *db, const char *text, void *each, void *context, void *error)
{
	static const char full[] = "synchronous=FULL", normal[] = "synchronous=NORMAL";
	char changed[EXEC_TEXT_MAX];
	int (*real)(void *, const char *, void *, void *, void *);
	*(void **)(void *)&real = dlsym(RTLD_NEXT, "sqlite3_exec");
	const char *at = is("normal") ? strstr(text, full) : NULL;
	if (at != NULL && strlen(text) + sizeof normal < sizeof changed) {
		size_t before = (size_t)(at - text);
		memcpy(changed, text, before);
		memcpy(changed + before, normal, sizeof normal - 1);
		memcpy(changed + before + sizeof normal - 1, at + sizeof full - 1, strlen(at + sizeof full - 1) + 1);
		text = changed;
	}
	return real(db, text, each, context, error);
}
