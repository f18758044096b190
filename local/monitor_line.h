/* monitor_line: what the process monitor says to the broker: one message at
 * its start, one byte, with the map that ties processes to sessions. */
#ifndef ITM_LOCAL_MONITOR_LINE_H
#define ITM_LOCAL_MONITOR_LINE_H

#define MONITOR_LINE "monitor" /* key of the pair; the broker is its target */
enum { MONITOR_LINE_MAX = 16 };

#endif
