/* A disk that remembers in which order it was written: one file, served over
 * FUSE, for a loop device to stand on.
 *
 * usage: disk IMAGE FILE LOG
 *
 * IMAGE holds the bytes, FILE is where the disk appears, LOG takes one entry
 * for each write and each flush before it is answered: u32 type ('W', 'F'),
 * u32 length, u64 offset, then the bytes.  Others append entries of their own
 * to LOG (O_APPEND, one write): "acknowledged" stands behind the flush it
 * relied on.  Runs until FILE is unmounted.
 *
 * Speaks the kernel's protocol itself (linux/fuse.h, 7.31 and later): a single
 * file as the root of the mount needs six of its messages. */
#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum { WRITE_MAX = 128 * 1024, REQUEST_MAX = WRITE_MAX + 4096 };

struct disk { int image, log, fuse; uint64_t size; };
struct entry { uint32_t type, len; uint64_t offset; };

static int note(struct disk *d, uint32_t type, uint64_t offset, const void *data, uint32_t len)
{
	struct entry e = { type, len, offset };
	struct iovec parts[2] = { { &e, sizeof e }, { (void *)(uintptr_t)data, len } };
	return writev(d->log, parts, 2) == (ssize_t)(sizeof e + len) ? 0 : -EIO;
}

static void answer(struct disk *d, uint64_t unique, int error, const void *data, size_t len)
{
	struct fuse_out_header h = { .len = (uint32_t)(sizeof h + (error ? 0 : len)), .error = error, .unique = unique };
	struct iovec parts[2] = { { &h, sizeof h }, { (void *)(uintptr_t)data, error ? 0 : len } };
	if (writev(d->fuse, parts, 2) < 0 && errno != ENOENT) /* ENOENT: the asker was interrupted */
		exit(1);
}

static void answer_init(struct disk *d, uint64_t unique, const struct fuse_init_in *in)
{
	struct fuse_init_out out = {
		.major = FUSE_KERNEL_VERSION, .minor = FUSE_KERNEL_MINOR_VERSION, .max_readahead = in->max_readahead,
		.max_background = 16, .congestion_threshold = 12, .max_write = WRITE_MAX, .time_gran = 1,
	};
	answer(d, unique, 0, &out, sizeof out);
}

static void answer_attributes(struct disk *d, uint64_t unique)
{
	struct fuse_attr_out out = {
		.attr_valid = 3600,
		.attr = { .ino = 1, .size = d->size, .blocks = d->size / 512, .mode = S_IFREG | 0600, .nlink = 1, .blksize = 4096 },
	};
	answer(d, unique, 0, &out, sizeof out);
}

static void answer_read(struct disk *d, uint64_t unique, const struct fuse_read_in *in)
{
	static uint8_t data[WRITE_MAX];
	size_t want = in->size < sizeof data ? in->size : sizeof data;
	ssize_t n = pread(d->image, data, want, (off_t)in->offset);
	answer(d, unique, n < 0 ? -errno : 0, data, n < 0 ? 0 : (size_t)n);
}

static void answer_write(struct disk *d, uint64_t unique, const struct fuse_write_in *in, const uint8_t *data)
{
	struct fuse_write_out out = { .size = in->size };
	int error = note(d, 'W', in->offset, data, in->size);
	if (error == 0 && pwrite(d->image, data, in->size, (off_t)in->offset) != (ssize_t)in->size)
		error = -EIO;
	answer(d, unique, error, &out, sizeof out);
}

static void serve_one(struct disk *d, const struct fuse_in_header *h)
{
	const void *body = h + 1;
	struct fuse_open_out opened = { .open_flags = FOPEN_DIRECT_IO };
	struct fuse_statfs_out room = { .st = { .bsize = 4096, .namelen = 255 } };
	switch (h->opcode) {
	case FUSE_INIT: answer_init(d, h->unique, body); return;
	case FUSE_GETATTR:
	case FUSE_SETATTR: answer_attributes(d, h->unique); return;
	case FUSE_OPEN: answer(d, h->unique, 0, &opened, sizeof opened); return;
	case FUSE_READ: answer_read(d, h->unique, body); return;
	case FUSE_WRITE: answer_write(d, h->unique, body, (const uint8_t *)body + sizeof(struct fuse_write_in)); return;
	case FUSE_FSYNC: answer(d, h->unique, note(d, 'F', 0, NULL, 0), NULL, 0); return;
	case FUSE_STATFS: answer(d, h->unique, 0, &room, sizeof room); return;
	case FUSE_RELEASE: answer(d, h->unique, 0, NULL, 0); return;
	case FUSE_FALLOCATE: answer(d, h->unique, -EOPNOTSUPP, NULL, 0); return;
	case FUSE_FORGET:
	case FUSE_BATCH_FORGET:
	case FUSE_INTERRUPT: return;
	default: answer(d, h->unique, -ENOSYS, NULL, 0); return;
	}
}

static int appear(struct disk *d, const char *file)
{
	char options[128];
	d->fuse = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	if (d->fuse < 0)
		return -1;
	(void)snprintf(options, sizeof options, "fd=%d,rootmode=100600,user_id=0,group_id=0", d->fuse);
	return mount("powercut", file, "fuse", MS_NOSUID | MS_NODEV, options);
}

int main(int argc, char **argv)
{
	static struct { _Alignas(8) uint8_t bytes[REQUEST_MAX]; } request;
	struct disk d = { 0 };
	if (argc != 4)
		return 64;
	d.image = open(argv[1], O_RDWR | O_CLOEXEC);
	d.log = open(argv[3], O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
	off_t size = lseek(d.image, 0, SEEK_END);
	if (d.image < 0 || d.log < 0 || size <= 0 || appear(&d, argv[2]) != 0) {
		perror("disk");
		return 1;
	}
	d.size = (uint64_t)size;
	for (;;) {
		ssize_t n = read(d.fuse, request.bytes, sizeof request.bytes);
		if (n < 0 && errno == ENODEV)
			return 0; /* unmounted */
		if (n < 0 && errno != EINTR && errno != ENOENT && errno != EAGAIN) {
			perror("disk: read");
			return 1;
		}
		if (n >= (ssize_t)sizeof(struct fuse_in_header))
			serve_one(&d, (const struct fuse_in_header *)(const void *)request.bytes);
	}
}
