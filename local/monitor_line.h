/* monitor_line: between the process monitor and the broker.  The monitor speaks
 * first, one byte: "m" with the kernel's map that ties processes to sessions,
 * or "p": there is none, say yourself which process begins which session.  Then
 * the broker tells each session that runs, that these were all, and each that
 * begins. */
#ifndef ITM_LOCAL_MONITOR_LINE_H
#define ITM_LOCAL_MONITOR_LINE_H

#include <stddef.h>
#include <stdint.h>

#include "base/id.h"

#define MONITOR_LINE "monitor" /* key of the pair; the broker is its target */
enum { MONITOR_LINE_MAX = 64 };

enum monitor_line_kind { MONITOR_LINE_MAP = 'm', MONITOR_LINE_PLEASE = 'p', MONITOR_LINE_SESSION = 's', MONITOR_LINE_ALL = 'a' };

struct monitor_line {
	uint8_t kind;            /* enum monitor_line_kind; only of SESSION: */
	uint32_t pid;
	uint64_t start_ticks;    /* clock ticks since boot, as /proc has them */
	struct id session;
};

/* Bytes of it. */
size_t monitor_line_encode(const struct monitor_line *m, uint8_t out[MONITOR_LINE_MAX]);
/* 0 or ITM_EFORMAT. */
int monitor_line_decode(const void *data, size_t len, struct monitor_line *out);

#endif
