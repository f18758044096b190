/* compress: zstd, continued over many calls; the only door to libzstd. */
#ifndef ITM_FORMAT_COMPRESS_H
#define ITM_FORMAT_COMPRESS_H

#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"

struct compress;
struct inflate;

/* dictionary.h; they are built into both sides. */
enum compress_dictionary { COMPRESS_NO_DICTIONARY, COMPRESS_OUT, COMPRESS_CTL };

/* window_log 10..20: the memory either side needs. Owned; NULL out of memory. */
struct compress *compress_new(int level, int window_log);
void compress_free(struct compress *c);
/* Begin a new zstd frame with the next put. */
void compress_reset(struct compress *c);
/* The same with another level and dictionary, for all that follows.  0 or
 * ITM_ENOMEM, then c can't be used until a begin succeeds. */
int compress_begin(struct compress *c, int level, enum compress_dictionary dictionary);
/* Append data, compressed and flushed (readable to its last byte), to b. */
int compress_put(struct compress *c, const void *data, size_t len, struct buffer *b);

struct inflate *inflate_new(void);
void inflate_free(struct inflate *i);
void inflate_reset(struct inflate *i);
/* The same, with the dictionary the frame was made with.  0 or ITM_ENOMEM. */
int inflate_begin(struct inflate *i, enum compress_dictionary dictionary);
/* Append exactly plain_len bytes to b from all of data.  Less, more, or bytes
 * left over, and a window over 2^20 (refused before memory is taken) is
 * ITM_EFORMAT; b is unchanged on failure. */
int inflate_put(struct inflate *i, const void *data, size_t len, size_t plain_len, struct buffer *b);

#endif
