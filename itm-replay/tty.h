/* tty: the viewer's terminal: raw mode and back, its size, and the signals that
 * have to do with it. */
#ifndef ITM_REPLAY_TTY_H
#define ITM_REPLAY_TTY_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <termios.h>

struct tty { struct termios saved; };

/* Raw, on the other screen; standard input and output.  0 or ITM_ESYS. */
int tty_enter(struct tty *t);
void tty_leave(struct tty *t);
int tty_write(const void *data, size_t len);           /* 0 or ITM_ESYS */
void tty_size(unsigned *columns, unsigned *rows);      /* 80x24 when it has none */

/* Signals come in ppoll with the mask `outside` alone. */
void tty_signals(sigset_t *outside);
int tty_signal(void);       /* that asks us to end; 0 = none */
bool tty_resized(void);     /* since the last call, or we were stopped */

#endif
