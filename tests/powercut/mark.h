/* mark: writes into the log of the disk (disk.c) what was acknowledged. */
#ifndef ITM_TESTS_POWERCUT_MARK_H
#define ITM_TESTS_POWERCUT_MARK_H

/* The log's descriptor; -1 when there is no such file. */
int mark_open(const char *log);
/* One entry; ends the program when it cannot be written. */
void mark(int fd, const char *text);

#endif
