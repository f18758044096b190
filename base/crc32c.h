/* crc32c: the Castagnoli CRC of RFC 3720 appendix B.4, by SSE4.2 where the
 * processor has it. */
#ifndef ITM_BASE_CRC32C_H
#define ITM_BASE_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* Start with crc = 0; chain calls by passing the previous result. */
uint32_t crc32c_update(uint32_t crc, const void *data, size_t len);

#endif
