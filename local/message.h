/* message: what pam_itm, stub, broker, recorder and sealer say to each other
 * over SOCK_SEQPACKET unix sockets.  One message is one packet:
 *   u8 type, u8 version 1, u16 0, then the fields of its type.
 * Texts are u16 length + bytes, without NUL inside.  doc/PROTOCOL has the
 * table of who may send what when. */
#ifndef ITM_LOCAL_MESSAGE_H
#define ITM_LOCAL_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/id.h"
#include "format/frame.h"

/* argv[0] under which the stub sends TRY, prints the answer, and ends. */
#define MESSAGE_TRY_NAME "itm-doctor"

enum { MESSAGE_MAX = 128 * 1024, MESSAGE_TEXT_MAX = 4096, MESSAGE_ARGV_MAX = 60 * 1024 };

/* Never reused. */
enum message_type {
	/* pam_itm -> broker on pam.sock */
	MESSAGE_ANNOUNCE = 1,    /* struct message_login */
	MESSAGE_LOGOUT = 2,      /* struct message_login (pid and service) */
	/* broker -> pam_itm */
	MESSAGE_DECISION = 3,    /* u8 allow, text (why not) */
	/* stub -> broker on shell.sock, with descriptors 0, 1, 2 */
	MESSAGE_SHELL = 4,       /* struct message_shell */
	/* broker -> stub; descriptors by mode */
	MESSAGE_START = 5,       /* struct message_start */
	/* stub <-> broker: "is somebody there?", "yes".  Descriptors are sent only
	 * then: in the queue of a broker that hangs they would stay open, and sshd
	 * waits for the last copy of a command's output to close. */
	MESSAGE_KNOCK = 6,
	/* stub -> broker: "what would become of me?": START without descriptors,
	 * and nothing is started or recorded; the notice of a shell that would be
	 * is the service of its announced login, "" = none.  u64 1 = on a terminal */
	MESSAGE_TRY = 7,
	/* stub <-> recorder, on the same socket, after START */
	MESSAGE_RESIZED = 10,    /* stub: SIGWINCH came */
	MESSAGE_EXITED = 11,     /* stub: u32 wait status of the inner program */
	MESSAGE_DRAINED = 12,    /* recorder: everything is out */
	MESSAGE_HANGUP = 13,     /* stub: u32 signal that asks the session to end */
	MESSAGE_SUSPEND = 14,    /* stub: inner leader stopped itself; recorder answers SUSPEND when paused */
	MESSAGE_RESUME = 15,     /* stub: going on; outer termios raw again */
	MESSAGE_ENDED = 16,      /* recorder: text, why the session is ended (policy, loss) */
	/* recorder <-> broker, on a socket of their own (pipe mode): "which program
	 * has the command's pipes?", and what the kernel says of it */
	MESSAGE_ASK_PROGRAM = 17,
	MESSAGE_PROGRAM = 18,    /* u32 enum message_program, text: its path */
	/* recorder -> sealer */
	MESSAGE_FRAME = 20,      /* a frame payload (frame.h) */
	/* sealer -> recorder */
	MESSAGE_ACK = 21,        /* u64: frames up to this number are durable */
	MESSAGE_RESUME_FROM = 22,/* u64: sealer restarted; send frames after this number again */
	MESSAGE_SPACE = 23,      /* u64 enum space_level, u64 enum space_policy (space.h): at each change */
	/* supervisor <-> its children, see supervisor.h: 30..49 */
	/* sealer <-> forwarder */
	MESSAGE_DURABLE = 50,    /* sealer: u64 segment, u64 bytes of it that are durable */
	MESSAGE_LOG = 52,        /* sealer: u64 leaves of the server's log last seen; u64 1 = ask the server anew from there */
	MESSAGE_RECEIPTS = 51,   /* forwarder: u16 unit type (RECEIPT or COUNTERSIGN), then its payload */
};

/* What may stand after a stream's id when the sealer is given it: its frames
 * are taken although only the spool's reserve is left. */
enum { MESSAGE_STREAM_VITAL = 1 };

struct message_login {
	pid_t pid;               /* of the PAM application (sshd, login, su), from the sender; broker compares with the peer */
	uid_t uid;               /* of the account logging in */
	uint32_t loginuid, audit_session; /* (uint32_t)-1 = unset */
	char user[64], service[64], rhost[256], tty[64], ruser[64];
	char ssh_connection[256];
	char ssh_auth[1024];     /* SSH_AUTH_INFO_0 */
};

struct message_shell {
	uint8_t tty_mask;        /* bit n: descriptor n is a terminal (the stub's word; checked) */
	bool login_shell;        /* argv[0] begins with '-' */
	bool session_leader;
	size_t argv_len;         /* argv as the stub got it, NUL after each */
	char argv[MESSAGE_ARGV_MAX];
	char term[64];
};

enum message_mode {
	MESSAGE_DENY = 0,        /* print text, exit 126 */
	MESSAGE_DIRECT = 1,      /* exec the real shell, unrecorded (nested or out of scope) */
	MESSAGE_PTY = 2,         /* descriptors: inner slave[, new outer tty after an eviction] */
	MESSAGE_PIPE = 3,        /* descriptors: stdin read end, stdout write end, stderr write end; or
				  * none: the command keeps its own, metadata only */
};

/* Programs that transfer files. */
enum message_program {
	MESSAGE_PROGRAM_OTHER = 0,
	MESSAGE_PROGRAM_SCP = 1,
	MESSAGE_PROGRAM_SFTP = 2,
	MESSAGE_PROGRAM_RSYNC = 3,
};

struct message_start {
	enum message_mode mode;
	struct id stream;
	char shell[256];         /* real shell from passwd, never from the environment */
	char notice[1024];       /* shown on the tty before the shell starts; "" = none; for DENY the reason */
};

/* Encoders append one whole message.  Decoders check type, sizes and trailing
 * bytes and change nothing on failure. */
int message_type_of(const void *data, size_t len, enum message_type *out);
int message_encode_login(struct buffer *b, enum message_type type, const struct message_login *m);
int message_decode_login(const void *data, size_t len, struct message_login *out, struct fault *fault);
int message_encode_shell(struct buffer *b, const struct message_shell *m);
int message_decode_shell(const void *data, size_t len, struct message_shell *out, struct fault *fault);
int message_encode_start(struct buffer *b, const struct message_start *m);
int message_decode_start(const void *data, size_t len, struct message_start *out, struct fault *fault);
/* DECISION, ENDED and PROGRAM: a number and a text. */
int message_encode_words(struct buffer *b, enum message_type type, uint32_t number, const char *text);
int message_decode_words(const void *data, size_t len, enum message_type type, uint32_t *number,
			 char *text, size_t text_size, struct fault *fault);
/* Everything that carries up to two numbers: KNOCK TRY RESIZED EXITED DRAINED
 * HANGUP SUSPEND RESUME ASK_PROGRAM ACK RESUME_FROM SPACE DURABLE LOG. */
int message_encode_numbers(struct buffer *b, enum message_type type, uint64_t a, uint64_t c);
int message_decode_numbers(const void *data, size_t len, enum message_type type, uint64_t *a, uint64_t *c,
			   struct fault *fault);
/* FRAME and RECEIPTS: the header is put, the payload is whatever follows. */
int message_encode_bytes(struct buffer *b, enum message_type type, const void *payload, size_t len);
int message_decode_bytes(const void *data, size_t len, enum message_type type,
			 const uint8_t **payload, size_t *payload_len, struct fault *fault);

#endif
