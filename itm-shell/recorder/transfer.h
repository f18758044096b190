/* transfer: file transfers in a command without a terminal, told file by file.
 *
 * What passes is followed from its first byte when it begins as scp or SFTP
 * does; what is found is told only once the broker has named the program that
 * the kernel runs, and only for a program that speaks that protocol.  The
 * command's words count for nothing.  A user who speaks the protocol from a
 * program of his own and then starts the real one can add lines; a protocol
 * that can't be followed is told too.  A program that is over before the
 * broker has looked is not named: after other output, with a client that
 * waits for nothing, that takes a few ms; the streams are recorded and hashed
 * like any command's then. */
#ifndef ITM_SHELL_RECORDER_TRANSFER_H
#define ITM_SHELL_RECORDER_TRANSFER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"
#include "local/message.h"

enum { TRANSFER_NOTE_MAX = 16 * 1024 }; /* bytes of one note: names escaped up to 4 times as long */

struct transfer;

struct transfer *transfer_new(void); /* owned, NULL when out of memory */
void transfer_free(struct transfer *t);

/* Bytes of stdin (0) or stdout (1), in the order they passed. */
void transfer_put(struct transfer *t, unsigned stream, const void *data, size_t len);
/* The broker's word: which program has our pipes.  OTHER is asked again. */
void transfer_program(struct transfer *t, enum message_program program, const char *path);
/* No more bytes. */
void transfer_end(struct transfer *t);

/* A transfer program was named. */
bool transfer_known(const struct transfer *t);
/* It may be one, and nobody has said so yet. */
bool transfer_likely(const struct transfer *t);
/* Each file's bytes are hashed here: the whole stream need not be. */
bool transfer_followed(const struct transfer *t);

/* The next note to record, into *note (cleared first; text of meta.h).  False:
 * none now. */
bool transfer_note(struct transfer *t, struct buffer *note);

#endif
