#include "net/certificate.h"

#include <errno.h>
#include <fcntl.h>
#include <gnutls/gnutls.h>
#include <gnutls/crypto.h>
#include <gnutls/x509.h>
#include <netinet/in.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/atomicfile.h"
#include "base/log.h"

enum {
	CERTIFICATE_SERIAL_SIZE = 16,  /* bytes; at most 20 by RFC 5280 4.1.2.2 */
	CERTIFICATE_FILE_MAX = 64 * 1024,
	CERTIFICATE_SKEW_S = 3600,     /* clocks of host and server may differ */
};

/* Each maker works on one of these; every step is skipped after an error. */
struct certificate {
	gnutls_x509_privkey_t key;
	gnutls_x509_crt_t crt;
	int error;               /* the first GnuTLS error */
};

static void certificate_step(struct certificate *c, int code)
{
	if (c->error == 0 && code < 0)
		c->error = code;
}

static void certificate_free(struct certificate *c)
{
	if (c->key != NULL)
		gnutls_x509_privkey_deinit(c->key);
	if (c->crt != NULL)
		gnutls_x509_crt_deinit(c->crt);
}

static int certificate_init(struct certificate *c)
{
	*c = (struct certificate){ 0 };
	certificate_step(c, gnutls_x509_privkey_init(&c->key));
	certificate_step(c, gnutls_x509_crt_init(&c->crt));
	return c->error;
}

/* What CA and leaf have in common. */
static void certificate_begin(struct certificate *c, const char *name, unsigned days)
{
	uint8_t serial[CERTIFICATE_SERIAL_SIZE], key_id[64];
	size_t key_id_size = sizeof key_id;
	time_t now = time(NULL);
	certificate_step(c, gnutls_x509_privkey_generate(c->key, GNUTLS_PK_ECDSA,
			 GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0));
	certificate_step(c, gnutls_rnd(GNUTLS_RND_NONCE, serial, sizeof serial));
	serial[0] &= 0x7f; /* positive */
	serial[0] |= 0x40; /* not zero, always the same length */
	certificate_step(c, gnutls_x509_crt_set_version(c->crt, 3));
	certificate_step(c, gnutls_x509_crt_set_serial(c->crt, serial, sizeof serial));
	certificate_step(c, gnutls_x509_crt_set_activation_time(c->crt, now - CERTIFICATE_SKEW_S));
	certificate_step(c, gnutls_x509_crt_set_expiration_time(c->crt, now + (time_t)days * 86400));
	certificate_step(c, gnutls_x509_crt_set_dn_by_oid(c->crt, GNUTLS_OID_X520_COMMON_NAME, 0, name,
			 (unsigned)strlen(name)));
	certificate_step(c, gnutls_x509_crt_set_key(c->crt, c->key));
	certificate_step(c, gnutls_x509_crt_get_key_id(c->crt, GNUTLS_KEYID_USE_SHA1, key_id, &key_id_size));
	certificate_step(c, gnutls_x509_crt_set_subject_key_id(c->crt, key_id, key_id_size));
}

/* Files */

static int certificate_save(const char *path, const gnutls_datum_t *pem, mode_t mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
	if (fd < 0)
		return errno == EEXIST ? ITM_EBUSY : ITM_ESYS;
	int rc = 0;
	if (write(fd, pem->data, pem->size) != (ssize_t)pem->size || fchmod(fd, mode) != 0 || fsync(fd) != 0)
		rc = ITM_ESYS;
	close(fd);
	if (rc != 0)
		unlink(path);
	return rc;
}

static int certificate_save_pair(struct certificate *c, const char *key_path, const char *cert_path)
{
	gnutls_datum_t key = { 0 }, crt = { 0 };
	certificate_step(c, gnutls_x509_privkey_export2_pkcs8(c->key, GNUTLS_X509_FMT_PEM, NULL, GNUTLS_PKCS_PLAIN, &key));
	certificate_step(c, gnutls_x509_crt_export2(c->crt, GNUTLS_X509_FMT_PEM, &crt));
	int rc = 0;
	if (c->error == 0) {
		rc = certificate_save(key_path, &key, 0600);
		if (rc == 0 && (rc = certificate_save(cert_path, &crt, 0644)) != 0)
			unlink(key_path);
	}
	if (key.data != NULL)
		gnutls_memset(key.data, 0, key.size);
	gnutls_free(key.data);
	gnutls_free(crt.data);
	return rc;
}

static int certificate_result(const struct certificate *c, const char *path, int rc)
{
	if (c->error != 0) {
		log_error("%s: %s", path, gnutls_strerror(c->error));
		return ITM_ECRYPTO;
	}
	return rc;
}

static int certificate_load(struct certificate *c, const char *key_path, const char *cert_path)
{
	struct buffer key, crt;
	buffer_init(&key, CERTIFICATE_FILE_MAX);
	buffer_init(&crt, CERTIFICATE_FILE_MAX);
	int rc = atomicfile_read(key_path, &key);
	if (rc == 0)
		rc = atomicfile_read(cert_path, &crt);
	if (rc == 0) {
		const gnutls_datum_t key_data = { key.data, (unsigned)key.len };
		const gnutls_datum_t crt_data = { crt.data, (unsigned)crt.len };
		certificate_step(c, gnutls_x509_privkey_import(c->key, &key_data, GNUTLS_X509_FMT_PEM));
		certificate_step(c, gnutls_x509_crt_import(c->crt, &crt_data, GNUTLS_X509_FMT_PEM));
	}
	buffer_free(&key);
	buffer_free(&crt);
	return rc;
}

/* Making */

int certificate_make_ca(const char *key_path, const char *cert_path, const char *name, unsigned days)
{
	struct certificate c;
	int rc = 0;
	if (certificate_init(&c) == 0) {
		certificate_begin(&c, name, days);
		certificate_step(&c, gnutls_x509_crt_set_basic_constraints(c.crt, 1, 0));
		certificate_step(&c, gnutls_x509_crt_set_key_usage(c.crt, GNUTLS_KEY_KEY_CERT_SIGN | GNUTLS_KEY_CRL_SIGN));
		certificate_step(&c, gnutls_x509_crt_sign2(c.crt, c.crt, c.key, GNUTLS_DIG_SHA256, 0));
		if (c.error == 0)
			rc = certificate_save_pair(&c, key_path, cert_path);
	}
	rc = certificate_result(&c, cert_path, rc);
	certificate_free(&c);
	return rc;
}

static void certificate_server_names(struct certificate *c, const char *name)
{
	static const uint8_t loopback4[4] = { 127, 0, 0, 1 };
	certificate_step(c, gnutls_x509_crt_set_subject_alt_name(c->crt, GNUTLS_SAN_DNSNAME, name,
			 (unsigned)strlen(name), GNUTLS_FSAN_SET));
	if (strcmp(name, "localhost") != 0)
		certificate_step(c, gnutls_x509_crt_set_subject_alt_name(c->crt, GNUTLS_SAN_DNSNAME, "localhost", 9,
				 GNUTLS_FSAN_APPEND));
	certificate_step(c, gnutls_x509_crt_set_subject_alt_name(c->crt, GNUTLS_SAN_IPADDRESS, loopback4,
			 sizeof loopback4, GNUTLS_FSAN_APPEND));
	certificate_step(c, gnutls_x509_crt_set_subject_alt_name(c->crt, GNUTLS_SAN_IPADDRESS, &in6addr_loopback,
			 sizeof in6addr_loopback, GNUTLS_FSAN_APPEND));
}

int certificate_issue(const char *ca_key_path, const char *ca_cert_path, const char *key_path, const char *cert_path,
		      const char *name, int is_server, unsigned days)
{
	struct certificate ca = { 0 }, c = { 0 };
	uint8_t authority[64];
	size_t authority_size = sizeof authority;
	int rc = 0;
	certificate_step(&c, certificate_init(&ca));
	if (c.error == 0)
		rc = certificate_load(&ca, ca_key_path, ca_cert_path);
	if (rc != 0 || ca.error != 0) {
		rc = certificate_result(&ca, ca_cert_path, rc);
		goto done;
	}
	if (certificate_init(&c) == 0) {
		certificate_begin(&c, name, days);
		certificate_step(&c, gnutls_x509_crt_set_basic_constraints(c.crt, 0, -1));
		certificate_step(&c, gnutls_x509_crt_set_key_usage(c.crt, GNUTLS_KEY_DIGITAL_SIGNATURE));
		/* One purpose each: a host's certificate can't pose as the server. */
		certificate_step(&c, gnutls_x509_crt_set_key_purpose_oid(c.crt,
				 is_server ? GNUTLS_KP_TLS_WWW_SERVER : GNUTLS_KP_TLS_WWW_CLIENT, 0));
		if (is_server)
			certificate_server_names(&c, name);
		certificate_step(&c, gnutls_x509_crt_get_subject_key_id(ca.crt, authority, &authority_size, NULL));
		certificate_step(&c, gnutls_x509_crt_set_authority_key_id(c.crt, authority, authority_size));
		certificate_step(&c, gnutls_x509_crt_sign2(c.crt, ca.crt, ca.key, GNUTLS_DIG_SHA256, 0));
		if (c.error == 0)
			rc = certificate_save_pair(&c, key_path, cert_path);
	}
	rc = certificate_result(&c, cert_path, rc);
done:
	certificate_free(&c);
	certificate_free(&ca);
	return rc;
}

int certificate_common_name(const void *der, size_t len, char *out, size_t size)
{
	struct buffer copy; /* gnutls_datum_t is not const */
	buffer_init(&copy, len);
	gnutls_x509_crt_t crt = NULL;
	int rc = buffer_put(&copy, der, len);
	const gnutls_datum_t data = { copy.data, (unsigned)copy.len };
	char name[256], second[256];
	size_t name_size = sizeof name, second_size = sizeof second;
	if (rc != 0)
		goto done;
	rc = ITM_EFORMAT;
	if (gnutls_x509_crt_init(&crt) != 0 || gnutls_x509_crt_import(crt, &data, GNUTLS_X509_FMT_DER) != 0 ||
	    gnutls_x509_crt_get_dn_by_oid(crt, GNUTLS_OID_X520_COMMON_NAME, 0, 0, name, &name_size) != 0 ||
	    gnutls_x509_crt_get_dn_by_oid(crt, GNUTLS_OID_X520_COMMON_NAME, 1, 0, second, &second_size) !=
		    GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE ||
	    strlen(name) != name_size)
		goto done;
	rc = name_size < size ? 0 : ITM_ELIMIT;
	if (rc == 0)
		memcpy(out, name, name_size + 1);
done:
	if (crt != NULL)
		gnutls_x509_crt_deinit(crt);
	buffer_free(&copy);
	return rc;
}
