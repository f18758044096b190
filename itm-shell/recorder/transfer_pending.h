/* transfer_pending: the tables of an SFTP session: requests without an answer
 * yet, and open files.  Both are bounded, whatever the two sides say. */
#ifndef ITM_SHELL_RECORDER_TRANSFER_PENDING_H
#define ITM_SHELL_RECORDER_TRANSFER_PENDING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "itm-shell/recorder/transfer_log.h"

enum {
	TRANSFER_REQUESTS_MAX = 1024,       /* OpenSSH's client has 64 at once */
	TRANSFER_OPEN_MAX = 256,
	TRANSFER_HANDLE_MAX = 256,          /* bytes; filexfer-02, section 6.2 */
	TRANSFER_NAMES_MAX = 256 * 1024,    /* bytes of names in requests */
};

/* Text of any bytes; owned. */
struct transfer_text { char *data; size_t len; };

struct transfer_open {
	bool used;
	uint8_t handle[TRANSFER_HANDLE_MAX];
	size_t handle_len;
	struct transfer_text name;
	uint32_t mode;                      /* (uint32_t)-1 = not said */
	bool writes;                        /* opened for writing */
	bool failed;                        /* a write was refused */
	struct transfer_file in, out;
};

struct transfer_request {
	bool used;
	uint8_t type;
	uint32_t id;
	int open;                           /* index of the open file, -1 = none known */
	uint64_t offset;                    /* of a READ */
	uint32_t flags, mode;               /* of OPEN; mode also of MKDIR and SETSTAT */
	const char *operation;              /* of what changes names; static */
	struct transfer_text name, to;
};

struct transfer_pending {
	struct transfer_request request[TRANSFER_REQUESTS_MAX];
	size_t first, next;                 /* where to look for the oldest, and for a free one */
	size_t count;
	size_t names_len;                   /* bytes held by names of requests */
	struct transfer_open open[TRANSFER_OPEN_MAX];
};

void transfer_pending_free(struct transfer_pending *p); /* its content */

/* A free request with this id, or NULL: too many, or the id is taken. */
struct transfer_request *transfer_pending_add(struct transfer_pending *p, uint32_t id, uint8_t type);
struct transfer_request *transfer_pending_find(struct transfer_pending *p, uint32_t id);
void transfer_pending_drop(struct transfer_pending *p, struct transfer_request *r);
/* A name for a request in the table.  False: no room. */
bool transfer_pending_name(struct transfer_pending *p, struct transfer_text *text, const void *data, size_t len);

/* Index of the file with this handle, or -1. */
int transfer_pending_file(const struct transfer_pending *p, const void *handle, size_t len);
/* Takes the name out of r.  NULL: too many files. */
struct transfer_open *transfer_pending_opened(struct transfer_pending *p, struct transfer_request *r,
					      const void *handle, size_t len);
void transfer_pending_closed(struct transfer_open *o);

#endif
