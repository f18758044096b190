/* transcript: what was on the screen as plain text, with the wall clock time of each line. */
#ifndef ITM_VIEW_TRANSCRIPT_H
#define ITM_VIEW_TRANSCRIPT_H

#include "view/sink.h"

extern const struct sink transcript_sink;

#endif
