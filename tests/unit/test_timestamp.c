/* Time stamps: made by a real authority in a folder of ours (openssl ts), and
 * what a verifier makes of them: theirs, another's, on another log, altered. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/atomicfile.h"
#include "base/error.h"
#include "cli/machine.h"
#include "cli/tsa.h"
#include "cli/walk.h"
#include "store/stamps.h"
#include "store/tile.h"
#include "store/tlog.h"
#include "tests/unit/fakestore.h"

static const char openssl[] = "/usr/bin/openssl";

struct authority { char dir[64], ca[96], config[96]; };

struct place {
	struct fakestore store;
	struct fakesession session;
	struct tlog *tlog;
	char log[128], stamps[160];
};

static void run_openssl(const char *const *argv)
{
	struct machine m;
	struct buffer said;
	buffer_init(&said, 1 << 16);
	assert_int_equal(machine_init(&m, NULL), 0);
	if (machine_run(&m, argv, &said) != 0)
		fail_msg("openssl %s: %s", argv[1], buffer_text(&said));
	buffer_free(&said);
}

static void write_text(const char *path, const char *text)
{
	assert_int_equal(atomicfile_write(path, text, strlen(text), 0600), 0);
}

/* A certificate that may stamp, signed by itself: its own CA. */
static void authority_open(struct authority *a)
{
	char key[96], certificate[96], text[1024], serial[96], request[96];
	snprintf(a->dir, sizeof a->dir, "/tmp/itm-test-tsa-XXXXXX");
	assert_non_null(mkdtemp(a->dir));
	snprintf(a->ca, sizeof a->ca, "%s/ca.pem", a->dir);
	snprintf(a->config, sizeof a->config, "%s/tsa.cnf", a->dir);
	snprintf(key, sizeof key, "%s/key.pem", a->dir);
	snprintf(serial, sizeof serial, "%s/serial", a->dir);
	snprintf(certificate, sizeof certificate, "%s", a->ca);
	snprintf(request, sizeof request, "%s/req.cnf", a->dir);
	write_text(request, "[req]\ndistinguished_name = n\nx509_extensions = e\n[n]\n[e]\nbasicConstraints = CA:TRUE\n"
		   "extendedKeyUsage = critical,timeStamping\n");
	run_openssl((const char *const[]){ openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-config", request,
					   "-keyout", key, "-out", certificate, "-days", "30", "-subj", "/CN=authority", NULL });
	write_text(serial, "01\n");
	snprintf(text, sizeof text, "[tsa]\ndefault_tsa = t\n[t]\nserial = %s\nsigner_cert = %s\nsigner_key = %s\n"
		 "signer_digest = sha256\ndefault_policy = 1.2.3.4\ndigests = sha256\ness_cert_id_alg = sha256\n",
		 serial, certificate, key);
	write_text(a->config, text);
}

static void authority_close(struct authority *a)
{
	static const char *const names[] = { "ca.pem", "tsa.cnf", "key.pem", "serial", "serial.old", "req.cnf", "query", "response" };
	char path[96];
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		snprintf(path, sizeof path, "%s/%s", a->dir, names[i]);
		unlink(path);
	}
	assert_int_equal(rmdir(a->dir), 0);
}

/* The authority's answer to a query. */
static void authority_answer(const struct authority *a, const struct buffer *query, struct buffer *response)
{
	char in[96], out[96];
	snprintf(in, sizeof in, "%s/query", a->dir);
	snprintf(out, sizeof out, "%s/response", a->dir);
	assert_int_equal(atomicfile_write(in, query->data, query->len, 0600), 0);
	run_openssl((const char *const[]){ openssl, "ts", "-reply", "-config", a->config, "-queryfile", in, "-out", out, NULL });
	buffer_init(response, STAMPS_RESPONSE_MAX);
	assert_int_equal(atomicfile_read(out, response), 0);
}

static void stamp(const struct authority *a, const void *data, size_t len, struct buffer *response)
{
	char words[TSA_WORDS_SIZE];
	struct buffer query;
	buffer_init(&query, TSA_QUERY_MAX);
	if (tsa_query(data, len, &query, words) != 0)
		fail_msg("%s", words);
	authority_answer(a, &query, response);
	buffer_free(&query);
}

static void blocks(struct place *p, int count, uint16_t flags)
{
	assert_int_equal(evidence_begin(p->store.evidence), 0);
	for (int i = 0; i < count; i++) {
		fakestore_out(&p->session, p->store.sequence * 10, "words\r\n");
		fakestore_chunk(&p->store, &p->session, i + 1 == count ? flags : 0);
	}
	assert_int_equal(evidence_commit(p->store.evidence), 0);
	assert_int_equal(tlog_publish(p->tlog), 1);
}

static void place_open(struct place *p, const struct place *same_server)
{
	int error = 0;
	fakestore_open(&p->store);
	if (same_server != NULL) {
		p->store.server = same_server->store.server;
		p->store.log = same_server->store.log;
	}
	fakestore_session(&p->session, 1000, "alice", "pty");
	snprintf(p->log, sizeof p->log, "%s/log", p->store.store);
	snprintf(p->stamps, sizeof p->stamps, "%s/stamps", p->log);
	assert_int_equal(atomicfile_mkdir(p->log, 0750), 0);
	p->tlog = tlog_open(p->store.store, p->store.evidence, &p->store.server, &p->store.log, &error);
	assert_non_null(p->tlog);
}

static void place_close(struct place *p)
{
	tlog_close(p->tlog);
	fakestore_session_free(&p->session);
	fakestore_close(&p->store);
}

/* The log as it is now is stamped, and the stamp kept with folder `to`. */
static void place_stamp(struct place *p, const struct authority *a, const char *to)
{
	struct buffer note, response;
	buffer_init(&note, NOTE_MAX);
	assert_int_equal(tile_checkpoint(p->log, &note), 0);
	stamp(a, note.data, note.len, &response);
	assert_int_equal(stamps_send(to, &note), 0);
	assert_int_equal(stamps_keep(to, tlog_size(p->tlog), &note, &response), 0);
	buffer_free(&note);
	buffer_free(&response);
}

static enum verdict verify(const struct place *p, bool session, const char *ca, struct verify_result *out,
			   char flaw[VERIFY_DETAIL_SIZE])
{
	struct tsa_stamps stamps;
	struct walk w;
	walk_init(&w);
	tsa_stamps_init(&stamps, ca);
	snprintf(stamps.log, sizeof stamps.log, "%s", p->log);
	memcpy(w.trust.log, p->store.log.public_key, SIGN_PUBLIC_SIZE);
	w.trust.has_log = true;
	w.trust.stamped = ca != NULL ? tsa_stamps_at : NULL;
	w.trust.stamps = &stamps;
	w.one_stream = session;
	assert_int_equal(session ? walk_session(&w, p->store.store, &p->session.id) : walk_store(&w, p->store.store), 0);
	enum verdict verdict = walk_finish(&w);
	assert_int_equal(w.host_count, 1);
	*out = w.hosts[0].result;
	memcpy(flaw, w.flaw, VERIFY_DETAIL_SIZE);
	walk_free(&w);
	tsa_stamps_free(&stamps);
	return verdict;
}

static void times_are_read(void **state)
{
	static const struct { const char *text; int64_t at; } table[] = {
		{ "Time stamp: Nov 24 00:31:16.629 2026 GMT\n", 1795480276 },
		{ "Using configuration from x\nVersion: 1\nTime stamp: Jan  1 00:00:00 2000 GMT\nTSA: \nTime stamp: Jan  2 00:00:00 2001 GMT", 946684800 },
		{ "Version: 1\n x Time stamp: Jan  1 00:00:00 2000 GMT\n", ITM_EFORMAT },
		{ "Time stamp: anJ  1 00:00:00 2000 GMT\n", ITM_EFORMAT }, { "Time stamp: Jan 41 00:00:00 2000 GMT\n", ITM_EFORMAT },
		{ "Time stamp: Jan  1 00:00:00 2000 CET\n", ITM_EFORMAT }, { "Time stamp: Jan  1 00:00:00", ITM_EFORMAT },
		{ "Time stamp: ", ITM_EFORMAT }, { "", ITM_EFORMAT },
	};
	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
		assert_int_equal(tsa_time(table[i].text), table[i].at);
	assert_int_equal(tsa_time(NULL), ITM_EFORMAT);
}

static void a_stamp_is_for_its_bytes_and_its_authority(void **state)
{
	static const char data[] = "what was so then";
	struct authority a, other;
	char words[TSA_WORDS_SIZE];
	struct buffer response;
	int64_t at = 0, now = (int64_t)time(NULL);
	authority_open(&a);
	authority_open(&other);
	stamp(&a, data, sizeof data, &response);
	if (tsa_check(data, sizeof data, &response, a.ca, &at, words) != 0)
		fail_msg("%s", words);
	assert_true(at >= now && at <= (int64_t)time(NULL));
	assert_int_equal(tsa_check(data, sizeof data - 1, &response, a.ca, &at, words), ITM_ECRYPTO);
	assert_non_null(strstr(words, "does not fit"));
	assert_int_equal(tsa_check(data, sizeof data, &response, other.ca, &at, words), ITM_ECRYPTO);
	assert_int_equal(tsa_check(data, sizeof data, &response, "/nonexistent", &at, words), ITM_EINVAL);
	/* No byte may be altered; where it is outside what is signed, it is the
	 * status that nobody shows. */
	for (size_t i = 20; i < response.len; i += response.len / 16) {
		int64_t then = at;
		response.data[i] ^= 1;
		if (tsa_check(data, sizeof data, &response, a.ca, &then, words) == 0)
			assert_int_equal(then, at);
		response.data[i] ^= 1;
	}
	response.len /= 2;
	assert_int_equal(tsa_check(data, sizeof data, &response, a.ca, &at, words), ITM_ECRYPTO);
	assert_non_null(strstr(words, "no stamp"));
	buffer_free(&response);
	authority_close(&a);
	authority_close(&other);
}

static void verifiers_demand_a_stamp(void **state)
{
	char flaw[VERIFY_DETAIL_SIZE];
	struct verify_result r;
	struct authority a, other;
	struct place p;
	authority_open(&a);
	authority_open(&other);
	place_open(&p, NULL);
	blocks(&p, 20, 0);
	assert_int_equal(verify(&p, false, a.ca, &r, flaw), VERDICT_UNATTESTED);
	place_stamp(&p, &a, p.stamps);
	blocks(&p, 20, CHUNK_END);
	assert_int_equal(verify(&p, false, a.ca, &r, flaw), VERDICT_UNATTESTED);
	assert_int_equal(r.stamped_sequence, 20);
	assert_int_equal(verify(&p, true, a.ca, &r, flaw), VERDICT_UNATTESTED);
	assert_int_equal(r.stamped_sequence, 1); /* its countersignature */
	place_stamp(&p, &a, p.stamps);
	int64_t now = (int64_t)time(NULL);
	assert_int_equal(verify(&p, true, a.ca, &r, flaw), VERDICT_OK);
	assert_int_equal(r.stamped_sequence, 40);
	assert_true((int64_t)r.stamped_at > now - 60 && (int64_t)r.stamped_at <= now);
	assert_int_equal(verify(&p, true, other.ca, &r, flaw), VERDICT_UNATTESTED);
	assert_int_equal(verify(&p, false, other.ca, &r, flaw), VERDICT_UNATTESTED);
	/* Not demanded, it takes nothing away; nor do leaves that come later. */
	assert_int_equal(verify(&p, true, NULL, &r, flaw), VERDICT_OK);
	struct id first = p.session.id;
	fakestore_session_free(&p.session);
	fakestore_session(&p.session, 1001, "bob", "pty");
	blocks(&p, 300, CHUNK_END);
	assert_int_equal(verify(&p, true, a.ca, &r, flaw), VERDICT_UNATTESTED);
	assert_int_equal(verify(&p, true, NULL, &r, flaw), VERDICT_OK);
	struct id second = p.session.id;
	p.session.id = first;
	assert_int_equal(verify(&p, true, a.ca, &r, flaw), VERDICT_OK);
	p.session.id = second;
	place_close(&p);
	authority_close(&a);
	authority_close(&other);
}

static void verifiers_see_a_log_that_was_not_stamped(void **state)
{
	char flaw[VERIFY_DETAIL_SIZE];
	struct verify_result r;
	struct authority a;
	struct place p, fork;
	authority_open(&a);
	place_open(&p, NULL);
	place_open(&fork, &p);
	blocks(&p, 20, 0);
	blocks(&fork, 5, 0);
	place_stamp(&p, &a, fork.stamps);
	assert_int_equal(verify(&fork, false, a.ca, &r, flaw), VERDICT_TAMPERED);
	assert_non_null(strstr(flaw, "went back"));
	blocks(&fork, 30, 0);
	assert_int_equal(verify(&fork, false, a.ca, &r, flaw), VERDICT_TAMPERED);
	assert_non_null(strstr(flaw, "forked"));
	assert_int_equal(verify(&fork, false, NULL, &r, flaw), VERDICT_OPEN_TAIL);
	/* No receipt of a session is made by a stamp that is not its log's. */
	blocks(&p, 30, CHUNK_END);
	place_stamp(&fork, &a, p.stamps);
	assert_int_equal(verify(&p, true, NULL, &r, flaw), VERDICT_OK);
	assert_int_equal(verify(&p, true, a.ca, &r, flaw), VERDICT_UNATTESTED);
	place_close(&p);
	place_close(&fork);
	authority_close(&a);
}

static void the_nearest_stamps_are_found(void **state)
{
	static const char *const others[] = { "pending", "12.checkpoint", "07.tsr", ".tsr", "x.tsr", "9.tsrx", "1234567890123456789.tsr" };
	static const uint64_t sizes[] = { 9, 12, 256, 70000 };
	char dir[] = "/tmp/itm-test-stamps-XXXXXX", path[STAMPS_PATH_SIZE];
	struct buffer note, response;
	assert_non_null(mkdtemp(dir));
	assert_int_equal(stamps_above(dir, 0), 0);
	assert_int_equal(stamps_above("/nonexistent", 0), 0);
	buffer_init(&note, 100);
	buffer_init(&response, 100);
	assert_int_equal(buffer_put_text(&note, "note") | buffer_put_text(&response, "response"), 0);
	for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
		snprintf(path, sizeof path, "%s/%s", dir, others[i]);
		write_text(path, "");
	}
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(stamps_keep(dir, sizes[i], &note, &response), 0);
	assert_int_equal(stamps_above(dir, 0), 9);
	assert_int_equal(stamps_above(dir, 9), 12);
	assert_int_equal(stamps_above(dir, 13), 256);
	assert_int_equal(stamps_above(dir, 70000), 0);
	assert_int_equal(stamps_below(dir, UINT64_MAX), 70000);
	assert_int_equal(stamps_below(dir, 256), 12);
	assert_int_equal(stamps_below(dir, 9), 0);
	buffer_clear(&note);
	buffer_clear(&response);
	assert_int_equal(stamps_read(dir, 12, &note, &response), 0);
	assert_string_equal(buffer_text(&response), "response");
	assert_int_equal(stamps_read(dir, 13, &note, &response), ITM_ENOENT);
	buffer_free(&note);
	buffer_free(&response);
	for (size_t i = 0; i < sizeof others / sizeof others[0] + 4; i++) {
		if (i < 4)
			snprintf(path, sizeof path, "%s/%llu.tsr", dir, (unsigned long long)sizes[i]);
		else
			snprintf(path, sizeof path, "%s/%s", dir, others[i - 4]);
		unlink(path);
		if (i < 4)
			stamps_path(dir, sizes[i], "checkpoint", path);
		unlink(path);
	}
	assert_int_equal(rmdir(dir), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(times_are_read),
		cmocka_unit_test(the_nearest_stamps_are_found),
		cmocka_unit_test(a_stamp_is_for_its_bytes_and_its_authority),
		cmocka_unit_test(verifiers_demand_a_stamp),
		cmocka_unit_test(verifiers_see_a_log_that_was_not_stamped),
	};
	if (access(openssl, X_OK) != 0) {
		print_message("SKIPPED: no %s\n", openssl);
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
