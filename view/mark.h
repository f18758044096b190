/* mark: the events of a session that players show as markers (markers,
 * files, signals, losses), in words. */
#ifndef ITM_VIEW_MARK_H
#define ITM_VIEW_MARK_H

#include "base/buffer.h"
#include "store/source.h"

/* Appends escaped words.  0; ITM_ENOENT: the event is no marker; or the error
 * of out. */
int mark_put(const struct source_event *event, struct buffer *out);

#endif
