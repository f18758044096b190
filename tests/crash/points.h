/* points: every call with which a program changes or may fail to change its
 * files, and every allocation, counted; at the chosen one the process is
 * killed or the call fails.  Takes the place of the C library's functions in
 * the program it is linked into; allocations need POINTS_LINK of
 * Makemodule.am. */
#ifndef ITM_TESTS_CRASH_POINTS_H
#define ITM_TESTS_CRASH_POINTS_H

#include <stddef.h>
#include <stdint.h>

enum points_mode {
	POINTS_COUNT,       /* do nothing */
	POINTS_BEFORE,      /* SIGKILL before the call */
	POINTS_WITHIN,      /* half of what a write writes, then SIGKILL; other calls as AFTER */
	POINTS_AFTER,       /* SIGKILL behind it */
	POINTS_FAIL,        /* the call fails with points.error */
	POINTS_FAIL_MEMORY, /* the n-th allocation fails */
};
/* Counted from 1.  mode and at are the test's; the rest is counted. */
struct points {
	enum points_mode mode;
	uint64_t at;
	int error;
	uint64_t calls, allocations;
	const char *name;   /* of the call that was hit; NULL = none was */
};
extern struct points points;
void points_start(enum points_mode mode, uint64_t at, int error);
/* A step in memory: a copy, which may be killed but can't fail. */
void points_copy(const char *name, void *to, const void *from, size_t len);

#endif
