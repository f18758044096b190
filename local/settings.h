/* settings: agent.conf and server.conf, their keys, defaults and limits. */
#ifndef ITM_LOCAL_SETTINGS_H
#define ITM_LOCAL_SETTINGS_H

#include <stddef.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/config.h"

/* What becomes of forwarding (ports, agent, X11, tunnels) by those who are
 * recorded: sshd does it, so sshd must be told (itm enable --sshd). */
enum settings_forwarding { SETTINGS_FORWARDING_RECORD, SETTINGS_FORWARDING_REFUSE };

/* How much the process monitor can see, each more than the one before. */
enum settings_level {
	SETTINGS_LEVEL_NONE, SETTINGS_LEVEL_POLL, SETTINGS_LEVEL_CONNECTOR, SETTINGS_LEVEL_FANOTIFY, SETTINGS_LEVEL_AUDIT,
	SETTINGS_LEVEL_BPF,
};

struct settings_agent {
	char record[4096];            /* users and @groups whose logins are recorded, space-separated */
	char strict[4096];            /* of these, no login without recording */
	char break_glass[4096];       /* of these, always let in, recorded when possible */
	int forwarding;               /* enum settings_forwarding */
	char notice[1024];            /* shown on a tty at login; "" = none */
	uint64_t pipe_limit;          /* bytes of each stream of a pipe-mode command that are stored */
	char pipe_metadata[4096];     /* of their pipe-mode commands no byte is looked at; never "*" */
	char server[256];             /* host:port; "" = spool only */
	char spool[256], nss_users[256], run[256];
	char identity_key[256];       /* chain identity, secret */
	char host_id[256];            /* file with the host id */
	char tls_key[256], tls_cert[256], tls_ca[256];
	char log_key[256];            /* server's log public key, pinned */
	char keylist[256];            /* auditors to whom keystrokes are sealed; FILE.minisig beside it */
	char keylist_seen[256];       /* the broker's copy of the last good one */
	char officer_key[256];        /* public key that signs it, pinned */
	char watch_files[4096];       /* paths watched beside the built-in ones; with a slash at the end a folder */
	char watch_secret[4096];      /* the same, and nothing of their contents is stored */
	uint64_t watch_content;       /* bytes of a watched file of which what changed is stored; 0..16 K */
	uint64_t block_interval_ms;   /* 1000..10000 */
	uint64_t heartbeat_ms;
	uint64_t pulse_ms;            /* the supervisor asks its parts, and looks at programs and settings, so often */
	uint64_t spool_segment;       /* bytes after which another spool segment is begun */
	int monitor_level;            /* enum settings_level: the highest that is tried */
	uint64_t spool_max;           /* bytes the spool may take; 0 = what its filesystem has */
	int spool_full;               /* enum space_policy: from 95 % of that on */
	uint64_t spool_keep;          /* bytes of the newest spool segments that stay although the server has them */
};
struct settings_server {
	char listen[256];             /* host:port */
	char store[256], index[256], run[256];
	char server_id[256];          /* file */
	char log_secret[256], log_public[256];
	char approvers[256];          /* file: who may approve an opening; "" = one person is enough */
	char tls_key[256], tls_cert[256], tls_ca[256];
	uint64_t segment_size;
	uint64_t retention_ms;        /* sessions older than this are removed; 0 = never */
	char custody_group[64];       /* may redact, delete and hold; "" = root only */
	char approval[256];           /* acts that need a second person: redact delete release */
	uint64_t silence_ms;          /* without a signed block for so long a host is an alert; 0 = never */
	uint64_t checkpoint_interval_ms; /* of the central log; 100..60000 */
};
/* Is the word in a list of words, which blanks or commas part? */
bool settings_lists(const char *list, const char *word);

/* Fill in the defaults, then read path over them.  A missing file leaves the
 * defaults (0).  Errors as config_read. */
int settings_read_agent(const char *path, struct settings_agent *out, char error[CONFIG_ERROR_SIZE]);
int settings_read_server(const char *path, struct settings_server *out, char error[CONFIG_ERROR_SIZE]);
/* The same for text in memory (tests, fuzzing); name is shown in errors. */
int settings_parse_agent(const char *name, const char *text, size_t len, struct settings_agent *out,
			 char error[CONFIG_ERROR_SIZE]);
int settings_parse_server(const char *name, const char *text, size_t len, struct settings_server *out,
			  char error[CONFIG_ERROR_SIZE]);

#endif
