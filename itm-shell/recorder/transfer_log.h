/* transfer_log: files that passed, one note each (format of RECORD_NOTE:
 * doc/FORMAT.md), kept in a bounded queue until they may be recorded. */
#ifndef ITM_SHELL_RECORDER_TRANSFER_LOG_H
#define ITM_SHELL_RECORDER_TRANSFER_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/hash.h"

enum {
	TRANSFER_LOG_MAX = 256 * 1024,  /* bytes of notes that wait */
	TRANSFER_NAME_MAX = 4096,       /* bytes of a name; longer ones are cut */
};

/* The bytes of one file in one direction, as they pass. */
struct transfer_file {
	uint64_t bytes;          /* that passed */
	uint64_t next;           /* offset up to which hash goes */
	struct hash *hash;       /* owned; NULL before the first byte */
	bool scattered;          /* not from the first byte to the last in order: no hash */
};

struct transfer_log {
	struct buffer notes;     /* each after its u32 length */
	uint64_t left_out;       /* notes there was no room for, and what could not be followed */
};

/* len bytes of the file at offset. */
void transfer_file_put(struct transfer_file *f, uint64_t offset, const void *data, size_t len);
void transfer_file_free(struct transfer_file *f);

void transfer_log_init(struct transfer_log *log);
void transfer_log_free(struct transfer_log *log);

/* What is said of a file or of a change to one.  Texts may be NULL, mode is
 * (uint32_t)-1 when not known; bytes is NULL where none could pass. */
struct transfer_entry {
	const char *name;        /* any bytes, name_len of them */
	size_t name_len;
	const char *to;          /* of a rename or link */
	size_t to_len;
	const char *operation;   /* "remove", ...; NULL = the file itself passed */
	const char *result;      /* NULL = nothing went wrong */
	bool out;                /* from this host */
	uint32_t mode;
	struct transfer_file *bytes;
};
/* Takes the hash of e->bytes out.  Without memory or room it is counted. */
void transfer_log_put(struct transfer_log *log, const struct transfer_entry *e);

/* Drop the oldest note after giving it to take.  False: there is none. */
bool transfer_log_take(struct transfer_log *log, struct buffer *out);

#endif
