/* custodian: the server's side of `itm redact`, `itm delete` and `itm hold`,
 * and of retention: the acts that take stored content away or keep it from
 * being taken.  Each is a leaf of the log in the same commit as its effect.
 *
 * <run>/custody.sock (root 0600, or root:custody_group 0660) speaks as
 * audit.sock (store/audit.h).  Verbs and detail lines:
 *   redact   subject session; section=out,in,meta; from=NS, to=NS (wall clock)
 *   delete   subject session
 *   hold     subject session id, account or host id; kind=session, user or host
 *   release  subject number of the hold
 *   destroy-key  subject id of an auditor's key; key=WORD (keyfile.h): refused while any hold stands
 * and with redact, delete, release and destroy-key the approval (approved.h).  A reason is always needed. */
#ifndef ITM_STORE_INGESTD_CUSTODIAN_H
#define ITM_STORE_INGESTD_CUSTODIAN_H

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>

#include "format/act.h"
#include "format/sign.h"
#include "local/settings.h"
#include "store/evidence.h"

enum { CUSTODIAN_CLIENTS_MAX = 8, CUSTODIAN_FDS = 1 + CUSTODIAN_CLIENTS_MAX, CUSTODIAN_WORDS = 600 };

struct custodian;
/* Makes the socket; before rights are given up.  Owned, or ITM_E* (said). */
int custodian_listen(const struct settings_server *settings);

/* Borrows all of it.  listen_fd -1 = no door. */
struct custodian *custodian_new(int listen_fd, struct evidence *evidence, const struct sign_key *log_key,
				const struct settings_server *settings);
void custodian_free(struct custodian *c);
size_t custodian_fds(struct custodian *c, struct pollfd *out);
/* Outside any batch. */
void custodian_work(struct custodian *c, const struct pollfd *fds, size_t count, uint64_t now_ms);
/* Old files, retention, clients that don't ask.  wall_ns: the time sessions
 * are old by. */
void custodian_tick(struct custodian *c, uint64_t now_ms, int64_t wall_ns);

/* Do one act whose who and when are filled in.  0, or ITM_E*; words say what
 * was done, or why not. */
int custodian_act(struct custodian *c, const struct act *act, uint64_t *leaf, char words[CUSTODIAN_WORDS]);

#endif
