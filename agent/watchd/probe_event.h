/* probe_event: what the kernel side (probe.bpf.c) puts into the ring, read by
 * probe.c only.  Same machine, same layout; natural alignment, no padding is
 * left unset.  Times are CLOCK_BOOTTIME ns; start is a process's birth, which
 * with its pid is a name that isn't recycled. */
#ifndef ITM_AGENT_WATCHD_PROBE_EVENT_H
#define ITM_AGENT_WATCHD_PROBE_EVENT_H

#ifdef __bpf__
typedef __u8 uint8_t;
typedef __u16 uint16_t;
typedef __u32 uint32_t;
typedef __u64 uint64_t;
#else
#include <stdint.h>
#endif

enum probe_type {
	PROBE_EXEC = 1,
	PROBE_ARGV = 2,          /* more of the argv of the exec before it */
	PROBE_FORK = 3,
	PROBE_EXIT = 4,
	PROBE_CONNECT = 5,       /* TCP, outbound */
	PROBE_LISTEN = 6,
	PROBE_SEEN = 7,          /* not in the ring: a process that was there before, as probe_exec without argv */
	PROBE_TYPES = 8,
};

enum probe_flag {
	PROBE_ARGV_CUT = 0x01,   /* longer than PROBE_ARGV_MAX */
	PROBE_ARGV_FAULT = 0x02, /* a page of it could not be read */
	PROBE_EXE_CUT = 0x04,
	PROBE_CWD_CUT = 0x08,
	PROBE_ARGV_MORE = 0x10,  /* PROBE_ARGV records follow */
	PROBE_DELETED = 0x20,    /* the file run has no name any more, or never had one (memfd) */
	PROBE_SCRIPT = 0x40,     /* run through an interpreter line; script names the file */
};

enum {
	PROBE_ARGV_INLINE = 4096,               /* bytes of argv in the exec record */
	PROBE_ARGV_PIECE = 32768,
	PROBE_ARGV_PIECES = 64,
	PROBE_ARGV_MAX = PROBE_ARGV_INLINE + PROBE_ARGV_PIECE * PROBE_ARGV_PIECES, /* over 2 MiB, the kernel's limit */
	PROBE_PATH = 2048,                      /* bytes; a power of two */
	PROBE_SCRIPT_MAX = 256,
	PROBE_COMM = 16,
	PROBE_SESSION = 16,
};

struct probe_head {
	uint32_t type, size;     /* of the whole record */
	uint64_t boot_ns;
	uint64_t sequence;       /* of this CPU, from 1 without holes: a hole is a loss */
	uint32_t cpu, flags;
	uint32_t pid, parent;
	uint64_t start, parent_start;
	uint32_t loginuid, audit_session;       /* (uint32_t)-1 = unset */
	uint8_t session[PROBE_SESSION];         /* stream id of the recorded session; zeros = none */
};

struct probe_fd {
	uint64_t inode;
	uint32_t mode;           /* st_mode; 0 = closed */
	uint32_t device;         /* of a character device, dev_t of the kernel: major << 20 | minor */
	uint16_t family, state;  /* of a socket; state as TCP's */
	uint16_t port;           /* of the peer, network order */
	uint16_t local_port;     /* host order */
	uint8_t address[16];     /* of the peer */
};

struct probe_exec {
	struct probe_head head;
	uint32_t uid, euid, suid, fsuid, gid, egid;
	uint64_t capabilities;   /* effective */
	uint64_t cgroup, exe_inode;
	uint32_t exe_device, exe_mode;
	uint32_t tty;            /* as probe_fd.device; 0 = none */
	uint32_t mount_namespace, pid_namespace;
	uint32_t argc, argv_total;              /* bytes of argv in all */
	uint32_t exe_len, cwd_len, argv_len;    /* what follows this struct, in this order */
	struct probe_fd fd[3], parent_fd[3];
	char comm[PROBE_COMM], parent_comm[PROBE_COMM];
	char script[PROBE_SCRIPT_MAX];          /* with PROBE_SCRIPT, NUL-ended */
};

struct probe_argv { struct probe_head head; uint32_t offset, len; };
struct probe_fork { struct probe_head head; uint64_t child_start; uint32_t child, uid; };
struct probe_exit { struct probe_head head; uint64_t user_ns, system_ns; uint32_t status, uid; };
struct probe_socket {
	struct probe_head head;
	uint32_t uid;
	uint16_t family, port;   /* the peer's, or of LISTEN the own; network order */
	uint8_t address[16];
	char comm[PROBE_COMM];
};

/* Kept in memory that the consumer maps, since it may not use bpf(2). */
struct probe_counters {
	uint64_t made[PROBE_TYPES], dropped[PROBE_TYPES];
	uint64_t sequence;
	uint64_t begun;          /* forks seen, of processes and threads */
	uint64_t sessions_lost;  /* no memory to pass a session on at fork */
};

#endif
