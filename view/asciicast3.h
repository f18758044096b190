/* asciicast3: a session as asciicast version 3
 * (docs.asciinema.org/manual/asciicast/v3). */
#ifndef ITM_VIEW_ASCIICAST3_H
#define ITM_VIEW_ASCIICAST3_H

#include "view/sink.h"

extern const struct sink asciicast3_sink;

#endif
