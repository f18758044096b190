#include "agent/agentd/vault.h"

#include <fcntl.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"

enum { SLOT_MAX = 1 << 16 };

static int lock(struct vault *v, int fd, size_t len)
{
	void *map = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		return ITM_ESYS;
	/* Secret memory is locked by its making and refuses to be asked; only the plain kind has seals to show. */
	if (mlock(map, len) != 0 && fcntl(fd, F_GET_SEALS) >= 0)
		log_error("the key slot may be swapped out: %s", error_text(ITM_ESYS));
	(void)madvise(map, len, MADV_DONTDUMP);
	(void)madvise(map, len, MADV_DONTFORK);
	if (v->map != NULL)
		munmap(v->map, v->len);
	*v = (struct vault){ map, len };
	return 0;
}

static int create_plain(size_t len)
{
	int fd = memfd_create("itm-slot", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0)
		return ITM_ESYS;
	if (ftruncate(fd, (off_t)len) != 0 || fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0) {
		close(fd);
		return ITM_ESYS;
	}
	return fd;
}

static int create_secret(size_t len)
{
#ifdef SYS_memfd_secret
	int fd = (int)syscall(SYS_memfd_secret, O_CLOEXEC);
	if (fd >= 0 && ftruncate(fd, (off_t)len) == 0)
		return fd;
	if (fd >= 0)
		close(fd);
#endif
	return ITM_ESYS;
}

int vault_create(struct vault *v, size_t len)
{
	int fd = create_secret(len);
	if (fd >= 0 && lock(v, fd, len) == 0)
		return fd;
	if (fd >= 0)
		close(fd);
	fd = create_plain(len);
	if (fd < 0)
		return fd;
	if (lock(v, fd, len) != 0) {
		close(fd);
		return ITM_ESYS;
	}
	return fd;
}

int vault_hold(struct vault *v, int fd)
{
	struct stat st;
	if (fstat(fd, &st) != 0)
		return ITM_ESYS;
	if (st.st_size <= 0 || st.st_size > SLOT_MAX)
		return ITM_EINVAL;
	return lock(v, fd, (size_t)st.st_size);
}
