/* transfer_sftp: follows the SSH File Transfer Protocol, version 3
 * (draft-ietf-secsh-filexfer-02, and the posix-rename and hardlink extensions
 * of OpenSSH's PROTOCOL): requests and answers are paired by their id, the
 * bytes of each open file are counted and hashed as they pass. */
#ifndef ITM_SHELL_RECORDER_TRANSFER_SFTP_H
#define ITM_SHELL_RECORDER_TRANSFER_SFTP_H

#include <stdbool.h>
#include <stddef.h>

#include "itm-shell/recorder/transfer_log.h"

struct transfer_sftp;

/* log is borrowed.  NULL when out of memory. */
struct transfer_sftp *transfer_sftp_new(struct transfer_log *log);
void transfer_sftp_free(struct transfer_sftp *s);
/* Bytes of one side.  False: this is not the protocol (any more). */
bool transfer_sftp_put(struct transfer_sftp *s, bool from_client, const void *data, size_t len);
/* No more bytes: files still open are told. */
void transfer_sftp_end(struct transfer_sftp *s);

#endif
