/* act: what a person did with the record (export, opening, hold, redaction,
 * deletion, key list, policy): readable lines, whose SHA-256 is a leaf of the
 * central log.
 *
 *   ITM act 1
 *   time 2026-11-23T21:22:16.123456789Z     the server's clock
 *   uid 1000                                kernel's word on who asked
 *   login 1000                              the account that logged in (audit loginuid); left out when unknown
 *   verb export
 *   subject 7VDPY4QDPBZME66GXSQP2ARS9M      a session or host id, or any words
 *   reason why it was done
 *   detail one line, any number of times
 *
 * One form only: what decodes encodes to the same bytes. */
#ifndef ITM_FORMAT_ACT_H
#define ITM_FORMAT_ACT_H

#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"

enum {
	ACT_VERB_SIZE = 32, ACT_SUBJECT_SIZE = 256, ACT_REASON_SIZE = 1024, ACT_DETAIL_SIZE = 16384,
	ACT_TEXT_MAX = 20480,        /* bytes of the whole record */
};
#define ACT_NO_LOGIN UINT32_MAX
#define ACT_ALERT "alert"        /* verb: nobody's act, the server noticed something (alert.h); subject: the host */

struct act {
	int64_t wall_ns;             /* 1970 to 9999 */
	uint32_t uid, login;         /* login: ACT_NO_LOGIN = unknown */
	char verb[ACT_VERB_SIZE];    /* a lower-case word */
	char subject[ACT_SUBJECT_SIZE], reason[ACT_REASON_SIZE]; /* "" = none */
	char detail[ACT_DETAIL_SIZE]; /* lines, each ended by \n */
};

/* 0; ITM_EINVAL for a verb that is no word or a control character in a text. */
int act_encode(struct buffer *b, const struct act *a);
int act_decode(const void *data, size_t len, struct act *out, struct fault *fault);
/* Append a detail line; control characters become spaces.  0 or ITM_ELIMIT. */
int act_detail(struct act *a, const char *line);

#endif
