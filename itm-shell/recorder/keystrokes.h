/* keystrokes: what is typed, encrypted on its way into the recording, for the
 * auditors that the session's metadata name; without such only counted.
 *
 * A key serves 5 s from the first byte it encrypts; then it is replaced by
 * its hash, so that nobody who takes this process over reads what was typed
 * before. */
#ifndef ITM_SHELL_RECORDER_KEYSTROKES_H
#define ITM_SHELL_RECORDER_KEYSTROKES_H

#include "format/seal.h"
#include "local/recording.h"

struct keystrokes;

/* Before rights are given up: takes locked memory, and adds to meta how
 * keystrokes are kept and, when they are, the boxes.  Owned; NULL: counted. */
struct keystrokes *keystrokes_open(struct buffer *meta, const struct id *stream);
/* Wipes the key.  Later calls only count. */
void keystrokes_close(struct keystrokes *k);

/* k may be NULL here and below. */
void keystrokes_typed(struct keystrokes *k, struct recording *r, uint64_t now_ns, const uint8_t *data, size_t len);
/* Replaces a key whose time is over. */
void keystrokes_tick(struct keystrokes *k, uint64_t now_ns);
/* Boot time in ns when tick has something to do, 0 = never. */
uint64_t keystrokes_due_ns(const struct keystrokes *k);

#endif
