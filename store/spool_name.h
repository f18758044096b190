/* spool_name: the names of segment files. */
#ifndef ITM_STORE_SPOOL_NAME_H
#define ITM_STORE_SPOOL_NAME_H

#include <stdint.h>

enum { SPOOL_NAME_SIZE = 4 + 16 + 4 + 1 };

void spool_name_format(uint64_t number, char out[SPOOL_NAME_SIZE]);   /* seg-<16 hex digits>.itm */
/* 0 or ITM_EFORMAT: not exactly such a name, or number 0. */
int spool_name_parse(const char *name, uint64_t *number);

#endif
