/* request: what somebody asks a second person to approve: an act of his that
 * is not done yet, as text that the second person signs (minisign.h):
 *
 *   ITM request 1
 *   ITM act 1              the act (act.h), by whom, on what, why; its time is
 *   time ...               until when it may be done
 *   ...
 *
 * One form only.  Of the act that is then done, the detail lines approval-...
 * hold the approval itself and are no part of what was asked. */
#ifndef ITM_FORMAT_REQUEST_H
#define ITM_FORMAT_REQUEST_H

#include <stdbool.h>

#include "format/act.h"

enum { REQUEST_MAX = 4096 /* bytes */, REQUEST_DAY_S = 86400 /* no longer may one be good */ };

/* 0; ITM_EINVAL as act_encode, ITM_ELIMIT. */
int request_encode(struct buffer *b, const struct act *asked);
int request_decode(const void *data, size_t len, struct act *out, struct fault *fault);
/* Why the request does not cover the act, which is done at act->wall_ns; NULL =
 * it does. */
const char *request_difference(const struct act *asked, const struct act *act);
/* What a detail line of the act holds in base64: REQUEST_LINE, REQUEST_SIGNATURE.
 * 0; ITM_ENOENT there is no such line; ITM_EFORMAT, ITM_ELIMIT. */
#define REQUEST_LINE "approval-request="
#define REQUEST_SIGNATURE "approval-signature="
int request_attached(const struct act *act, const char *line, uint8_t *out, size_t size, size_t *len);
/* Did he ask who has this account, or logged in as this? */
bool request_is_by(const struct act *asked, uint32_t uid, uint32_t login);

#endif
