/* asciicast: asciicast v2 (docs.asciinema.org/manual/asciicast/v2), for asciinema and its players. */
#ifndef ITM_VIEW_ASCIICAST_H
#define ITM_VIEW_ASCIICAST_H

#include "view/sink.h"

extern const struct sink asciicast_sink;

#endif
