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

/* Keys and CA, shared by links, which it must outlive.  error gets words; NULL
 * on failure.  A server takes only certificates of ca_file made for clients, a
 * client only those made for servers.  A client that has no certificate yet
 * gives NULL for it and the key. */
struct tls_context;
struct tls_context *tls_context_new(const char *ca_file, const char *cert_file, const char *key_file, bool server,
				    char *error, size_t error_size);
void tls_context_free(struct tls_context *c);

struct tls_link;
/* Takes fd, also on failure (a connected or connecting stream socket; it is
 * made non-blocking, TCP_NODELAY).  expect_name: for clients, the DNS name or
 * address that the server's certificate must have; copied. */
struct tls_link *tls_link_new(struct tls_context *c, int fd, const char *expect_name);
/* Closes the socket.  close_notify is sent if it can be without waiting. */
void tls_link_free(struct tls_link *l);
int tls_link_fd(const struct tls_link *l);
/* 0 done; ITM_EBUSY wants poll for tls_link_events; else ITM_ENET/ITM_ECRYPTO, words in tls_link_error. */
int tls_link_handshake(struct tls_link *l);
short tls_link_events(const struct tls_link *l);      /* POLLIN / POLLOUT */
/* Read until ITM_EBUSY: what TLS holds already does not wake poll.  After a
 * write gave ITM_EBUSY, the next write must begin with the same bytes.
 * ITM_ECLOSED: the peer closed in good order. */
ssize_t tls_link_read(struct tls_link *l, void *data, size_t size);        /* n, ITM_EBUSY, ITM_ECLOSED, ITM_ENET */
ssize_t tls_link_write(struct tls_link *l, const void *data, size_t len);  /* n, ITM_EBUSY, ... */
/* The host id in the peer's certificate (subject CN), after the handshake.  0,
 * ITM_EFORMAT (the CN is no id). */
int tls_link_peer(const struct tls_link *l, struct id *host);
const char *tls_link_error(const struct tls_link *l);

#endif
