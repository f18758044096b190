/* tls: TLS 1.3 with certificates on both sides; the only door to GnuTLS's
 * sessions.  Non-blocking, driven by the caller's poll loop. */
#ifndef ITM_NET_TLS_H
#define ITM_NET_TLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/id.h"

struct tls_context; /* keys and CA, shared by links; reference-free: outlives its links */
struct tls_context *tls_context_new(const char *ca_file, const char *cert_file, const char *key_file, bool server, char *error, size_t error_size);
void tls_context_free(struct tls_context *c);

struct tls_link;
/* Takes fd (connected TCP, made non-blocking, TCP_NODELAY). */
struct tls_link *tls_link_new(struct tls_context *c, int fd, const char *expect_name); /* client: name in the server's certificate */
void tls_link_free(struct tls_link *l);
int tls_link_fd(const struct tls_link *l);
/* 0 done; ITM_EBUSY wants poll for tls_link_events; else ITM_ENET/ITM_ECRYPTO, words in tls_link_error. */
int tls_link_handshake(struct tls_link *l);
short tls_link_events(const struct tls_link *l);      /* POLLIN / POLLOUT */
ssize_t tls_link_read(struct tls_link *l, void *data, size_t size);        /* n, ITM_EBUSY, ITM_ECLOSED, ITM_ENET */
ssize_t tls_link_write(struct tls_link *l, const void *data, size_t len);  /* n, ITM_EBUSY, ... */
/* The host id in the peer's certificate (subject CN), after the handshake. */
int tls_link_peer(const struct tls_link *l, struct id *host);
const char *tls_link_error(const struct tls_link *l);

#endif
