/* events: a session's events as JSON lines. */
#ifndef ITM_VIEW_EVENTS_H
#define ITM_VIEW_EVENTS_H

#include "view/sink.h"

extern const struct sink events_sink;

#endif
