/* The witness: cosigns a log that goes on, refuses one that was forked, rolled
 * back, replayed or signed by another; and what a verifier makes of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/atomicfile.h"
#include "base/error.h"
#include "cli/walk.h"
#include "store/cosigned.h"
#include "store/tlog.h"
#include "store/witness.h"
#include "tests/unit/fakestore.h"

enum { NOW = 1790000000 };

struct place {
	struct fakestore store;
	struct fakesession session;
	struct tlog *tlog;
	char log[128], cosigned[160], dir[128];
	struct witness witness;
	char words[WITNESS_WORDS_SIZE];
	struct checkpoint seen;
};

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

/* A store and its log; the same server as another's, or its own. */
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
	snprintf(p->cosigned, sizeof p->cosigned, "%s/cosigned", p->log);
	snprintf(p->dir, sizeof p->dir, "%s/witness", p->store.dir);
	assert_int_equal(atomicfile_mkdir(p->log, 0750), 0);
	p->tlog = tlog_open(p->store.store, p->store.evidence, &p->store.server, &p->store.log, &error);
	assert_non_null(p->tlog);
}

static void witness_begin(struct place *p)
{
	assert_int_equal(witness_init(p->dir, "witness.example", p->store.log.public_key), 0);
	assert_int_equal(witness_open(&p->witness, p->dir, p->words), 0);
}

static void place_close(struct place *p)
{
	tlog_close(p->tlog);
	fakestore_session_free(&p->session);
	fakestore_close(&p->store);
}

static enum witness_outcome look(struct place *p, const char *log)
{
	return witness_look(&p->witness, log, NOW, &p->seen, p->words);
}

static void cosign(struct place *p)
{
	assert_int_equal(look(p, p->log), WITNESS_COSIGNED);
	assert_int_equal(witness_publish(&p->witness, p->cosigned), 0);
}

static void read_file(const char *dir, const char *name, struct buffer *b)
{
	char path[256];
	snprintf(path, sizeof path, "%s/%s", dir, name);
	buffer_init(b, 1 << 20);
	assert_int_equal(atomicfile_read(path, b), 0);
}

static void write_file(const char *dir, const char *name, const struct buffer *b)
{
	char path[256];
	snprintf(path, sizeof path, "%s/%s", dir, name);
	assert_int_equal(atomicfile_write(path, b->data, b->len, 0600), 0);
}

static bool is_there(const char *dir, const char *name)
{
	char path[256];
	snprintf(path, sizeof path, "%s/%s", dir, name);
	return access(path, F_OK) == 0;
}

static void a_log_that_goes_on_is_cosigned(void **state)
{
	static const int growth[] = { 1, 1, 5, 249, 1, 300 }; /* over the edge of a tile */
	struct place p;
	struct buffer last;
	struct note note;
	uint64_t at;
	place_open(&p, NULL);
	witness_begin(&p);
	assert_int_equal(look(&p, p.log), WITNESS_ABSENT);
	for (size_t i = 0; i < sizeof growth / sizeof growth[0]; i++) {
		blocks(&p, growth[i], 0);
		cosign(&p);
		assert_int_equal(p.witness.last.size, tlog_size(p.tlog));
		assert_int_equal(look(&p, p.log), WITNESS_NOTHING_NEW);
	}
	read_file(p.dir, "last", &last);
	assert_int_equal(note_decode(last.data, last.len, &note, NULL), 0);
	assert_int_equal(note_check(&note, &p.witness.key, &at), 0);
	assert_int_equal(at, NOW);
	assert_int_equal(note.count, 2);
	buffer_free(&last);
	witness_close(&p.witness);
	place_close(&p);
}

static void what_was_cosigned_outlives_a_crash(void **state)
{
	struct place p;
	struct witness second;
	place_open(&p, NULL);
	witness_begin(&p);
	blocks(&p, 3, 0);
	assert_int_equal(look(&p, p.log), WITNESS_COSIGNED);
	/* One at a time; and killed before the cosignature left. */
	assert_int_equal(witness_open(&second, p.dir, p.words), ITM_EBUSY);
	assert_false(is_there(p.log, "cosigned"));
	witness_close(&p.witness);
	assert_int_equal(witness_open(&p.witness, p.dir, p.words), 0);
	assert_int_equal(p.witness.last.size, tlog_size(p.tlog));
	assert_int_equal(look(&p, p.log), WITNESS_NOTHING_NEW);
	assert_int_equal(witness_publish(&p.witness, p.cosigned), 0);
	assert_true(is_there(p.log, "cosigned"));
	/* Time does not run back with the clock. */
	blocks(&p, 1, 0);
	assert_int_equal(witness_look(&p.witness, p.log, NOW - 1000, &p.seen, p.words), WITNESS_COSIGNED);
	assert_int_equal(p.witness.last_at, NOW);
	witness_close(&p.witness);
	place_close(&p);
}

static void a_witness_without_a_past_signs_nothing(void **state)
{
	struct place p;
	struct buffer last;
	char path[256];
	place_open(&p, NULL);
	assert_int_equal(witness_init(p.dir, "two words", p.store.log.public_key), ITM_EINVAL);
	assert_int_equal(witness_open(&p.witness, p.dir, p.words), ITM_ENOENT);
	witness_begin(&p);
	assert_int_equal(witness_init(p.dir, "witness.example", p.store.log.public_key), ITM_EBUSY);
	blocks(&p, 2, 0);
	cosign(&p);
	witness_close(&p.witness);
	read_file(p.dir, "last", &last);
	last.data[last.len / 2] ^= 1;
	write_file(p.dir, "last", &last);
	assert_int_not_equal(witness_open(&p.witness, p.dir, p.words), 0);
	snprintf(path, sizeof path, "%s/last", p.dir);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(witness_open(&p.witness, p.dir, p.words), ITM_ENOENT);
	assert_non_null(strstr(p.words, "what was cosigned last is not known"));
	buffer_free(&last);
	place_close(&p);
}

/* A second history under the same server's name and key. */
static void a_forked_log_is_refused(void **state)
{
	struct place p, fork;
	place_open(&p, NULL);
	place_open(&fork, &p);
	witness_begin(&p);
	blocks(&p, 300, 0);
	cosign(&p);
	uint64_t size = p.witness.last.size;
	blocks(&fork, 299, 0);
	while (tlog_size(fork.tlog) < size) {
		assert_int_equal(look(&p, fork.log), WITNESS_WENT_BACK);
		blocks(&fork, 1, 0);
	}
	char proof[40];
	snprintf(proof, sizeof proof, "refused-%d", (int)size);
	assert_false(is_there(p.dir, proof));
	assert_int_equal(look(&p, fork.log), WITNESS_FORKED);
	assert_non_null(strstr(p.words, "two roots"));
	assert_true(is_there(p.dir, proof));
	blocks(&fork, 400, 0);
	assert_int_equal(look(&p, fork.log), WITNESS_FORKED);
	assert_non_null(strstr(p.words, "does not go on"));
	/* The true one still can. */
	assert_int_equal(p.witness.last.size, size);
	blocks(&p, 1, 0);
	cosign(&p);
	witness_close(&p.witness);
	place_close(&p);
	place_close(&fork);
}

static void old_checkpoints_and_other_keys_are_refused(void **state)
{
	struct buffer old, new;
	struct place p, other;
	place_open(&p, NULL);
	place_open(&other, NULL);
	witness_begin(&p);
	blocks(&p, 10, 0);
	read_file(p.log, "checkpoint", &old);
	cosign(&p);
	blocks(&p, 10, 0);
	cosign(&p);
	read_file(p.log, "checkpoint", &new);
	write_file(p.log, "checkpoint", &old);
	assert_int_equal(look(&p, p.log), WITNESS_WENT_BACK);
	assert_non_null(strstr(p.words, "old copy"));
	blocks(&other, 40, 0);
	assert_int_equal(look(&p, other.log), WITNESS_UNSIGNED);
	new.data[new.len - 10] ^= 1;
	write_file(p.log, "checkpoint", &new);
	assert_int_equal(look(&p, p.log), WITNESS_UNSIGNED);
	/* The same key under another name is another log. */
	memcpy(other.witness.log, p.witness.log, sizeof other.witness.log);
	other.store.log = p.store.log;
	blocks(&other, 1, 0);
	assert_int_equal(look(&p, other.log), WITNESS_OTHER_LOG);
	buffer_free(&old);
	buffer_free(&new);
	witness_close(&p.witness);
	place_close(&p);
	place_close(&other);
}

static void damaged_tiles_prove_nothing(void **state)
{
	struct place p;
	struct buffer tile;
	place_open(&p, NULL);
	witness_begin(&p);
	blocks(&p, 100, 0);
	cosign(&p);
	uint64_t size = p.witness.last.size;
	blocks(&p, 200, 0);
	read_file(p.log, "tile/0/000", &tile);
	for (size_t at = 0; at < tile.len; at += 331) {
		tile.data[at] ^= 0x40;
		write_file(p.log, "tile/0/000", &tile);
		assert_int_equal(look(&p, p.log), WITNESS_INCOMPLETE);
		tile.data[at] ^= 0x40;
	}
	assert_int_equal(p.witness.last.size, size);
	write_file(p.log, "tile/0/000", &tile);
	cosign(&p);
	buffer_free(&tile);
	witness_close(&p.witness);
	place_close(&p);
}

static void the_server_attaches_cosignatures(void **state)
{
	struct place p;
	struct buffer note;
	struct checkpoint c;
	struct note decoded;
	place_open(&p, NULL);
	witness_begin(&p);
	blocks(&p, 5, 0);
	cosign(&p);
	for (int i = 0; i < 2; i++) { /* once */
		tlog_attach(p.tlog);
		read_file(p.log, "checkpoint", &note);
		assert_int_equal(checkpoint_open(note.data, note.len, p.store.log.public_key, &c, &decoded, NULL), 0);
		assert_int_equal(decoded.count, 2);
		assert_int_equal(note_check(&decoded, &p.witness.key, NULL), 0);
		assert_string_equal(tlog_note(p.tlog), buffer_text(&note));
		buffer_free(&note);
	}
	/* Not to another checkpoint. */
	blocks(&p, 1, 0);
	tlog_attach(p.tlog);
	read_file(p.log, "checkpoint", &note);
	assert_int_equal(note_decode(note.data, note.len, &decoded, NULL), 0);
	assert_int_equal(decoded.count, 1);
	buffer_free(&note);
	witness_close(&p.witness);
	place_close(&p);
}

static enum verdict verify(const struct place *p, bool session, const struct note_key *witness, struct verify_result *out,
			   char flaw[VERIFY_DETAIL_SIZE])
{
	struct walk w;
	walk_init(&w);
	memcpy(w.trust.log, p->store.log.public_key, SIGN_PUBLIC_SIZE);
	w.trust.has_log = true;
	w.trust.has_witness = witness != NULL;
	if (witness != NULL)
		w.trust.witness = *witness;
	w.one_stream = session;
	assert_int_equal(session ? walk_session(&w, p->store.store, &p->session.id) : walk_store(&w, p->store.store), 0);
	enum verdict verdict = walk_finish(&w);
	assert_int_equal(w.host_count, 1);
	*out = w.hosts[0].result;
	memcpy(flaw, w.flaw, VERIFY_DETAIL_SIZE);
	walk_free(&w);
	return verdict;
}

static void verifiers_demand_the_witness(void **state)
{
	char flaw[VERIFY_DETAIL_SIZE];
	struct verify_result r;
	struct note_key other;
	struct place p;
	place_open(&p, NULL);
	witness_begin(&p);
	assert_int_equal(note_key_init(&other, "other.example", NOTE_COSIGNATURE, p.store.key.public_key), 0);
	blocks(&p, 20, 0);
	assert_int_equal(verify(&p, false, &p.witness.key, &r, flaw), VERDICT_UNATTESTED);
	cosign(&p);
	blocks(&p, 20, CHUNK_END);
	assert_int_equal(verify(&p, false, &p.witness.key, &r, flaw), VERDICT_UNATTESTED);
	assert_int_equal(r.witnessed_sequence, 20);
	assert_int_equal(verify(&p, true, &p.witness.key, &r, flaw), VERDICT_UNATTESTED);
	cosign(&p);
	assert_int_equal(verify(&p, true, &p.witness.key, &r, flaw), VERDICT_OK);
	assert_int_equal(r.witnessed_sequence, 40);
	assert_int_equal(r.witnessed_at, NOW);
	assert_int_equal(verify(&p, false, &p.witness.key, &r, flaw), VERDICT_OPEN_TAIL); /* the host is not closed */
	assert_int_equal(r.witnessed_sequence, 40);
	assert_int_equal(verify(&p, true, &other, &r, flaw), VERDICT_UNATTESTED);
	assert_int_equal(verify(&p, false, &other, &r, flaw), VERDICT_UNATTESTED);
	/* Leaves that come later do not take it away from the session. */
	assert_int_equal(verify(&p, true, NULL, &r, flaw), VERDICT_OK);
	witness_close(&p.witness);
	place_close(&p);
}

static void verifiers_see_a_log_the_witness_did_not(void **state)
{
	char flaw[VERIFY_DETAIL_SIZE];
	struct verify_result r;
	struct place p, fork;
	place_open(&p, NULL);
	place_open(&fork, &p);
	witness_begin(&p);
	blocks(&p, 20, 0);
	cosign(&p);
	blocks(&fork, 5, 0);
	assert_int_equal(witness_publish(&p.witness, fork.cosigned), 0);
	assert_int_equal(verify(&fork, false, &p.witness.key, &r, flaw), VERDICT_TAMPERED);
	assert_non_null(strstr(flaw, "went back"));
	blocks(&fork, 30, 0);
	assert_int_equal(verify(&fork, false, &p.witness.key, &r, flaw), VERDICT_TAMPERED);
	assert_non_null(strstr(flaw, "forked"));
	witness_close(&p.witness);
	place_close(&p);
	place_close(&fork);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_log_that_goes_on_is_cosigned),
		cmocka_unit_test(what_was_cosigned_outlives_a_crash),
		cmocka_unit_test(a_witness_without_a_past_signs_nothing),
		cmocka_unit_test(a_forked_log_is_refused),
		cmocka_unit_test(old_checkpoints_and_other_keys_are_refused),
		cmocka_unit_test(damaged_tiles_prove_nothing),
		cmocka_unit_test(the_server_attaches_cosignatures),
		cmocka_unit_test(verifiers_demand_the_witness),
		cmocka_unit_test(verifiers_see_a_log_the_witness_did_not),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
