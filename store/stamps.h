/* stamps: time stamps of RFC 3161 beside the central log, below its folder
 * stamps: <size>.checkpoint is the note that was stamped, as it was then, and
 * <size>.tsr the authority's response; `pending` a note that was sent. */
#ifndef ITM_STORE_STAMPS_H
#define ITM_STORE_STAMPS_H

#include <stdint.h>

#include "base/buffer.h"

enum { STAMPS_PATH_SIZE = 4200, STAMPS_RESPONSE_MAX = 65536 /* bytes */ };

/* dir: the folder itself. */
void stamps_path(const char *dir, uint64_t size, const char *ending, char out[STAMPS_PATH_SIZE]);
/* Note and response, each born with its maximum.  0, ITM_ENOENT ... */
int stamps_read(const char *dir, uint64_t size, struct buffer *note, struct buffer *response);
/* The smallest stamped size above this one; the largest below.  0 = none. */
uint64_t stamps_above(const char *dir, uint64_t size);
uint64_t stamps_below(const char *dir, uint64_t size);
/* Remember what is sent; 0 or ITM_E*. */
int stamps_send(const char *dir, const struct buffer *note);
/* A response that was checked, on a note that has this size.  Durable. */
int stamps_keep(const char *dir, uint64_t size, const struct buffer *note, const struct buffer *response);

#endif
