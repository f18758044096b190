/* custody: how a command asks itm-ingestd for an act of custody (redact,
 * delete, hold, release; store/ingestd/custodian.h has the words). */
#ifndef ITM_STORE_CUSTODY_H
#define ITM_STORE_CUSTODY_H

#include "store/audit.h"

enum { CUSTODY_WAIT_MS = 600 * 1000 }; /* segments are written anew */

void custody_path(const char *run, char out[AUDIT_PATH_SIZE]);
/* act: who and when are the server's to say.  As audit_act; out->checkpoint is what the server says it did. */
int custody_ask(const char *run, const struct act *act, struct audit_answer *out, char words[AUDIT_ERROR_SIZE]);

#endif
