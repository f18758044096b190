/* tar: small archives in ustar form (POSIX.1-1988), plain files only, that tar(1) opens; same
 * content, same bytes. */
#ifndef ITM_STORE_TAR_H
#define ITM_STORE_TAR_H

#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"

enum { TAR_BLOCK = 512, TAR_NAME_SIZE = 100 /* bytes, with NUL */ };

/* Append a file: mode 0444, owner root.  name: under TAR_NAME_SIZE, relative. */
int tar_put(struct buffer *b, const char *name, int64_t time_s, const void *data, size_t len);
/* The two empty blocks of the end. */
int tar_end(struct buffer *b);

struct tar_file { char name[TAR_NAME_SIZE]; const uint8_t *data; size_t len; };
struct tar_reader { const uint8_t *data; size_t len, pos; };
void tar_reader_init(struct tar_reader *r, const void *data, size_t len);
/* 1 = file, its data borrowed; 0 = the end, and nothing but zeros after it;
 * ITM_EFORMAT, ITM_ETRUNC: another form than tar_put makes. */
int tar_reader_next(struct tar_reader *r, struct tar_file *out, struct fault *fault);

#endif
