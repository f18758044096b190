/* transfer_scp: follows the protocol of `scp -t` and `scp -f` (rcp's: a source
 * says "Cmode size name", "Dmode 0 name", "E", "Ttimes" in lines and then the
 * bytes; a sink answers each with a byte 0, or 1 or 2 and a line). */
#ifndef ITM_SHELL_RECORDER_TRANSFER_SCP_H
#define ITM_SHELL_RECORDER_TRANSFER_SCP_H

#include <stdbool.h>
#include <stddef.h>

#include "itm-shell/recorder/transfer_log.h"

struct transfer_scp;

/* out: files leave this host (the program is the source).  log is borrowed.
 * NULL when out of memory. */
struct transfer_scp *transfer_scp_new(struct transfer_log *log, bool out);
void transfer_scp_free(struct transfer_scp *s);
/* Bytes of one side.  False: this is not the protocol (any more). */
bool transfer_scp_put(struct transfer_scp *s, bool from_source, const void *data, size_t len);
/* No more bytes: a file that is not whole is said to be so. */
void transfer_scp_end(struct transfer_scp *s);

#endif
