/* patience: how long the broker may keep us waiting, measured by our own
 * wake-ups: time in which we did not run is not its silence. */
#ifndef ITM_SHELL_STUB_PATIENCE_H
#define ITM_SHELL_STUB_PATIENCE_H

struct patience { int left_ms; };

/* Until sock has something to read or is closed.  0, or ITM_ETIMEOUT: there
 * is nothing even after a last look.  A wait that lasted far longer than asked
 * for means that we were stopped and takes off no more than what was asked:
 * left_ms can't be used up from outside, and ends all the same. */
int patience_wait(struct patience *p, int sock);

#endif
