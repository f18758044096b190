/* approved: the two-person rule for acts of custody: somebody else, whom
 * server.conf's `approvers` names, signed this very act, by this person, for
 * this reason, for today, and for once.
 *
 * The act's detail lines approval-request= and approval-signature= hold the
 * request (format/request.h) and the signature (format/minisign.h) in base64:
 * they stay in the act's text, and so in the log. */
#ifndef ITM_STORE_INGESTD_APPROVED_H
#define ITM_STORE_INGESTD_APPROVED_H

#include "format/act.h"
#include "format/removal.h"
#include "local/settings.h"
#include "store/evidence.h"

enum { APPROVED_WORDS_SIZE = 160 };

/* Between evidence_begin and its end.  0 and who approved ("" = nobody had to,
 * and nobody did); ITM_EPERM and why not; ITM_E*. */
int approved_check(struct evidence *e, const struct settings_server *settings, const struct act *act,
		   char approval[REMOVAL_TEXT_SIZE], const char **why);

#endif
