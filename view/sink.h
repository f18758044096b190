/* sink: a way to write a session out, event by event: the door of all formats. */
#ifndef ITM_VIEW_SINK_H
#define ITM_VIEW_SINK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "store/source.h"

struct sink {
	const char *name;
	const char *summary;
	/* Owned; NULL out of memory.  raw: give out bytes as recorded, also
	 * those that act on a viewer's terminal (where the format holds bytes). */
	void *(*open)(bool raw);
	void (*close)(void *state);
	/* Append what the event adds.  0 or the error of out. */
	int (*event)(void *state, const struct source_event *event, struct buffer *out);
	/* The record is broken here, in words. */
	int (*broken)(void *state, const char *words, struct buffer *out);
	int (*end)(void *state, struct buffer *out);
	/* Plays on a screen: a part of a session begins with what stood on it then,
	 * and at time 0. */
	bool plays;
	/* Of formats that are two files, else NULL: what the second one's name has
	 * more, and what is to be written into it.  Borrowed; cleared when written. */
	const char *suffix;
	struct buffer *(*second)(void *state);
};

/* By name; NULL when there is none.  sink_at(0), (1), … walk them. */
const struct sink *sink_find(const char *name);
const struct sink *sink_at(unsigned n);

struct sink_run {
	const struct sink *sink;
	struct source *source;
	int fd;                  /* written to, stays the caller's */
	int second_fd;           /* the same, where sink->second is */
	bool raw;
	bool follow;             /* wait for more until the session ends */
	uint64_t from_ms, to_ms; /* only events of this time; to 0 = all.  Metadata always passes.
	                          * Where the sink plays, from is moved on while a sequence is under way. */
	uint64_t broken;         /* out: places where the record could not be read */
	uint64_t events;         /* out */
};
/* Everything of the source through the sink.  0, ITM_ENOMEM, ITM_ELIMIT, or
 * ITM_ESYS (errno of write).  Follow ends when *stop (may be NULL) is set. */
int sink_run(struct sink_run *run, const volatile int *stop);

/* What a person calls a time of the session (when_parse), in ms since its
 * start.  Rewinds the source.  0, or ITM_E*. */
int sink_when(struct source *source, const char *text, uint64_t *ms);

#endif
