/* when: points in time as people write them: an offset into a session, or a
 * wall clock time (UTC). */
#ifndef ITM_VIEW_WHEN_H
#define ITM_VIEW_WHEN_H

#include <stdint.h>

enum { WHEN_TEXT_SIZE = 32 }; /* bytes, with the NUL */

/* "90", "90.5", "1:30", "2:01:30", "1h2m30s", "500ms".  0 or ITM_EFORMAT. */
int when_parse_offset(const char *text, uint64_t *ms);

/* An offset, or a wall clock time as clock_parse takes it, turned into ms
 * since start_wall_ns (a time before the start is 0).  0 or ITM_EFORMAT. */
int when_parse(const char *text, int64_t start_wall_ns, uint64_t *ms);

/* "1:02:03" */
void when_format_offset(uint64_t ms, char out[WHEN_TEXT_SIZE]);
/* "2026-11-23 18:00:05", UTC */
void when_format_wall(int64_t wall_ns, char out[WHEN_TEXT_SIZE]);

#endif
