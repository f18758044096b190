/* Kills the server's store at each call, fails each call and each allocation
 * of it once, and of the walk of `itm verify`.
 *
 *   store_points [--all]
 *
 * A run stores blocks, signs checkpoints, counts what a host would have been
 * told.  For n = 1, 2, ... it is killed within its n-th call (half of a write
 * is written) or, with --all, before and behind it, too; its n-th call fails
 * (EIO, ENOSPC), then its n-th allocation; the next run goes on.  Then
 * everything acknowledged is there, once, and the store verifies.  A walk whose n-th call fails may give up or complain,
 * but not call a part of the store the whole.  Exit status 0 = all held, none
 * crashed or hung. */
#include <errno.h>
#include <ftw.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "cli/walk.h"
#include "store/tlog.h"
#include "tests/crash/points.h"
#include "tests/unit/chain.h"

enum { BLOCKS = 6, PATIENCE_S = 60, RETRIES_MAX = 4, DONE = 0, AGAIN = 7, WRONG = 8 };

/* What outlives a child. */
struct shared { size_t acknowledged; bool hit; };
static struct shared *shared;
static struct { struct chain chain; size_t end[BLOCKS + 1]; struct id server; struct sign_key log; char dir[64]; } host;

static void must(bool ok, const char *what)
{
	if (ok)
		return;
	printf("FAILED: %s (point %" PRIu64 ", mode %d)\n", what, points.at, points.mode);
	exit(1);
}

static void make_blocks(void)
{
	chain_init(&host.chain);
	for (size_t i = 0; i < BLOCKS; i++) {
		if (i > 0)
			chain_chunk(&host.chain, "what was done\r\n", i == BLOCKS - 1 ? CHUNK_END : 0);
		chain_block(&host.chain, i == 0 ? BLOCK_GENESIS : i == BLOCKS - 1 ? BLOCK_CLOSE : 0);
		host.end[i + 1] = host.chain.units.len;
	}
	host.server = id_random();
	sign_keypair(&host.log);
}

static int store_block(struct evidence *e, size_t i)
{
	struct evidence_piece chunk = { 0 }, signed_by = { 0 };
	struct chunk decoded;
	struct block block;
	struct unit u;
	size_t count = 0;
	for (size_t at = host.end[i]; at < host.end[i + 1]; at += u.size) {
		(void)unit_decode(host.chain.units.data + at, host.chain.units.len - at, &u, NULL);
		if (u.type == UNIT_CHUNK && chunk_decode(u.payload, u.len, &decoded, NULL) == 0) {
			chunk = (struct evidence_piece){ u.payload, u.len };
			count = 1;
		} else if (u.type == UNIT_BLOCK && block_decode(u.payload, u.len, &block, NULL) == 0) {
			signed_by = (struct evidence_piece){ u.payload, u.len };
		}
	}
	int r = evidence_begin(e);
	if (r != 0)
		return r;
	r = evidence_put(e, &block, &chunk, &decoded, count, &signed_by);
	int committed = evidence_commit(e);
	return r != 0 ? r : committed;
}

static int serve(void)
{
	int r = 0;
	struct evidence *e = evidence_open(host.dir, &host.server, true, &r);
	struct tlog *t = NULL;
	if (e == NULL)
		return AGAIN;
	r = evidence_host_add(e, &host.chain.host, "one", host.chain.identity.public_key, false);
	if (r == 0)
		t = tlog_open(host.dir, e, &host.server, &host.log, &r);
	for (size_t i = shared->acknowledged; t != NULL && r == 0 && i < BLOCKS; i++) {
		r = store_block(e, i);
		if (r == 0 && (i % 2 == 1 || i + 1 == BLOCKS)) {
			r = tlog_publish(t) < 0 ? ITM_ESYS : 0;
			if (r == 0)
				shared->acknowledged = i + 1;
		}
	}
	r = t != NULL && r == 0 ? DONE : AGAIN;
	tlog_close(t);
	evidence_close(e);
	return r;
}

/* Whole, in part and said so, or not at all. */
static int look(void)
{
	struct walk w;
	walk_init(&w);
	w.trust.has_log = true;
	memcpy(w.trust.log, host.log.public_key, SIGN_PUBLIC_SIZE);
	int r = walk_store(&w, host.dir);
	enum verdict v = walk_finish(&w);
	uint64_t blocks = w.host_count == 1 ? w.hosts[0].result.blocks : 0;
	walk_free(&w);
	if (r == 0 && v <= VERDICT_OPEN_TAIL && blocks < shared->acknowledged)
		return WRONG;
	return r == 0 && v == VERDICT_OK ? DONE : AGAIN;
}

static bool is_kill(enum points_mode mode)
{
	return mode == POINTS_BEFORE || mode == POINTS_WITHIN || mode == POINTS_AFTER;
}

static int run(int (*work)(void), enum points_mode mode, uint64_t at, int error)
{
	int status;
	shared->hit = false;
	fflush(NULL);
	pid_t pid = fork();
	if (pid == 0) {
		alarm(PATIENCE_S);
		points_start(mode, at, error);
		int r = work();
		shared->hit = points.name != NULL;
		if (error == EIO || error == ENOMEM)
			exit(r); /* a leak changes the status in a sanitizer build; looking for one takes time */
		_exit(r);
	}
	must(pid > 0 && waitpid(pid, &status, 0) == pid, "fork");
	points.mode = mode;
	points.at = at;
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL && is_kill(mode)) {
		shared->hit = true;
		return AGAIN;
	}
	must(WIFEXITED(status), WTERMSIG(status) == SIGALRM ? "hangs" : "crashed");
	must(WEXITSTATUS(status) != WRONG, "a part of the store was called whole");
	must(WEXITSTATUS(status) == DONE || WEXITSTATUS(status) == AGAIN, "exit status: a leak or worse");
	return WEXITSTATUS(status);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st, (void)type, (void)ftw;
	return remove(path);
}

static void begin(void)
{
	shared->acknowledged = 0;
	snprintf(host.dir, sizeof host.dir, "%s/itm-store-points.XXXXXX", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	must(mkdtemp(host.dir) != NULL, "folder");
}

static void end(void)
{
	must(nftw(host.dir, remove_one, 8, FTW_DEPTH | FTW_PHYS) == 0, "remove");
}

/* False: there are fewer calls than n. */
static bool store_meets(enum points_mode mode, uint64_t n, int error)
{
	begin();
	int r = run(serve, mode, n, error);
	bool hit = shared->hit;
	for (int i = 0; r != DONE; i++) {
		must(i < RETRIES_MAX, "it goes on after a failure");
		r = run(serve, POINTS_COUNT, n, 0);
	}
	must(shared->acknowledged == BLOCKS && run(look, POINTS_COUNT, n, 0) == DONE, "the store is whole");
	end();
	return hit;
}

int main(int argc, char **argv)
{
	static const int errors[] = { EIO, ENOSPC };
	uint64_t kills = 0, calls = 0, starved = 0, walks = 0, n;
	log_open("store_points", 0);
	if (getenv("VERBOSE") == NULL && freopen("/dev/null", "w", stderr) == NULL)
		return 1;
	shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	must(shared != MAP_FAILED && sign_init() == 0, "set-up");
	make_blocks();
	bool all = argc > 1 && strcmp(argv[1], "--all") == 0;
	for (enum points_mode mode = all ? POINTS_BEFORE : POINTS_WITHIN; mode <= (all ? POINTS_AFTER : POINTS_WITHIN); mode++)
		for (n = 1; store_meets(mode, n, 0); n++)
			kills++;
	for (size_t i = 0; i < sizeof errors / sizeof *errors; i++)
		for (n = 1; store_meets(POINTS_FAIL, n, errors[i]); n++)
			calls++;
	for (n = 1; store_meets(POINTS_FAIL_MEMORY, n, ENOMEM); n++)
		starved++;
	begin();
	must(run(serve, POINTS_COUNT, 0, 0) == DONE, "a store");
	for (n = 1; (void)run(look, POINTS_FAIL, n, EIO), shared->hit; n++)
		walks++;
	for (n = 1; (void)run(look, POINTS_FAIL_MEMORY, n, ENOMEM), shared->hit; n++)
		walks++;
	end();
	printf("killed at %" PRIu64 " calls; %" PRIu64 " calls and %" PRIu64 " allocations of the store failed, %" PRIu64 " of a walk: none lost, none crashed\n",
	       kills, calls, starved, walks);
	return kills == 0 || calls == 0 || starved == 0 || walks == 0;
}
