#include "net/tls.h"

#include <errno.h>
#include <fcntl.h>
#include <gnutls/gnutls.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/certificate.h"

/* GnuTLS names of purposes are in its x509 header, which has its own door. */
#define TLS_PURPOSE_SERVER "1.3.6.1.5.5.7.3.1" /* RFC 5280 4.2.1.12, id-kp-serverAuth */
#define TLS_PURPOSE_CLIENT "1.3.6.1.5.5.7.3.2" /* id-kp-clientAuth */

#define TLS_PRIORITY "SECURE128:-VERS-ALL:+VERS-TLS1.3"

enum { TLS_RECORD_MAX = 16384, TLS_NAME_SIZE = 256, TLS_ERROR_SIZE = 256 };

struct tls_context {
	bool server;
	gnutls_certificate_credentials_t credentials;
	gnutls_priority_t priority;
};

struct tls_link {
	gnutls_session_t session;
	int fd;
	bool server;
	bool writing;            /* a record is under way inside GnuTLS */
	char expect[TLS_NAME_SIZE];
	gnutls_typed_vdata_st check[2];
	char error[TLS_ERROR_SIZE];
};

static int tls_context_load(struct tls_context *c, const char *ca_file, const char *cert_file, const char *key_file,
			    char *error, size_t error_size)
{
	int rc = gnutls_certificate_allocate_credentials(&c->credentials);
	if (rc < 0) {
		snprintf(error, error_size, "%s", gnutls_strerror(rc));
		return ITM_ENOMEM;
	}
	rc = gnutls_certificate_set_x509_trust_file(c->credentials, ca_file, GNUTLS_X509_FMT_PEM);
	if (rc <= 0) {
		snprintf(error, error_size, "%s: %s", ca_file, rc == 0 ? "no certificate in it" : gnutls_strerror(rc));
		return ITM_ECRYPTO;
	}
	if (cert_file != NULL || c->server)
		rc = gnutls_certificate_set_x509_key_file(c->credentials, cert_file, key_file, GNUTLS_X509_FMT_PEM);
	if (rc < 0) {
		snprintf(error, error_size, "%s, %s: %s", cert_file, key_file, gnutls_strerror(rc));
		return ITM_ECRYPTO;
	}
	rc = gnutls_priority_init(&c->priority, TLS_PRIORITY, NULL);
	if (rc < 0) {
		snprintf(error, error_size, "TLS 1.3: %s", gnutls_strerror(rc));
		return ITM_ECRYPTO;
	}
	return 0;
}

struct tls_context *tls_context_new(const char *ca_file, const char *cert_file, const char *key_file, bool server,
				    char *error, size_t error_size)
{
	struct tls_context *c = calloc(1, sizeof *c);
	if (c == NULL) {
		snprintf(error, error_size, "%s", error_text(ITM_ENOMEM));
		return NULL;
	}
	c->server = server;
	if (tls_context_load(c, ca_file, cert_file, key_file, error, error_size) != 0) {
		tls_context_free(c);
		return NULL;
	}
	return c;
}

void tls_context_free(struct tls_context *c)
{
	if (c == NULL)
		return;
	if (c->priority != NULL)
		gnutls_priority_deinit(c->priority);
	if (c->credentials != NULL)
		gnutls_certificate_free_credentials(c->credentials);
	free(c);
}

/* The purpose is checked on both sides, the name by the client only: the
 * server learns who it is from the certificate, it expects nobody. */
static void tls_link_expect(struct tls_link *l)
{
	static unsigned char for_server[] = TLS_PURPOSE_SERVER, for_client[] = TLS_PURPOSE_CLIENT;
	l->check[0].type = GNUTLS_DT_KEY_PURPOSE_OID;
	l->check[0].data = l->server ? for_client : for_server;
	l->check[1].type = GNUTLS_DT_DNS_HOSTNAME;
	l->check[1].data = (unsigned char *)l->expect;
	gnutls_session_set_verify_cert2(l->session, l->check, l->server ? 1 : 2, 0);
}

static int tls_link_start(struct tls_link *l, struct tls_context *c)
{
	unsigned flags = GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL | GNUTLS_NO_TICKETS |
			 (c->server ? GNUTLS_SERVER : GNUTLS_CLIENT);
	int one = 1, mode = fcntl(l->fd, F_GETFL);
	if (mode < 0 || fcntl(l->fd, F_SETFL, mode | O_NONBLOCK) != 0)
		return ITM_ESYS;
	/* Fails on the socket pairs of tests, where it means nothing. */
	setsockopt(l->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	if (gnutls_init(&l->session, flags) < 0)
		return ITM_ENOMEM;
	if (gnutls_priority_set(l->session, c->priority) < 0 ||
	    gnutls_credentials_set(l->session, GNUTLS_CRD_CERTIFICATE, c->credentials) < 0)
		return ITM_ECRYPTO;
	if (c->server)
		gnutls_certificate_server_set_request(l->session, GNUTLS_CERT_REQUIRE);
	tls_link_expect(l);
	gnutls_transport_set_int(l->session, l->fd);
	/* Time limits are the caller's: it knows what it waits for. */
	gnutls_handshake_set_timeout(l->session, GNUTLS_INDEFINITE_TIMEOUT);
	return 0;
}

struct tls_link *tls_link_new(struct tls_context *c, int fd, const char *expect_name)
{
	struct tls_link *l = calloc(1, sizeof *l);
	if (l == NULL || (!c->server && (expect_name == NULL || strlen(expect_name) >= sizeof l->expect))) {
		free(l);
		close(fd);
		return NULL;
	}
	l->fd = fd;
	l->server = c->server;
	snprintf(l->expect, sizeof l->expect, "%s", expect_name != NULL ? expect_name : "");
	if (tls_link_start(l, c) != 0) {
		tls_link_free(l);
		return NULL;
	}
	return l;
}

void tls_link_free(struct tls_link *l)
{
	if (l == NULL)
		return;
	if (l->session != NULL) {
		gnutls_bye(l->session, GNUTLS_SHUT_WR);
		gnutls_deinit(l->session);
	}
	close(l->fd);
	free(l);
}

int tls_link_fd(const struct tls_link *l)
{
	return l->fd;
}

/* Why a handshake failed: for certificates the reason, not just that. */
static void tls_link_words(struct tls_link *l, int code)
{
	gnutls_datum_t words = { 0 };
	unsigned status = gnutls_session_get_verify_cert_status(l->session);
	if (code == GNUTLS_E_CERTIFICATE_VERIFICATION_ERROR &&
	    gnutls_certificate_verification_status_print(status, GNUTLS_CRT_X509, &words, 0) == 0) {
		snprintf(l->error, sizeof l->error, "%s", (const char *)words.data);
		gnutls_free(words.data);
	} else if (code == GNUTLS_E_FATAL_ALERT_RECEIVED) {
		const char *alert = gnutls_alert_get_name(gnutls_alert_get(l->session));
		snprintf(l->error, sizeof l->error, "the peer refuses: %s", alert != NULL ? alert : "unknown alert");
	} else {
		snprintf(l->error, sizeof l->error, "%s", gnutls_strerror(code));
	}
}

static bool tls_code_again(int code)
{
	return code == GNUTLS_E_AGAIN || code == GNUTLS_E_INTERRUPTED;
}

int tls_link_handshake(struct tls_link *l)
{
	int code;
	do
		code = gnutls_handshake(l->session);
	while (code < 0 && !tls_code_again(code) && !gnutls_error_is_fatal(code));
	if (code == 0)
		return 0;
	if (tls_code_again(code))
		return ITM_EBUSY;
	tls_link_words(l, code);
	if (code == GNUTLS_E_CERTIFICATE_VERIFICATION_ERROR || code == GNUTLS_E_NO_CERTIFICATE_FOUND ||
	    code == GNUTLS_E_CERTIFICATE_REQUIRED) {
		gnutls_alert_send_appropriate(l->session, code);
		return ITM_ECRYPTO;
	}
	return ITM_ENET;
}

short tls_link_events(const struct tls_link *l)
{
	return gnutls_record_get_direction(l->session) == 1 ? POLLOUT : POLLIN;
}

ssize_t tls_link_read(struct tls_link *l, void *data, size_t size)
{
	ssize_t n;
	do
		n = gnutls_record_recv(l->session, data, size);
	while (n < 0 && !tls_code_again((int)n) && !gnutls_error_is_fatal((int)n));
	if (n > 0)
		return n;
	if (n == 0)
		return ITM_ECLOSED;
	if (tls_code_again((int)n))
		return ITM_EBUSY;
	tls_link_words(l, (int)n);
	return ITM_ENET;
}

ssize_t tls_link_write(struct tls_link *l, const void *data, size_t len)
{
	ssize_t n;
	if (len > TLS_RECORD_MAX)
		len = TLS_RECORD_MAX;
	if (len == 0)
		return 0;
	/* A record that could not be sent whole is kept inside GnuTLS; it is
	 * flushed by a call without data, which then reports its length. */
	do
		n = gnutls_record_send(l->session, l->writing ? NULL : data, l->writing ? 0 : len);
	while (n < 0 && !tls_code_again((int)n) && !gnutls_error_is_fatal((int)n));
	l->writing = n < 0 && tls_code_again((int)n);
	if (n >= 0)
		return n;
	if (l->writing)
		return ITM_EBUSY;
	tls_link_words(l, (int)n);
	return ITM_ENET;
}

int tls_link_peer(const struct tls_link *l, struct id *host)
{
	unsigned count = 0;
	const gnutls_datum_t *peers = gnutls_certificate_get_peers(l->session, &count);
	char name[ID_TEXT_SIZE];
	if (peers == NULL || count == 0)
		return ITM_EFORMAT;
	int rc = certificate_common_name(peers[0].data, peers[0].size, name, sizeof name);
	return rc == 0 ? id_parse(name, host) : ITM_EFORMAT;
}

const char *tls_link_error(const struct tls_link *l)
{
	return l->error;
}
