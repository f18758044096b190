/* clock: the three clocks of the record.  Order and durations come from
 * CLOCK_BOOTTIME alone; wall time is data. */
#ifndef ITM_BASE_CLOCK_H
#define ITM_BASE_CLOCK_H

#include <stddef.h>
#include <stdint.h>

#include "base/id.h"

uint64_t clock_boot_ns(void);            /* CLOCK_BOOTTIME, ns since boot, runs in suspend */
int64_t clock_wall_ns(void);             /* CLOCK_REALTIME, ns since 1970, UTC */
struct id clock_boot_id(void);           /* /proc/sys/kernel/random/boot_id; zero id where there is none */

/* adjtimex(2): whether the kernel calls its clock synchronised, and its own
 * maximum error in microseconds. */
struct clock_state { uint8_t synchronised; uint32_t max_error_us; };
struct clock_state clock_state(void);

/* "2026-11-23T18:00:05.123Z"; out holds at least CLOCK_TEXT_SIZE bytes. */
enum { CLOCK_TEXT_SIZE = 32 };
void clock_format(int64_t wall_ns, char out[CLOCK_TEXT_SIZE]);
/* Takes "2026-11-23", "2026-11-23T18:00[:05[.123]][Z]" (UTC) or with a space
 * for the T.  0 or ITM_EFORMAT. */
int clock_parse(const char *text, int64_t *wall_ns);

#endif
