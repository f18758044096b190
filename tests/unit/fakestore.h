/* fakestore: a store in a folder of its own, filled by one made-up host: for
 * tests of what reads the store. */
#ifndef ITM_TESTS_UNIT_FAKESTORE_H
#define ITM_TESTS_UNIT_FAKESTORE_H

#include "format/record.h"
#include "store/evidence.h"

struct fakestore {
	char dir[64];                    /* below it: store, index */
	char store[80], index[80];
	struct evidence *evidence;       /* open for writing */
	struct id host, server;
	struct sign_key identity, key, log;
	uint64_t sequence;
	uint8_t head[HASH_SIZE];
};

/* One session: events are gathered, then sent as a frame of the tail or sealed
 * as a chunk. */
struct fakesession {
	struct id id;
	struct chunk_writer *writer;
	struct record_columns columns;
	struct buffer run;
	uint64_t run_last_ms, start_ms, frame, sealed_frame;
};

void fakestore_open(struct fakestore *f);
void fakestore_close(struct fakestore *f);      /* and remove the folder */

/* start_ms: since boot.  mode "pty" or "pipe". */
void fakestore_session(struct fakesession *s, uint64_t start_ms, const char *user, const char *mode);
void fakestore_session_free(struct fakesession *s);
/* An event at_ms after the session's start. */
void fakestore_event(struct fakesession *s, uint64_t at_ms, enum record_kind kind, uint64_t code, const char *data);
void fakestore_out(struct fakesession *s, uint64_t at_ms, const char *text);
/* What was gathered since the last frame, into the tail. */
void fakestore_frame(struct fakestore *f, struct fakesession *s);
/* What was gathered since the last chunk, as a chunk in a block. */
void fakestore_chunk(struct fakestore *f, struct fakesession *s, uint16_t flags);

#endif
