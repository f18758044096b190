/* evidence_hold: legal holds: while one stands, nothing of the sessions it
 * covers may be redacted, deleted or removed by retention. */
#ifndef ITM_STORE_EVIDENCE_HOLD_H
#define ITM_STORE_EVIDENCE_HOLD_H

#include "store/evidence.h"

enum evidence_hold_kind { EVIDENCE_HOLD_SESSION = 1, EVIDENCE_HOLD_USER = 2, EVIDENCE_HOLD_HOST = 3 };
enum { EVIDENCE_HOLD_VALUE_SIZE = 256 };

struct evidence_hold {
	uint64_t number;               /* from 1 */
	enum evidence_hold_kind kind;
	const char *value;             /* session or host: its id as text; user: the account's name */
	const char *who, *reason;
	int64_t wall_ns, ended_wall_ns;        /* ended 0 = stands */
	const char *ended_who, *ended_reason;
};

/* Writers, in a batch or outside.  set: 0 and *number, also when the same
 * hold stands already.  end: ITM_ENOENT when no such hold stands. */
int evidence_hold_set(struct evidence *e, enum evidence_hold_kind kind, const char *value, const char *who,
		      const char *reason, int64_t wall_ns, uint64_t *number);
int evidence_hold_end(struct evidence *e, uint64_t number, const char *who, const char *reason, int64_t wall_ns);
/* All that stand, and with ended those that stood. */
int evidence_hold_list(struct evidence *e, bool ended, int (*each)(void *context, const struct evidence_hold *h), void *context);
/* The number of a hold that covers the session: 1, *number; 0 = none; ITM_E*.
 * By account: its own sessions, and those of the same login under another
 * name.  A session whose account cannot be told is covered by any hold on an
 * account. */
int evidence_hold_covers(struct evidence *e, const struct id *stream, uint64_t *number);

#endif
