#include "base/error.h"

#include <errno.h>
#include <string.h>

const char *error_text(int code)
{
	switch (code) {
	case 0: return "no error";
	case ITM_EINVAL: return "invalid argument";
	case ITM_ENOMEM: return "out of memory";
	case ITM_ESYS: return strerror(errno);
	case ITM_ETRUNC: return "input ends too early";
	case ITM_EFORMAT: return "input is malformed";
	case ITM_ELIMIT: return "over a limit";
	case ITM_EVERSION: return "a version this program does not know";
	case ITM_ECRC: return "checksum does not match";
	case ITM_ECRYPTO: return "signature, hash or key is wrong";
	case ITM_ENOENT: return "not found";
	case ITM_EPERM: return "not permitted";
	case ITM_ETIMEOUT: return "timed out";
	case ITM_ECLOSED: return "closed by the other side";
	case ITM_EBUSY: return "busy";
	case ITM_EDB: return "database failure";
	case ITM_ENET: return "network failure";
	default: return "unknown error";
	}
}

int error_fault(struct fault *fault, int code, uint64_t offset, const char *reason)
{
	if (fault != NULL) {
		fault->offset = offset;
		fault->reason = reason;
	}
	return code;
}
