/* typescript: a session's output for scriptreplay(1), with its timing file in
 * the advanced format of script(1), util-linux 2.35 and later. */
#ifndef ITM_VIEW_TYPESCRIPT_H
#define ITM_VIEW_TYPESCRIPT_H

#include "view/sink.h"

extern const struct sink typescript_sink;

#endif
