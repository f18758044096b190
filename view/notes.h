/* notes: what the notes of a host's own stream say, for those who show them.
 * Values come from a recorded host: escape words before printing. */
#ifndef ITM_VIEW_NOTES_H
#define ITM_VIEW_NOTES_H

#include <stddef.h>

#include "base/buffer.h"
#include "base/json.h"
#include "format/record.h"
#include "store/index.h"

/* The rest of an event in words, without time, kind and user; cut at size. */
void notes_words(const struct index_event *e, char *out, size_t size);
/* Every key of a note's text as an object; a key said twice is an array. */
void notes_json(struct json *j, const struct index_event *e);
/* "login-opened john: service sshd, ...", escaped, appended to out.  0, the
 * error of out, or ITM_ENOENT: the note is about something else. */
int notes_line(const struct record_event *note, int64_t wall_ns, struct buffer *out);

#endif
