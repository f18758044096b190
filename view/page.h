/* page: a session as one HTML file that plays itself, without a network.  It
 * holds screens, drawn by our emulator, as data; nothing recorded is markup. */
#ifndef ITM_VIEW_PAGE_H
#define ITM_VIEW_PAGE_H

#include "view/sink.h"

extern const struct sink page_sink;

#endif
