/* ttyrec: a session's output for ttyplay(1): before each piece its time and
 * length (seconds, microseconds, bytes, each u32 little-endian). */
#ifndef ITM_VIEW_TTYREC_H
#define ITM_VIEW_TTYREC_H

#include "view/sink.h"

extern const struct sink ttyrec_sink;

#endif
