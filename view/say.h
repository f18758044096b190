/* say: what a command tells the person who called it, on stderr: one line,
 * with nothing in it that could act on their terminal. */
#ifndef ITM_VIEW_SAY_H
#define ITM_VIEW_SAY_H

/* "program: words\n"; control bytes and broken UTF-8 in it are escaped. */
void say_error(const char *program, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The exit status of sysexits.h for one of our error numbers. */
int say_status(int code);

/* Flush stdout; returns status, or EX_IOERR with words when what was printed
 * did not get out. */
int say_finish(const char *program, int status);

#endif
