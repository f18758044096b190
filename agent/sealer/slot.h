/* slot: the memory file that holds the key of the next block, and during
 * signing the exact block, so that a restarted sealer goes on with the same
 * bytes instead of making a second block of one number.
 *
 * Two copies, each with a generation and a CRC: a write goes to the one that
 * is not current and wipes the other afterwards, so a sealer killed in
 * between leaves at least one whole.  Nothing of it is ever on disk. */
#ifndef ITM_SEALER_SLOT_H
#define ITM_SEALER_SLOT_H

#include <stddef.h>
#include <stdint.h>

#include "format/sign.h"

enum { SLOT_SIZE = 8192, SLOT_PAYLOAD_MAX = 1024 };

enum slot_phase {
	SLOT_READY = 1,   /* key signs block `sequence` */
	SLOT_SIGNED = 2,  /* payload is block `sequence`; next is the key after it */
};

struct slot_state {
	uint64_t sequence;
	uint32_t phase;
	uint32_t payload_len;
	struct sign_key key, next;
	uint8_t payload[SLOT_PAYLOAD_MAX];
};

/* Size and lock a descriptor's memory; SLOT_SIZE bytes or NULL (errno). */
void *slot_map(int fd);
void slot_unmap(void *map);
/* 0; ITM_ENOENT: empty; ITM_EFORMAT: neither copy is whole. */
int slot_read(void *map, struct slot_state *out);
void slot_write(void *map, const struct slot_state *state);

#endif
