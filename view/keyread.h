/* keyread: people's key files: reads them, and asks for the password on the
 * terminal where one is needed. */
#ifndef ITM_VIEW_KEYREAD_H
#define ITM_VIEW_KEYREAD_H

#include "format/keyfile.h"

enum { KEYREAD_ERROR_SIZE = 512, KEYREAD_PASSWORD_SIZE = 256 };

/* 0, or ITM_E* with error in words.  A secret key that others may read is
 * refused. */
int keyread_secret(const char *path, struct keyfile_secret *out, char error[KEYREAD_ERROR_SIZE]);
int keyread_public(const char *path, enum keyfile_kind kind, struct keyfile_public *out, char error[KEYREAD_ERROR_SIZE]);
/* From /dev/tty, without echo.  0, ITM_ENOENT (no terminal), ITM_ELIMIT,
 * ITM_ECLOSED (^C). */
int keyread_password(const char *prompt, char out[KEYREAD_PASSWORD_SIZE]);

#endif
