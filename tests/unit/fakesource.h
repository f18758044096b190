/* fakesource: a session made of a table, in the place of store/source.h. */
#ifndef ITM_TESTS_FAKESOURCE_H
#define ITM_TESTS_FAKESOURCE_H

#include <stdbool.h>
#include <stddef.h>

#include "store/source.h"

struct fakesource_event {
	uint64_t time_ms;
	enum record_kind kind;
	uint64_t code;          /* for kinds without bytes */
	const char *data;       /* NULL = no bytes */
	size_t len;             /* 0 = strlen(data) */
	int error;              /* not 0: source_next returns this once instead */
};

/* 2026-11-23T18:00:00Z */
#define FAKESOURCE_START INT64_C(1795456800000000000)

/* count events are there; more can be made visible later. */
struct source *fakesource_new(const struct fakesource_event *events, size_t count, bool ended);
void fakesource_show(struct source *s, size_t count, bool ended);

/* A login on a terminal full of hostile output, a command without one, and a
 * second of what programs draw. */
extern const struct fakesource_event fakesource_login[], fakesource_pipe[], fakesource_drawn[];
extern const size_t fakesource_login_count, fakesource_pipe_count, fakesource_drawn_count;

#endif
