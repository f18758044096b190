/* approval: the two-person rule of server.conf: whoever opens keystrokes
 * writes a request, somebody else signs it (itm approve), and the opening is
 * checked against it.
 *
 * A request is text: "itm open request 1", then session, keys (ids), uid,
 * until (seconds since 1970), reason, one a line.  Its signature beside it is
 * minisign's, by a key that server.conf's `approvers` file names. */
#ifndef ITM_VIEW_APPROVAL_H
#define ITM_VIEW_APPROVAL_H

#include "base/id.h"
#include "format/keyfile.h"
#include "local/settings.h"

enum { APPROVAL_LINE_SIZE = 600, APPROVAL_REASON_SIZE = 512, APPROVAL_DAY_S = 86400, APPROVAL_MAX = 4096 };

struct approval_request {
	char session[ID_TEXT_SIZE], reason[APPROVAL_REASON_SIZE];
	char keys[8 * KEYFILE_ID_TEXT_SIZE + 1]; /* ids with commas */
	unsigned long uid;                /* who asks */
	long long until;                  /* the request is good until then */
	char auditors[8 * 33];            /* whose keys these are; not written into the request */
	char approved[APPROVAL_LINE_SIZE];/* who approved, and the request's hash; "" = nobody had to */
};

/* 0, or an exit status, said in words; here and below. */
int approval_begin(const char *program, struct approval_request *r, const struct id *stream, const char *reason);
void approval_add_key(struct approval_request *r, const uint8_t id[KEYFILE_ID_SIZE]);
/* Where policy asks for no second person: 0.  Otherwise path must hold this
 * request, signed; with path NULL the request is written to a file and the
 * person told what to do. */
int approval_check(const char *program, const struct settings_server *settings, const char *path,
		   struct approval_request *r);
/* A request's text, with a NUL after len bytes.  0 or ITM_EFORMAT. */
int approval_decode(const char *text, size_t len, struct approval_request *out);
/* The second person's side: shows what is asked, signs it (path.minisig). */
int approval_sign(const char *program, const char *path, const struct keyfile_secret *key);

#endif
