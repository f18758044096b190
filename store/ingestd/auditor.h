/* auditor: the server's side of the audit door (audit.h): takes acts of people
 * on this machine, puts them into the batch, answers when they are logged. */
#ifndef ITM_STORE_INGESTD_AUDITOR_H
#define ITM_STORE_INGESTD_AUDITOR_H

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>

#include "store/evidence.h"

enum { AUDITOR_CLIENTS_MAX = 32, AUDITOR_FDS = 1 + AUDITOR_CLIENTS_MAX };

struct auditor;
struct act;
/* Makes <run>/audit.sock for root and group itm-read; before rights are given
 * up.  Owned descriptor, or ITM_E* (said). */
int auditor_listen(const char *run);

/* What the kernel says of who asks at fd, and the time.  0 or ITM_E*. */
int auditor_sign_in(int fd, struct act *act);

/* Borrows listen_fd (-1 = no door) and the evidence. */
struct auditor *auditor_new(int listen_fd, struct evidence *evidence);
void auditor_free(struct auditor *a);
/* What to poll: up to AUDITOR_FDS entries; returns how many. */
size_t auditor_fds(struct auditor *a, struct pollfd *out);
/* Take what came.  *batch: evidence_begin was called, or is now. */
void auditor_work(struct auditor *a, const struct pollfd *fds, size_t count, bool *batch, uint64_t now_ms);
/* The batch is committed, or failed. */
void auditor_committed(struct auditor *a, bool stored);
/* A checkpoint of `size` leaves is there: answer whom it covers. */
void auditor_logged(struct auditor *a, uint64_t size, const char *checkpoint);
/* Drops clients that keep their place without asking. */
void auditor_tick(struct auditor *a, uint64_t now_ms);

#endif
