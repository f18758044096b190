/* atomicfile: files that are whole or not there: written beside, fsynced,
 * renamed in, directory fsynced. */
#ifndef ITM_BASE_ATOMICFILE_H
#define ITM_BASE_ATOMICFILE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buffer.h"

/* 0 or ITM_ESYS.  mode is set before the rename, whatever the umask. */
int atomicfile_write(const char *path, const void *data, size_t len, mode_t mode);
/* As write, without the fsyncs: for status files in /run. */
int atomicfile_publish(const char *path, const void *data, size_t len, mode_t mode);
/* Whole file into b (appended; b's max is the limit).  0, ITM_ENOENT,
 * ITM_ELIMIT, ITM_ESYS.  O_NOFOLLOW. */
int atomicfile_read(const char *path, struct buffer *b);
/* fsync a directory by name. */
int atomicfile_sync_dir(const char *path);
/* mkdir with mode if it is missing; 0 also when it is there already. */
int atomicfile_mkdir(const char *path, mode_t mode);

#endif
