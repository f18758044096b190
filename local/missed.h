/* missed: what pam_itm writes down when nobody answered it: a login that went
 * on unrecorded, or was refused, while there was no broker to tell.  One file
 * a login in a folder that is root's alone; the broker takes them over into
 * the record and deletes them.
 *
 * File: "ITMM", u8 version 1, u8 what, u16 0, i64 wall_ns, u16 length and
 * bytes of the reason, then the announcement as in message.h. */
#ifndef ITM_LOCAL_MISSED_H
#define ITM_LOCAL_MISSED_H

#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "local/message.h"

enum {
	MISSED_MAX = 1000,       /* files; what comes later leaves only MISSED_MORE */
	MISSED_SIZE_MAX = 8192,  /* bytes of one file */
	MISSED_NAME_SIZE = 64,
};
#define MISSED_MORE "more"       /* empty file: there were more than MISSED_MAX */

enum missed_what { MISSED_UNRECORDED = 1, MISSED_REFUSED = 2 };

struct missed {
	enum missed_what what;
	int64_t wall_ns;
	char reason[128];
	struct message_login login;
};

/* 0, ITM_ELIMIT, ITM_ENOMEM. */
int missed_encode(struct buffer *b, const struct missed *m);
/* 0 or ITM_E* and fault; *out is untouched then. */
int missed_decode(const void *data, size_t len, struct missed *out, struct fault *fault);

/* The folder, made when missing; only if it is this user's own and nobody
 * else may enter.  An owned descriptor, or ITM_ESYS, ITM_EPERM. */
int missed_open(const char *dir);
/* Writes a whole file or none.  Waits for no disk: a power cut in the next
 * seconds may take the note with it.  0, ITM_ELIMIT (the folder is full),
 * ITM_E*. */
int missed_leave(const char *dir, const struct missed *m);
/* Names of up to max files in the folder.  Their count, or ITM_ESYS. */
int missed_list(int dir, char (*names)[MISSED_NAME_SIZE], int max);
/* One of them.  0; ITM_ENOENT; ITM_EPERM: not a plain file of ours; other
 * ITM_E*: its content can't be believed. */
int missed_read(int dir, const char *name, struct missed *out);

#endif
