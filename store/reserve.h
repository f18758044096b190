/* reserve: a file that only takes room, to be given back when a filesystem is
 * full.  Called `reserve` in its folder. */
#ifndef ITM_STORE_RESERVE_H
#define ITM_STORE_RESERVE_H

#include <stdbool.h>
#include <stdint.h>

/* A whole one of at least this size is there; a smaller one is removed. */
bool reserve_there(int dir, uint64_t bytes);
/* 0 or ITM_ESYS: then nothing is taken. */
int reserve_make(int dir, uint64_t bytes);
int reserve_release(int dir);
/* Bytes that the folder's filesystem has for who is not root; 0 when it is
 * mounted read-only.  0 or ITM_ESYS. */
int reserve_room(int dir, uint64_t *bytes);

#endif
