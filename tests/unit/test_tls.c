/* tls.h and certificate.h over a socket pair: who gets in and who does not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "net/certificate.h"
#include "net/tls.h"

static char dir[] = "/tmp/itm-tls-XXXXXX";
static char host_name[ID_TEXT_SIZE];

enum { FILES = 64 };
static char paths[FILES][64];
static size_t path_count;

/* Names a file below dir; remembered so that it can be removed. */
static const char *file(const char *name)
{
	char path[64];
	snprintf(path, sizeof path, "%s/%s", dir, name);
	for (size_t i = 0; i < path_count; i++)
		if (strcmp(paths[i], path) == 0)
			return paths[i];
	assert_true(path_count < FILES);
	memcpy(paths[path_count], path, sizeof path);
	return paths[path_count++];
}

static int set_up(void **state)
{
	struct id id = id_random();
	if (mkdtemp(dir) == NULL)
		return -1;
	id_format(&id, host_name);
	int rc = certificate_make_ca(file("ca.key"), file("ca.crt"), "test CA", 10);
	rc |= certificate_make_ca(file("other.key"), file("other.crt"), "other CA", 10);
	rc |= certificate_issue(file("ca.key"), file("ca.crt"), file("server.key"), file("server.crt"), "itm.example", 1, 10);
	rc |= certificate_issue(file("ca.key"), file("ca.crt"), file("host.key"), file("host.crt"), host_name, 0, 10);
	rc |= certificate_issue(file("other.key"), file("other.crt"), file("alien.key"), file("alien.crt"), host_name, 0, 10);
	rc |= certificate_issue(file("other.key"), file("other.crt"), file("fake.key"), file("fake.crt"), "itm.example", 1, 10);
	rc |= certificate_issue(file("ca.key"), file("ca.crt"), file("old.key"), file("old.crt"), host_name, 0, 0);
	rc |= certificate_issue(file("ca.key"), file("ca.crt"), file("noid.key"), file("noid.crt"), "not-an-id", 0, 10);
	sleep(2); /* old.crt is valid for 0 days: to the second it was made in */
	return rc;
}

static int tear_down(void **state)
{
	for (size_t i = 0; i < path_count; i++)
		unlink(paths[i]);
	rmdir(dir);
	return 0;
}

struct ends { struct tls_context *server, *client; struct tls_link *s, *c; int s_result, c_result; };

static struct tls_context *context(const char *ca, const char *name, bool server)
{
	char error[256], cert[32], key[32];
	snprintf(cert, sizeof cert, "%s.crt", name);
	snprintf(key, sizeof key, "%s.key", name);
	struct tls_context *c = tls_context_new(file(ca), file(cert), file(key), server, error, sizeof error);
	assert_non_null(c);
	return c;
}

/* Shakes hands as far as both sides go. */
static void meet(struct ends *e, const char *server, const char *client, const char *client_ca, const char *expect)
{
	int pair[2];
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	e->server = context("ca.crt", server, true);
	e->client = context(client_ca, client, false);
	e->s = tls_link_new(e->server, pair[0], NULL);
	e->c = tls_link_new(e->client, pair[1], expect);
	assert_non_null(e->s);
	assert_non_null(e->c);
	e->s_result = e->c_result = ITM_EBUSY;
	for (int i = 0; i < 100; i++) {
		if (e->c_result == ITM_EBUSY)
			e->c_result = tls_link_handshake(e->c);
		if (e->s_result == ITM_EBUSY)
			e->s_result = tls_link_handshake(e->s);
	}
}

static void part(struct ends *e)
{
	tls_link_free(e->s);
	tls_link_free(e->c);
	tls_context_free(e->server);
	tls_context_free(e->client);
}

static void good(void **state)
{
	struct ends e;
	struct id id;
	char text[ID_TEXT_SIZE], got[8];
	meet(&e, "server", "host", "ca.crt", "itm.example");
	assert_int_equal(e.s_result, 0);
	assert_int_equal(e.c_result, 0);
	assert_int_equal(tls_link_peer(e.s, &id), 0);
	id_format(&id, text);
	assert_string_equal(text, host_name);
	assert_int_equal(tls_link_read(e.s, got, sizeof got), ITM_EBUSY);
	assert_int_equal(tls_link_write(e.c, "hello", 5), 5);
	assert_int_equal(tls_link_read(e.s, got, sizeof got), 5);
	assert_memory_equal(got, "hello", 5);
	tls_link_free(e.c);
	e.c = NULL;
	assert_int_equal(tls_link_read(e.s, got, sizeof got), ITM_ECLOSED);
	part(&e);
}

/* More than the socket takes: nothing is lost or doubled over ITM_EBUSY. */
static void large(void **state)
{
	enum { SIZE = 3 << 20 };
	struct ends e;
	uint8_t *out = malloc(SIZE), *in = malloc(SIZE + 1);
	size_t sent = 0, got = 0, waits = 0;
	meet(&e, "server", "host", "ca.crt", "localhost");
	for (size_t i = 0; i < SIZE; i++)
		out[i] = (uint8_t)(i * 2654435761u >> 13);
	while (got < SIZE) {
		ssize_t n = sent < SIZE ? tls_link_write(e.c, out + sent, SIZE - sent) : ITM_EBUSY;
		if (n > 0) {
			sent += (size_t)n;
			continue;
		}
		assert_int_equal(n, ITM_EBUSY);
		waits++;
		while ((n = tls_link_read(e.s, in + got, SIZE + 1 - got)) > 0)
			got += (size_t)n;
		assert_int_equal(n, ITM_EBUSY);
	}
	assert_true(waits > 1);
	assert_int_equal(got, SIZE);
	assert_memory_equal(in, out, SIZE);
	free(out);
	free(in);
	part(&e);
}

struct bad { const char *server, *client, *client_ca, *expect; bool client_refuses; };

static void refused(void **state)
{
	static const struct bad cases[] = {
		{ "server", "alien", "ca.crt", "itm.example", false },   /* a host of another CA */
		{ "server", "old", "ca.crt", "itm.example", false },     /* expired */
		{ "server", "server", "ca.crt", "itm.example", false },  /* a server's certificate used by a client */
		{ "server", "host", "other.crt", "itm.example", true },  /* a client that trusts another CA */
		{ "fake", "host", "ca.crt", "itm.example", true },       /* a server of another CA */
		{ "server", "host", "ca.crt", "evil.example", true },    /* another name */
		{ "server", "host", "ca.crt", "127.0.0.2", true },       /* another address */
		{ "host", "host", "ca.crt", "itm.example", true },       /* a host that poses as the server */
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct ends e;
		const struct bad *b = &cases[i];
		meet(&e, b->server, b->client, b->client_ca, b->expect);
		if (b->client_refuses)
			assert_int_equal(e.c_result, ITM_ECRYPTO);
		assert_true(e.s_result != 0 && e.s_result != ITM_EBUSY);
		assert_true(tls_link_error(b->client_refuses ? e.c : e.s)[0] != '\0');
		part(&e);
	}
}

static void loopback_names(void **state)
{
	static const char *const names[] = { "127.0.0.1", "::1", "localhost", "itm.example" };
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		struct ends e;
		meet(&e, "server", "host", "ca.crt", names[i]);
		assert_int_equal(e.c_result, 0);
		assert_int_equal(e.s_result, 0);
		part(&e);
	}
}

static void name_is_no_id(void **state)
{
	struct ends e;
	struct id id;
	meet(&e, "server", "noid", "ca.crt", "itm.example");
	assert_int_equal(e.s_result, 0);
	assert_int_equal(tls_link_peer(e.s, &id), ITM_EFORMAT);
	part(&e);
}

/* A client that has none yet. */
static void no_certificate(void **state)
{
	struct ends e = { .s_result = ITM_EBUSY, .c_result = ITM_EBUSY };
	int pair[2];
	char error[256];
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	e.server = context("ca.crt", "server", true);
	e.client = tls_context_new(file("ca.crt"), NULL, NULL, false, error, sizeof error);
	assert_non_null(e.client);
	e.s = tls_link_new(e.server, pair[0], NULL);
	e.c = tls_link_new(e.client, pair[1], "itm.example");
	for (int i = 0; i < 100; i++) {
		if (e.c_result == ITM_EBUSY)
			e.c_result = tls_link_handshake(e.c);
		if (e.s_result == ITM_EBUSY)
			e.s_result = tls_link_handshake(e.s);
	}
	assert_int_equal(e.s_result, ITM_ECRYPTO);
	part(&e);
}

/* TLS 1.2 is not spoken: a ClientHello without supported_versions. */
static void old_version(void **state)
{
	static const uint8_t hello[] = {
		22, 3, 1, 0, 45,                 /* record: handshake */
		1, 0, 0, 41, 3, 3,               /* ClientHello, TLS 1.2 */
		1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16,
		1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16,
		0, 0, 2, 0xc0, 0x2b, 1, 0,       /* no session, ECDHE-ECDSA-AES128-GCM, no compression */
	};
	int pair[2];
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	struct tls_context *server = context("ca.crt", "server", true);
	struct tls_link *s = tls_link_new(server, pair[0], NULL);
	assert_int_equal(write(pair[1], hello, sizeof hello), (ssize_t)sizeof hello);
	assert_int_equal(tls_link_handshake(s), ITM_ENET);
	assert_string_not_equal(tls_link_error(s), "");
	tls_link_free(s);
	close(pair[1]);
	tls_context_free(server);
}

static void keeps_what_is_there(void **state)
{
	struct stat st;
	assert_int_equal(certificate_make_ca(file("ca.key"), file("ca.crt"), "again", 10), ITM_EBUSY);
	assert_int_equal(certificate_issue(file("ca.key"), file("ca.crt"), file("host.key"), file("new.crt"), "x", 0, 1), ITM_EBUSY);
	assert_int_not_equal(access(file("new.crt"), F_OK), 0);
	assert_int_equal(stat(file("ca.key"), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(certificate_common_name("junk", 4, (char[8]){ 0 }, 8), ITM_EFORMAT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good), cmocka_unit_test(large), cmocka_unit_test(refused), cmocka_unit_test(loopback_names),
		cmocka_unit_test(name_is_no_id), cmocka_unit_test(no_certificate), cmocka_unit_test(old_version),
		cmocka_unit_test(keeps_what_is_there),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
