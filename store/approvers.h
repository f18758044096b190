/* approvers: the file of server.conf's `approvers`: who may be the second
 * person; lines of a name, the account of that person, and a public key. */
#ifndef ITM_STORE_APPROVERS_H
#define ITM_STORE_APPROVERS_H

#include <stddef.h>

#include "format/keyfile.h"

enum { APPROVERS_NAME_SIZE = 64 };

struct approvers_one { char name[APPROVERS_NAME_SIZE], key[KEYFILE_ID_TEXT_SIZE]; };
/* Who of them signed these bytes (a file of minisign's form).  0; ITM_ENOENT
 * none of them, or there is no such file. */
int approvers_find(const char *path, const void *data, size_t len, const char *signature, size_t signature_len,
		   struct approvers_one *out);

#endif
