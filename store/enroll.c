#include "store/enroll.h"

#include <dirent.h>
#include <errno.h>
#include <pwd.h>
#include <grp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/atomicfile.h"
#include "base/log.h"
#include "net/certificate.h"

enum {
	ENROLL_PATH_SIZE = 4096,
	ENROLL_DIR_MAX = 3900,
	ENROLL_FILE_MAX = 64 * 1024,
	ENROLL_CA_DAYS = 3650,
	ENROLL_CERT_DAYS = 825,     /* what clients of any kind accept of a leaf */
};

/* Holders of secrets and folders. */
#define ENROLL_USER_INGEST "itm-ingest"
#define ENROLL_USER_INDEX "itm-index"
#define ENROLL_USER_SEAL "itm-seal"
#define ENROLL_USER_NET "itm-net"
#define ENROLL_GROUP_STORE "itm-store"
#define ENROLL_GROUP_READ "itm-read"

static int enroll_failed(char *error, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));

static int enroll_failed(char *error, int code, const char *format, ...)
{
	va_list arguments;
	char words[384];
	va_start(arguments, format);
	vsnprintf(words, sizeof words, format, arguments);
	va_end(arguments);
	snprintf(error, ENROLL_ERROR_SIZE, "%s: %s", words, error_text(code));
	return code;
}

/* Files and folders */

static bool enroll_there(const char *path)
{
	return access(path, F_OK) == 0;
}

/* Owner and group where those accounts exist, and we may. */
static int enroll_give(const char *path, const char *user, const char *group, char *error)
{
	if (geteuid() != 0)
		return 0;
	const struct passwd *p = user != NULL ? getpwnam(user) : NULL;
	uid_t uid = p != NULL ? p->pw_uid : (uid_t)-1;
	gid_t gid = p != NULL ? p->pw_gid : (gid_t)-1;
	const struct group *g = group != NULL ? getgrnam(group) : NULL;
	if (g != NULL)
		gid = g->gr_gid;
	if (lchown(path, uid, gid) != 0)
		return enroll_failed(error, ITM_ESYS, "%s: owner", path);
	return 0;
}

/* The folders above path, 0755 where they are missing. */
static int enroll_parents(const char *path, char *error)
{
	char dir[ENROLL_PATH_SIZE];
	snprintf(dir, sizeof dir, "%s", path);
	for (char *slash = strchr(dir + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		int rc = atomicfile_mkdir(dir, 0755);
		if (rc != 0)
			return enroll_failed(error, rc, "%s", dir);
		*slash = '/';
	}
	return 0;
}

static int enroll_dir(const char *path, mode_t mode, const char *user, const char *group, char *error)
{
	int rc = enroll_parents(path, error);
	if (rc != 0)
		return rc;
	rc = atomicfile_mkdir(path, mode);
	if (rc != 0)
		return enroll_failed(error, rc, "%s", path);
	rc = enroll_give(path, user, group, error);
	/* chown takes the set-gid bit away on some file systems. */
	if (rc == 0 && chmod(path, mode) != 0)
		rc = enroll_failed(error, ITM_ESYS, "%s: mode", path);
	return rc;
}

/* A public file at a second place.  One that differs is never replaced: it may
 * be what other hosts trust. */
static int enroll_copy(const char *from, const char *to, char *error)
{
	struct buffer a, b;
	if (strcmp(from, to) == 0)
		return 0;
	buffer_init(&a, ENROLL_FILE_MAX);
	buffer_init(&b, ENROLL_FILE_MAX);
	int rc = atomicfile_read(from, &a);
	if (rc != 0) {
		enroll_failed(error, rc, "%s", from);
		goto done;
	}
	rc = atomicfile_read(to, &b);
	if (rc == 0 && (a.len != b.len || memcmp(a.data, b.data, a.len) != 0)) {
		rc = ITM_EBUSY;
		snprintf(error, ENROLL_ERROR_SIZE, "%s: is there and differs from %s: move it away first", to, from);
	} else if (rc == ITM_ENOENT) {
		rc = enroll_parents(to, error);
		if (rc == 0 && (rc = atomicfile_write(to, a.data, a.len, 0644)) != 0)
			enroll_failed(error, rc, "%s", to);
	} else if (rc != 0) {
		enroll_failed(error, rc, "%s", to);
	}
done:
	buffer_free(&a);
	buffer_free(&b);
	return rc;
}

int enroll_read_id(const char *path, struct id *out)
{
	struct buffer b;
	buffer_init(&b, 256);
	int rc = atomicfile_read(path, &b);
	if (rc == 0 && (b.len != ID_TEXT_SIZE || b.data[ID_TEXT_SIZE - 1] != '\n'))
		rc = ITM_EFORMAT;
	if (rc == 0) {
		b.data[ID_TEXT_SIZE - 1] = '\0';
		rc = id_parse((const char *)b.data, out);
	}
	buffer_free(&b);
	return rc;
}

static int enroll_id(const char *path, struct id *out, char *error)
{
	int rc = enroll_read_id(path, out);
	if (rc == 0)
		return 0;
	if (rc != ITM_ENOENT)
		return enroll_failed(error, rc, "%s", path);
	char text[ID_TEXT_SIZE];
	struct id id = id_random();
	id_format(&id, text);
	text[ID_TEXT_SIZE - 1] = '\n';
	rc = enroll_parents(path, error);
	if (rc == 0 && (rc = atomicfile_write(path, text, sizeof text, 0644)) != 0)
		enroll_failed(error, rc, "%s", path);
	if (rc == 0)
		*out = id;
	return rc;
}

/* Keys and certificates */

static int enroll_sign_key(const char *path, const char *user, struct sign_key *key, char *error)
{
	int rc = sign_load_secret(path, key);
	if (rc == 0)
		return 0;
	if (rc != ITM_ENOENT)
		return enroll_failed(error, rc, "%s", path);
	sign_keypair(key);
	rc = enroll_parents(path, error);
	if (rc == 0 && (rc = sign_save_secret(path, key)) != 0)
		enroll_failed(error, rc, "%s", path);
	return rc == 0 ? enroll_give(path, user, NULL, error) : rc;
}

static int enroll_ca(const char *ca_dir, const char *name, char key[ENROLL_PATH_SIZE], char cert[ENROLL_PATH_SIZE],
		     char *error)
{
	snprintf(key, ENROLL_PATH_SIZE, "%.*s/ca.key", ENROLL_DIR_MAX, ca_dir);
	snprintf(cert, ENROLL_PATH_SIZE, "%.*s/ca.crt", ENROLL_DIR_MAX, ca_dir);
	if (name == NULL || (enroll_there(key) && enroll_there(cert)))
		return 0;
	int rc = enroll_dir(ca_dir, 0700, NULL, NULL, error);
	if (rc != 0)
		return rc;
	rc = certificate_make_ca(key, cert, name, ENROLL_CA_DAYS);
	return rc == 0 ? 0 : enroll_failed(error, rc, "%s", cert);
}

static int enroll_certificate(const char *ca_dir, const char *key, const char *cert, const char *name, bool server,
			      const char *user, char *error)
{
	char ca_key[ENROLL_PATH_SIZE], ca_cert[ENROLL_PATH_SIZE];
	if (enroll_there(key) && enroll_there(cert))
		return 0;
	int rc = enroll_ca(ca_dir, NULL, ca_key, ca_cert, error);
	if (rc == 0)
		rc = enroll_parents(key, error);
	if (rc == 0)
		rc = enroll_parents(cert, error);
	if (rc != 0)
		return rc;
	rc = certificate_issue(ca_key, ca_cert, key, cert, name, server, ENROLL_CERT_DAYS);
	if (rc != 0)
		return enroll_failed(error, rc, "%s (signed by %s)", cert, ca_key);
	return enroll_give(key, user, NULL, error);
}

static int enroll_name_check(const char *name, char *error)
{
	size_t len = strlen(name);
	if (len == 0 || len > ENROLL_NAME_MAX ||
	    strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_") != len) {
		snprintf(error, ENROLL_ERROR_SIZE, "a host's name is 1 to %d of a-z A-Z 0-9 . - _", ENROLL_NAME_MAX);
		return ITM_EINVAL;
	}
	return 0;
}

/* The two ends */

static int enroll_store_dirs(const struct settings_server *s, char *error)
{
	char hosts[ENROLL_PATH_SIZE];
	snprintf(hosts, sizeof hosts, "%s/hosts", s->store);
	int rc = enroll_dir(s->store, 02750, ENROLL_USER_INGEST, ENROLL_GROUP_STORE, error);
	if (rc == 0)
		rc = enroll_dir(hosts, 02750, NULL, ENROLL_GROUP_STORE, error);
	if (rc == 0)
		rc = enroll_dir(s->index, 02750, ENROLL_USER_INDEX, ENROLL_GROUP_READ, error);
	return rc;
}

int enroll_init_server(const struct settings_server *s, const char *ca_dir, const char *dns_name,
		       char error[ENROLL_ERROR_SIZE])
{
	char ca_key[ENROLL_PATH_SIZE], ca_cert[ENROLL_PATH_SIZE];
	struct id server;
	struct sign_key log_key;
	int rc = enroll_name_check(dns_name, error);
	if (rc != 0)
		return rc;
	if (sign_init() != 0)
		return enroll_failed(error, ITM_ECRYPTO, "libsodium");
	rc = enroll_ca(ca_dir, "ITM CA", ca_key, ca_cert, error);
	if (rc == 0)
		rc = enroll_copy(ca_cert, s->tls_ca, error);
	if (rc == 0)
		rc = enroll_certificate(ca_dir, s->tls_key, s->tls_cert, dns_name, true, ENROLL_USER_INGEST, error);
	if (rc == 0)
		rc = enroll_id(s->server_id, &server, error);
	if (rc != 0)
		return rc;
	rc = enroll_sign_key(s->log_secret, ENROLL_USER_INGEST, &log_key, error);
	if (rc == 0 && !enroll_there(s->log_public)) {
		rc = enroll_parents(s->log_public, error);
		if (rc == 0 && (rc = sign_save_public(s->log_public, log_key.public_key)) != 0)
			enroll_failed(error, rc, "%s", s->log_public);
	}
	sign_wipe(&log_key, sizeof log_key);
	return rc == 0 ? enroll_store_dirs(s, error) : rc;
}

/* What the host makes for itself.  With enrolment over the network this half
 * runs there, and the certificate comes back for a request. */
static int enroll_host_identity(const struct settings_agent *a, struct enroll_entry *entry, char *error)
{
	struct sign_key identity;
	int rc = enroll_id(a->host_id, &entry->id, error);
	if (rc != 0)
		return rc;
	rc = enroll_sign_key(a->identity_key, ENROLL_USER_SEAL, &identity, error);
	if (rc == 0)
		memcpy(entry->identity, identity.public_key, SIGN_PUBLIC_SIZE);
	sign_wipe(&identity, sizeof identity);
	return rc;
}

int enroll_host_local(const struct settings_server *s, const struct settings_agent *a, const char *ca_dir,
		      const char *name, struct id *host, char error[ENROLL_ERROR_SIZE])
{
	struct enroll_entry entry = { .revoked = false };
	char text[ID_TEXT_SIZE];
	int rc = enroll_name_check(name, error);
	if (rc != 0)
		return rc;
	if (sign_init() != 0)
		return enroll_failed(error, ITM_ECRYPTO, "libsodium");
	snprintf(entry.name, sizeof entry.name, "%s", name);
	rc = enroll_host_identity(a, &entry, error);
	if (rc != 0)
		return rc;
	id_format(&entry.id, text);
	rc = enroll_certificate(ca_dir, a->tls_key, a->tls_cert, text, false, ENROLL_USER_NET, error);
	if (rc == 0)
		rc = enroll_copy(s->tls_ca, a->tls_ca, error);
	if (rc == 0)
		rc = enroll_copy(s->log_public, a->log_key, error);
	if (rc == 0)
		rc = enroll_store_dirs(s, error);
	if (rc == 0 && (rc = enroll_entry_write(s->store, &entry)) != 0)
		enroll_failed(error, rc, "%s/hosts/%s", s->store, text);
	if (rc == 0)
		*host = entry.id;
	return rc;
}
