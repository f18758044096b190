/* intake: judges one group from a host and puts it into the store: layout,
 * hashes, signature, chain.  Knows nothing of connections. */
#ifndef ITM_STORE_INGESTD_INTAKE_H
#define ITM_STORE_INGESTD_INTAKE_H

#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"
#include "format/sign.h"
#include "net/forward.h"
#include "store/evidence.h"
#include "store/ingestd/answers.h"

struct intake;
/* Borrows evidence.  Owned. */
struct intake *intake_new(struct evidence *e);
void intake_free(struct intake *in);

/* What was wrong, for the host and for the log. */
struct intake_refusal { enum forward_error_code code; char text[200]; };

/* The payload of FORWARD_GROUP from host.  0: stored (or stored before), and
 * the block to be answered for is added to
 * answers: the log answers after evidence_commit.  ITM_EPERM: refused,
 * drop the peer; other ITM_E*: our own trouble, the host may send it again. */
int intake_group(struct intake *in, const struct id *host, const void *data, size_t len, struct answers *answers,
		 struct intake_refusal *refusal);
/* The block that the last intake_group stored; NULL: it was there, or refused. */
const struct block *intake_stored(const struct intake *in);
/* The payload of FORWARD_TAIL.  0 or ITM_EPERM. */
int intake_tail(struct intake *in, const struct id *host, const void *data, size_t len, struct intake_refusal *refusal);
/* Forget what was learnt from groups whose commit failed. */
void intake_forget(struct intake *in);

#endif
