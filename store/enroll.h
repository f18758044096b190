/* enroll: makes the identities of a server and of its hosts: server id, CA,
 * certificates, log key; host id, chain identity.  Run by root.
 *
 * Four secrets, four holders: the CA key stays in ca_dir with root (take it
 * offline when no host is to be enrolled); the log key and the server's TLS
 * key belong to itm-ingest; a host's chain identity to itm-seal; its TLS key
 * to itm-net.  Where a holder's account does not exist, the file stays with
 * whoever calls.  Enrolment binds chain identity and TLS certificate to one
 * host id.
 *
 * The server learns of a host by a file in store/hosts/, writable by root
 * alone, which itm-ingestd takes into evidence.db within a second: evidence.db
 * keeps its one writer. */
#ifndef ITM_STORE_ENROLL_H
#define ITM_STORE_ENROLL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/id.h"
#include "format/sign.h"
#include "local/settings.h"

#define ENROLL_CA_DIR "/etc/itm/ca" /* root 0700: ca.key, ca.crt */

enum { ENROLL_ERROR_SIZE = 512, ENROLL_NAME_MAX = 255 };

/* `itm key init`: CA, the server's certificate for dns_name (and 127.0.0.1,
 * ::1), server id, log key pair, store folders, at the paths of s.  What is
 * there already is kept as it is: calling again changes nothing.  error says
 * which file and why. */
int enroll_init_server(const struct settings_server *s, const char *ca_dir, const char *dns_name,
		       char error[ENROLL_ERROR_SIZE]);

/* `itm host enroll` on the server's own machine: host id, chain identity, TLS
 * key and certificate, CA certificate and log key at the paths of a, and the
 * host's entry in the store of s.  What is there already is kept and entered
 * again.  *host is set. */
int enroll_host_local(const struct settings_server *s, const struct settings_agent *a, const char *ca_dir,
		      const char *name, struct id *host, char error[ENROLL_ERROR_SIZE]);

/* `itm host revoke`: from now on its connections are refused; its record
 * stays.  ITM_ENOENT: no such host. */
int enroll_host_revoke(const struct settings_server *s, const struct id *host, char error[ENROLL_ERROR_SIZE]);

/* An entry of store/hosts/. */
struct enroll_entry {
	struct id id;
	char name[ENROLL_NAME_MAX + 1];
	uint8_t identity[SIGN_PUBLIC_SIZE];
	bool revoked;
};
int enroll_entry_write(const char *store_dir, const struct enroll_entry *entry);
/* Each readable entry; broken files are logged and passed over.  Returns what
 * each returned if not 0. */
int enroll_entries(const char *store_dir, int (*each)(void *context, const struct enroll_entry *entry), void *context);

/* A file with an id and a newline (host id, server id).  0, ITM_ENOENT,
 * ITM_EFORMAT, ITM_ESYS. */
int enroll_read_id(const char *path, struct id *out);

#endif
