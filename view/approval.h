/* approval: the two-person rule, as a command keeps it: whoever asks for an
 * act that needs a second person gets a request written (format/request.h),
 * somebody else signs it (itm approve), and the act is done with both.
 * Openings of keystrokes are checked here; of acts of custody itm-ingestd
 * believes nobody but the signature. */
#ifndef ITM_VIEW_APPROVAL_H
#define ITM_VIEW_APPROVAL_H

#include "format/keyfile.h"
#include "format/request.h"
#include "local/settings.h"

enum { APPROVAL_LINE_SIZE = 600 };

/* What this person asks for now; the caller adds detail lines.  0, or an exit
 * status, said in words; here and below. */
int approval_begin(const char *program, struct act *asked, const char *verb, const char *subject, const char *reason);
/* Openings.  Where policy asks for no second person: 0.  Otherwise path must
 * hold this request, signed, by none of the auditors (names with commas); with
 * path NULL the request is written to a file and the person told what to do.
 * approved: who, and the request's hash; "" = nobody had to. */
int approval_check(const char *program, const struct settings_server *settings, const char *path, const char *auditors,
		   const struct act *asked, char approved[APPROVAL_LINE_SIZE]);
/* Acts of custody: the approval as detail lines of the act, for the server to
 * check; with path NULL likewise a request where the act needs one. */
int approval_attach(const char *program, const struct settings_server *settings, const char *path, struct act *asked);
/* The second person's side: shows what is asked, signs it (path.minisig). */
int approval_sign(const char *program, const char *path, const struct keyfile_secret *key);

#endif
