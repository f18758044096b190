/* meta: the session metadata text, `key=value` lines; bytes below 0x20, 0x7f
 * and backslash are written \xHH.
 *
 * Keys: v (1), host, hostname, login_id, user, uid, service, rhost, tty, mode
 * (pty pipe imported), shell, argv (one key per word, in order), ssh_connection,
 * ssh_auth, loginuid, audit_session, term, columns, rows, pam (yes no),
 * keystrokes (counted sealed), seal_* (sealed.h), imported_* (cli/imported.h).  A reader skips keys it doesn't know. */
#ifndef ITM_FORMAT_META_H
#define ITM_FORMAT_META_H

#include <stddef.h>

#include "base/buffer.h"

enum { META_MAX = 32 * 1024 }; /* bytes of one metadata text */

int meta_put(struct buffer *b, const char *key, const char *value);
int meta_put_bytes(struct buffer *b, const char *key, const void *value, size_t len);
int meta_put_number(struct buffer *b, const char *key, unsigned long long value);

/* The n-th (from 0) value of key, unescaped into out with a NUL.  Its length,
 * or ITM_ENOENT, ITM_EFORMAT, ITM_ELIMIT (does not fit; out holds ""). */
int meta_get(const char *text, size_t len, const char *key, size_t n, char *out, size_t out_size);

#endif
