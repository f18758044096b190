/* certificate: makes the CA and the certificates of server and hosts (X.509,
 * ECDSA P-256); the only door to gnutls/x509.h. */
#ifndef ITM_NET_CERTIFICATE_H
#define ITM_NET_CERTIFICATE_H

#include <stddef.h>

#include "base/error.h"

/* Each writes key (0600) and certificate (0644) in PEM; refuses to overwrite
 * (ITM_EBUSY).  days of validity, from an hour ago.  0, ITM_ESYS, ITM_ECRYPTO
 * (the log has GnuTLS's words). */
int certificate_make_ca(const char *key_path, const char *cert_path, const char *name, unsigned days);
/* server: subjectAltName dns name and 127.0.0.1, ::1; host: CN = name, the host id. */
int certificate_issue(const char *ca_key_path, const char *ca_cert_path, const char *key_path, const char *cert_path,
		      const char *name, int is_server, unsigned days);

/* The subject's common name of a DER certificate.  0, ITM_EFORMAT (not a
 * certificate, no CN or more than one), ITM_ELIMIT (does not fit). */
int certificate_common_name(const void *der, size_t len, char *out, size_t size);

#endif
