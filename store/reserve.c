#include "store/reserve.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/error.h"

static const char name[] = "reserve";

bool reserve_there(int dir, uint64_t bytes)
{
	struct stat st;
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return false;
	/* Blocks, not size: a file with holes takes no room. */
	if (S_ISREG(st.st_mode) && (uint64_t)st.st_size >= bytes && (uint64_t)st.st_blocks * 512 >= bytes)
		return true;
	(void)unlinkat(dir, name, 0);
	return false;
}

int reserve_make(int dir, uint64_t bytes)
{
	int fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return ITM_ESYS;
	int error = posix_fallocate(fd, 0, (off_t)bytes);
	close(fd);
	if (error == 0)
		return 0;
	(void)unlinkat(dir, name, 0);
	errno = error;
	return ITM_ESYS;
}

int reserve_release(int dir)
{
	return unlinkat(dir, name, 0) == 0 ? 0 : ITM_ESYS;
}

int reserve_room(int dir, uint64_t *bytes)
{
	struct statvfs fs;
	if (fstatvfs(dir, &fs) != 0)
		return ITM_ESYS;
	*bytes = (fs.f_flag & ST_RDONLY) != 0 ? 0 : (uint64_t)fs.f_bavail * fs.f_frsize;
	return 0;
}
