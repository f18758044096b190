/* clip: a part of a session for what plays on a screen: begins with a
 * keyframe of what stood there, at time 0. */
#ifndef ITM_VIEW_CLIP_H
#define ITM_VIEW_CLIP_H

#include "base/buffer.h"
#include "store/source.h"
#include "terminal/vt.h"
#include "view/head.h"

struct clip {
	uint64_t from_ms;
	struct head head;
	struct vt *vt;               /* until it has begun */
	struct buffer frame;
	bool begun;
};

int clip_init(struct clip *x, uint64_t from_ms);   /* 0 or ITM_ENOMEM */
void clip_free(struct clip *x);
/* The session's next event, turned into the clip's.  1 = pass it on, 0 =
 * it was before; 2 = it is the first: pass on *resize and *screen before it
 * (borrowed until the next call).  ITM_E*: the screen can't be written. */
int clip_take(struct clip *x, struct source_event *event, struct source_event *resize, struct source_event *screen);

#endif
