/* error: the numbers every function of ITM returns, and the words for them.
 *
 * A function returns 0 (or a count) or one of these negative numbers.  A
 * decoder that refuses its input also fills a struct fault: where, and why. */
#ifndef ITM_BASE_ERROR_H
#define ITM_BASE_ERROR_H

#include <stdint.h>

enum {
	ITM_EINVAL = -1,    /* the caller's argument is wrong */
	ITM_ENOMEM = -2,
	ITM_ESYS = -3,      /* a system call failed; errno says how */
	ITM_ETRUNC = -4,    /* input ends too early */
	ITM_EFORMAT = -5,   /* input breaks its format */
	ITM_ELIMIT = -6,    /* input or request is over a stated limit */
	ITM_EVERSION = -7,  /* a version or must-understand type we don't know */
	ITM_ECRC = -8,      /* CRC32C does not match */
	ITM_ECRYPTO = -9,   /* a signature, hash or key is wrong */
	ITM_ENOENT = -10,
	ITM_EPERM = -11,
	ITM_ETIMEOUT = -12,
	ITM_ECLOSED = -13,  /* the peer closed */
	ITM_EBUSY = -14,    /* held by someone else, or a duplicate */
	ITM_EDB = -15,      /* SQLite failed; the log has its words */
	ITM_ENET = -16,     /* TLS or transport failed; the log has its words */
};

/* Where a decoder stopped and why.  reason is static text, never NULL once
 * set; offset is in bytes from the start of the buffer that was given. */
struct fault {
	uint64_t offset;
	const char *reason;
};

/* Static text for one of the numbers above; for ITM_ESYS the text of the
 * current errno. */
const char *error_text(int code);

/* Fill fault (may be NULL) and return code: `return error_fault(f, ITM_ETRUNC, off, "...")`. */
int error_fault(struct fault *fault, int code, uint64_t offset, const char *reason);

#endif
