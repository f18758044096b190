#include "agent/sealer/slot.h"

#include <assert.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/crc32c.h"
#include "base/error.h"

enum { COPY_SIZE = SLOT_SIZE / 2, VERSION = 1, MAGIC = 0x4b4d5449 /* "ITMK" */ };

/* In memory of this machine only: native byte order. */
struct copy {
	uint32_t magic, version;
	uint64_t generation;
	struct slot_state state;
	uint32_t crc;            /* over everything before it */
};
static_assert(sizeof(struct copy) <= COPY_SIZE, "two copies fit");

void *slot_map(int fd)
{
	struct stat st;
	if (fstat(fd, &st) != 0 || st.st_size != SLOT_SIZE)
		return NULL;
	void *map = mmap(NULL, SLOT_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		return NULL;
	/* The supervisor's own lock keeps the pages; this one is for good measure. */
	(void)mlock(map, SLOT_SIZE);
	(void)madvise(map, SLOT_SIZE, MADV_DONTDUMP);
	(void)madvise(map, SLOT_SIZE, MADV_DONTFORK);
	return map;
}

void slot_unmap(void *map)
{
	if (map != NULL)
		munmap(map, SLOT_SIZE);
}

static struct copy *copy_at(void *map, int index)
{
	return (struct copy *)((uint8_t *)map + (size_t)index * COPY_SIZE);
}

static int whole(const struct copy *c)
{
	return c->magic == MAGIC && c->version == VERSION && c->state.payload_len <= SLOT_PAYLOAD_MAX &&
	       crc32c_update(0, c, offsetof(struct copy, crc)) == c->crc;
}

/* The current copy's index; -1 = none. */
static int current(void *map)
{
	const struct copy *a = copy_at(map, 0), *b = copy_at(map, 1);
	if (whole(a) && (!whole(b) || a->generation > b->generation))
		return 0;
	return whole(b) ? 1 : -1;
}

int slot_read(void *map, struct slot_state *out)
{
	static const uint8_t zeros[SLOT_SIZE];
	int index = current(map);
	if (index < 0)
		return memcmp(map, zeros, SLOT_SIZE) == 0 ? ITM_ENOENT : ITM_EFORMAT;
	*out = copy_at(map, index)->state;
	return 0;
}

void slot_write(void *map, const struct slot_state *state)
{
	int index = current(map);
	uint64_t generation = index < 0 ? 1 : copy_at(map, index)->generation + 1;
	struct copy *c = copy_at(map, index == 0 ? 1 : 0);

	c->crc = 0;
	c->magic = 0;
	atomic_thread_fence(memory_order_seq_cst);
	c->version = VERSION;
	c->generation = generation;
	c->state = *state;
	c->magic = MAGIC;
	c->crc = crc32c_update(0, c, offsetof(struct copy, crc));
	atomic_thread_fence(memory_order_seq_cst);
	/* The key that was there must not survive the new state. */
	sign_wipe(copy_at(map, index == 0 ? 0 : 1), COPY_SIZE);
}
