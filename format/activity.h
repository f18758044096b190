/* activity: what the process monitor saw, as the bytes of a RECORD_ACTIVITY
 * event: a kind and then fields, each varint(tag << 1 | is_bytes) and a varint,
 * or a varint length and bytes.  Tags rise and none stands twice; a reader
 * passes over tags it doesn't know.  Fields that are 0 or empty are left out.
 *
 * A process is named by its pid and its start (CLOCK_BOOTTIME ns); pids alone
 * are used again. */
#ifndef ITM_FORMAT_ACTIVITY_H
#define ITM_FORMAT_ACTIVITY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"

enum { ACTIVITY_EVENT_MAX = 60000, ACTIVITY_ADDRESS_MAX = 16 }; /* bytes */
enum { ACTIVITY_KIND_MAX = 1 << 20 };

/* Never reused. */
enum activity_kind {
	ACTIVITY_EXEC = 1,
	ACTIVITY_ARGV = 2,       /* more of the argv of this pid's last exec */
	ACTIVITY_FORK = 3,
	ACTIVITY_EXIT = 4,
	ACTIVITY_CONNECT = 5,
	ACTIVITY_LISTEN = 6,
	ACTIVITY_SEEN = 7,       /* was there when the monitor started; fields as EXEC */
	ACTIVITY_COUNTS = 8,     /* every 10 s: made, received, dropped and missing so far, and the level */
	ACTIVITY_LEVEL = 9,      /* what the monitor can see from now on */
	/* Watched files (itm-filed).  The process named is who did it, where it is
	 * known; its start is rounded down to 10 ms, or left out when it was gone. */
	ACTIVITY_FILE_CREATED = 10,
	ACTIVITY_FILE_CHANGED = 11, /* contents, mode, owner, or written and still the same */
	ACTIVITY_FILE_REMOVED = 12,
	ACTIVITY_FILE_PLACE = 13, /* a folder of the set came, went, was replaced or mounted over */
	ACTIVITY_FILE_COUNTS = 14, /* now and then: watched, received, overflows, and so on */
};

/* Never reused. */
enum activity_tag {
	ACTIVITY_PID = 1, ACTIVITY_START, ACTIVITY_PARENT, ACTIVITY_PARENT_START,
	ACTIVITY_CHILD, ACTIVITY_CHILD_START,
	ACTIVITY_FLAGS,          /* enum activity_flag */
	ACTIVITY_SESSION,        /* bytes: stream id of the recorded session */
	ACTIVITY_LOGINUID, ACTIVITY_AUDIT_SESSION,      /* plus 1; left out when unset */
	ACTIVITY_UID, ACTIVITY_EUID, ACTIVITY_SUID, ACTIVITY_FSUID, ACTIVITY_GID, ACTIVITY_EGID,
	ACTIVITY_CAPABILITIES,   /* effective */
	ACTIVITY_EXE,            /* bytes: path */
	ACTIVITY_EXE_DEVICE, ACTIVITY_EXE_INODE, ACTIVITY_EXE_MODE,
	ACTIVITY_SCRIPT, ACTIVITY_CWD,                    /* bytes: paths */
	ACTIVITY_ARGC,
	ACTIVITY_ARGUMENTS,      /* bytes: each argument and a NUL */
	ACTIVITY_ARGUMENTS_SIZE, /* bytes in all */
	ACTIVITY_OFFSET,         /* ARGV: where its bytes begin */
	ACTIVITY_COMM, ACTIVITY_PARENT_COMM,              /* bytes */
	ACTIVITY_TTY,            /* major << 20 | minor */
	ACTIVITY_CGROUP, ACTIVITY_MOUNT_NAMESPACE, ACTIVITY_PID_NAMESPACE,
	ACTIVITY_FD0, ACTIVITY_FD1, ACTIVITY_FD2,          /* bytes: activity_fd_put */
	ACTIVITY_PARENT_FD0, ACTIVITY_PARENT_FD1, ACTIVITY_PARENT_FD2,
	ACTIVITY_STATUS,         /* as wait(2) */
	ACTIVITY_USER_NS, ACTIVITY_SYSTEM_NS,
	ACTIVITY_FAMILY, ACTIVITY_PORT,                   /* AF_INET 2, AF_INET6 10; host order */
	ACTIVITY_ADDRESS,        /* bytes: 4 or 16 */
	ACTIVITY_MADE, ACTIVITY_RECEIVED, ACTIVITY_DROPPED, ACTIVITY_MISSED, ACTIVITY_SESSIONS_LOST,
	ACTIVITY_LEVEL_NAME, ACTIVITY_REASON,             /* bytes: words */
	ACTIVITY_AGE_NS,         /* SEEN: since its start */
	ACTIVITY_MISSING,        /* made, neither received nor dropped: somebody was at the ring */
	ACTIVITY_PATH,           /* bytes */
	ACTIVITY_FILE_FLAGS,     /* enum activity_file_flag */
	ACTIVITY_BEFORE_SHA256, ACTIVITY_AFTER_SHA256,    /* bytes: 32; left out where there was no file */
	ACTIVITY_BEFORE_SIZE, ACTIVITY_AFTER_SIZE,
	ACTIVITY_BEFORE_MODE, ACTIVITY_AFTER_MODE,        /* st_mode */
	ACTIVITY_BEFORE_UID, ACTIVITY_AFTER_UID, ACTIVITY_BEFORE_GID, ACTIVITY_AFTER_GID,
	ACTIVITY_BEFORE_TEXT, ACTIVITY_AFTER_TEXT,        /* bytes: the lines that went, and that came instead */
	ACTIVITY_TEXT_LINE,      /* number of the first of them, from 1 */
	ACTIVITY_TIMES,          /* what the kernel told of this file since the event before, folded into this one */
	ACTIVITY_WATCHED, ACTIVITY_POLLED,                /* files; of these only looked at from time to time */
	ACTIVITY_OVERFLOWS,      /* of the kernel's queue; each had everything looked at again */
	ACTIVITY_TAGS,
};

enum activity_flag {
	ACTIVITY_ARGV_CUT = 0x01, ACTIVITY_ARGV_FAULT = 0x02, ACTIVITY_EXE_CUT = 0x04, ACTIVITY_CWD_CUT = 0x08,
	ACTIVITY_ARGV_MORE = 0x10, ACTIVITY_DELETED = 0x20, ACTIVITY_IS_SCRIPT = 0x40,
	/* Levels below bpf only: */
	ACTIVITY_BY_LOGIN = 0x80,      /* its session is known by the kernel's audit session alone */
	ACTIVITY_GONE = 0x100,         /* it had ended before it could be looked at */
	ACTIVITY_NO_STATUS = 0x200,    /* it has ended, nobody saw how */
};

enum activity_file_flag {
	ACTIVITY_FILE_AWAY = 0x01,     /* happened while nobody watched: found at the start */
	ACTIVITY_FILE_FOUND = 0x02,    /* found by a look, the kernel told nothing (mmap, overflow) */
	ACTIVITY_FILE_SECRET = 0x04,   /* digests are keyed, secrets in the text are masked */
	ACTIVITY_FILE_CUT = 0x08,      /* not all of the text is here */
	ACTIVITY_FILE_LARGE = 0x10,    /* the digest is of its first bytes */
	ACTIVITY_FILE_REPLACED = 0x20, /* another file has the name */
	ACTIVITY_FILE_LINK = 0x40,     /* symbolic: digest and text are of where it points to */
	ACTIVITY_FILE_MOUNTED = 0x80,  /* on another file system than before */
	ACTIVITY_FILE_BRIEF = 0x100,   /* came and went before it could be read */
	ACTIVITY_FILE_SEVERAL = 0x200, /* by several processes; the last is named */
	ACTIVITY_FILE_OWN = 0x400,     /* one of ITM's own */
	ACTIVITY_FILE_UNREAD = 0x800,  /* it is there and cannot be read */
	ACTIVITY_FILE_ELSEWHERE = 0x1000, /* the pid is one of another namespace than the process monitor's */
};

struct activity_event {
	enum activity_kind kind;
	uint64_t number[ACTIVITY_TAGS];   /* 0 when left out; of bytes, their length */
	const uint8_t *bytes[ACTIVITY_TAGS]; /* borrowed; NULL when left out */
};

/* activity_set_bytes borrows data. */
void activity_set_bytes(struct activity_event *e, enum activity_tag tag, const void *data, size_t len);
/* Append. 0, ITM_ELIMIT, ITM_ENOMEM. */
int activity_put(struct buffer *b, const struct activity_event *e);
/* Borrows data.  0, ITM_ETRUNC or ITM_EFORMAT with fault. */
int activity_decode(const void *data, size_t len, struct activity_event *out, struct fault *fault);
const char *activity_name(enum activity_kind kind);   /* "exec"; NULL = unknown */

/* What stands behind a descriptor. */
struct activity_fd {
	uint32_t mode, device;   /* st_mode; of a character device, major << 20 | minor */
	uint64_t inode;
	uint16_t family, state, port, local_port;       /* of a socket; ports in host order */
	uint8_t address[ACTIVITY_ADDRESS_MAX];
};
enum { ACTIVITY_FD_SIZE = 40 };
void activity_fd_put(const struct activity_fd *fd, uint8_t out[ACTIVITY_FD_SIZE]);
bool activity_fd_get(const struct activity_event *e, enum activity_tag tag, struct activity_fd *out); /* false: closed */

#endif
