/* checkpoint: the central log's signed word on how many leaves it has and what
 * they hash to (C2SP tlog-checkpoint): a signed note of three lines, origin,
 * size, base64 of the root. */
#ifndef ITM_FORMAT_CHECKPOINT_H
#define ITM_FORMAT_CHECKPOINT_H

#include "base/hash.h"
#include "base/id.h"
#include "format/note.h"

struct checkpoint {
	char origin[NOTE_NAME_SIZE]; /* the log's name, and that of its key */
	uint64_t size;
	uint8_t root[HASH_SIZE];
};

/* "itm/<server id>" */
void checkpoint_origin(const struct id *server, char out[NOTE_NAME_SIZE]);
/* The whole note, signed by the log. */
int checkpoint_put(struct buffer *b, const struct checkpoint *c, const struct sign_key *log_key);
/* Decode the text alone; extension lines are refused. */
int checkpoint_decode(const char *text, size_t len, struct checkpoint *out, struct fault *fault);
/* Decode a note and check the log's signature.  note may be NULL.  0;
 * ITM_ECRYPTO not signed by this key; ITM_EFORMAT ... */
int checkpoint_open(const void *data, size_t len, const uint8_t log_key[SIGN_PUBLIC_SIZE], struct checkpoint *out,
		    struct note *note, struct fault *fault);

#endif
