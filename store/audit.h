/* audit: the door by which a command tells itm-ingestd of a person's act
 * (export, opening, hold, redaction, deletion, key list, policy) and waits
 * until it is a leaf of the central log.  Call it before the act has its
 * effect: what could not be logged must not be done.
 *
 * One SEQPACKET message each way on <run>/audit.sock (root:itm-read 0660): the
 * act's text with time and uid zero; back come
 *   u32 0 or the number of an ITM_E*, u64 leaf, then text: the checkpoint that
 *   holds the leaf, or words about the failure.
 * Who asked is the kernel's word on the peer, not the caller's. */
#ifndef ITM_STORE_AUDIT_H
#define ITM_STORE_AUDIT_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buffer.h"
#include "base/error.h"
#include "format/act.h"

enum {
	AUDIT_WAIT_MS = 15000,       /* a leaf needs a checkpoint: one a second */
	AUDIT_ERROR_SIZE = 512,
	AUDIT_ANSWER_MAX = 16384,
};

struct audit_answer {
	uint64_t leaf;               /* its number in the log */
	char checkpoint[4096];       /* signed note; "" when it did not fit */
};

/* run: settings_server.run.  detail: NULL-ended, may be NULL.  out may be NULL.
 * 0; ITM_ENOENT no server is running here, ITM_EPERM this user may not,
 * ITM_ETIMEOUT, ITM_EINVAL ...; words then says what and what to do. */
int audit_act(const char *run, const char *verb, const char *subject, const char *reason, const char *const *detail,
	      struct audit_answer *out, char words[AUDIT_ERROR_SIZE]);

/* The same at another door that speaks like this one; checkpoint is then the
 * server's words. */
int audit_send(const char *path, uint64_t wait_ms, const struct act *act, struct audit_answer *out,
	       char words[AUDIT_ERROR_SIZE]);

/* The account of the login that a process belongs to, which sudo and su keep
 * (credentials(7), audit); ACT_NO_LOGIN: not known. */
uint32_t audit_login(pid_t pid);

/* The socket's path. */
enum { AUDIT_PATH_SIZE = 320 };
void audit_path(const char *run, char out[AUDIT_PATH_SIZE]);

/* The answer's bytes. */
int audit_put_answer(struct buffer *b, int result, uint64_t leaf, const char *text);
int audit_answer_decode(const void *data, size_t len, int *result, uint64_t *leaf, char *text, size_t size);

#endif
