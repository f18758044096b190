#include "tests/crash/sealer_life.h"

#include <ftw.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/sealer/slot.h"

enum { PATIENCE_S = 30, LIFE_LOST = 8 };

struct life *life;
struct sealer_config life_config;
const struct id life_ids[LIFE_STREAMS] = { { { 1 } }, { { 2 } } };

static int64_t fake_ms(void) { return life->time_ms; }
static bool stepped(void) { return life->time_ms >= life->step.at_ms; }
static uint64_t fake_boot_ns(void)
{
	return (uint64_t)(life->time_ms * 1000000 + (stepped() ? life->step.suspend_ns : 0));
}
static int64_t fake_wall_ns(void)
{
	return (int64_t)fake_boot_ns() + 1000000000 + (stepped() ? life->step.wall_ns : 0);
}
static struct id fake_boot_id(void) { return (struct id){ { 7 } }; }
static const struct sealer_clock fake_clock = { fake_ms, fake_boot_ns, fake_wall_ns, fake_boot_id };

void life_must(bool ok, const char *what)
{
	if (ok)
		return;
	printf("FAILED: %s (point %" PRIu64 ", %s); kept: %s\n", what, points.at, life->point, life->dir);
	exit(1);
}

/* The key slot is memory: its steps are points like the calls.  Each half holds
 * a copy; the one that is not current takes the new state, then the other is
 * wiped (slot.c). */
void __real_slot_write(void *map, const struct slot_state *state);
void __wrap_slot_write(void *map, const struct slot_state *state);

void __wrap_slot_write(void *map, const struct slot_state *state)
{
	static const uint8_t zeros[SLOT_SIZE / 2];
	static uint8_t after[SLOT_SIZE];
	memcpy(after, map, SLOT_SIZE);
	__real_slot_write(after, state);
	size_t fresh = memcmp(after, zeros, sizeof zeros) == 0 ? SLOT_SIZE / 2 : 0, old = SLOT_SIZE / 2 - fresh;
	points_copy("slot", (uint8_t *)map + fresh, after + fresh, SLOT_SIZE / 2);
	points_copy("slot wipe", (uint8_t *)map + old, after + old, SLOT_SIZE / 2);
}

static int send_frame(struct sealer *s, struct stream *st, uint64_t number)
{
	struct buffer run, payload;
	struct fault fault;
	uint64_t last = 0;
	char text[200];
	memset(text, 'a' + (int)(number % 26), sizeof text);
	buffer_init(&run, FRAME_RUN_MAX);
	buffer_init(&payload, 2 * FRAME_RUN_MAX);
	struct frame f = { .stream = st->id, .number = number, .boot_ns = fake_boot_ns(), .wall_ns = fake_wall_ns(),
			   .flags = number == LIFE_FRAMES ? FRAME_END : 0 };
	int r = record_put(&run, &last, 0, RECORD_OUT, sizeof text, text);
	f.run = run.data;
	f.run_len = run.len;
	if (r == 0)
		r = frame_encode(&payload, &f);
	if (r == 0)
		r = sealer_frame(s, st, payload.data, payload.len, &fault);
	buffer_free(&run);
	buffer_free(&payload);
	return r;
}

static int take_answers(struct sealer *s)
{
	for (int i = 0; i < LIFE_STREAMS; i++) {
		if (life->gone[i])
			continue;
		struct stream *st = sealer_stream(s, &life_ids[i]);
		if (st == NULL)
			return ITM_ENOMEM;
		if (st->durable > life->acked[i])
			life->acked[i] = st->durable;
		st->acked = st->durable;
		if (sealer_done(st) && st->durable == LIFE_FRAMES) {
			life->gone[i] = true;
			sealer_forget(s, st);
		}
	}
	return 0;
}

static int turns(struct sealer *s, int64_t ms)
{
	int64_t until = life->time_ms + ms, wait;
	bool progress;
	for (;;) {
		int r = sealer_turn(s, &wait, &progress);
		if (r == 0)
			r = take_answers(s);
		if (r != 0 || life->time_ms >= until)
			return r;
		life->time_ms += wait < 1 ? 1 : wait > until - life->time_ms ? until - life->time_ms : wait;
	}
}

/* One more frame of each recorder that is still there. */
static int feed(struct sealer *s, bool *more)
{
	*more = false;
	for (int i = 0; i < LIFE_STREAMS; i++) {
		if (life->gone[i])
			continue;
		struct stream *st = sealer_stream(s, &life_ids[i]);
		if (st == NULL)
			return ITM_ENOMEM;
		if (st->accepted < life->acked[i])
			_exit(LIFE_LOST);
		*more = true;
		if (st->accepted >= LIFE_FRAMES || !sealer_accepting(s, st))
			continue;
		int r = send_frame(s, st, st->accepted + 1);
		if (r != 0)
			return r;
	}
	return 0;
}

static int live_through(struct sealer *s)
{
	bool more = true;
	int r = 0;
	for (int i = 0; r == 0 && more; i++) {
		if (i > 1000)
			return ITM_ELIMIT;
		r = feed(s, &more);
		if (r == 0)
			r = turns(s, 700);
	}
	return r == 0 ? sealer_stop(s, 1000) : r;
}

static int child(enum points_mode mode, uint64_t at, int error)
{
	struct id live[LIFE_STREAMS];
	size_t count = 0;
	int r = 0;
	alarm(PATIENCE_S);
	/* It has much to complain of. */
	if (getenv("VERBOSE") == NULL && freopen("/dev/null", "w", stderr) == NULL)
		return LIFE_LOST;
	for (int i = 0; i < LIFE_STREAMS; i++)
		if (!life->gone[i])
			live[count++] = life_ids[i];
	points_start(mode, at, error);
	struct sealer *s = sealer_open(&life_config, live, count, &r);
	if (s != NULL) {
		life->opened = true;
		r = live_through(s);
		sealer_free(s);
	}
	life->calls = points.calls;
	life->allocations = points.allocations;
	snprintf(life->point, sizeof life->point, "%s", points.name != NULL ? points.name : "none");
	return r == 0 ? LIFE_DONE : LIFE_AGAIN;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	return remove(path);
}

void life_set_up(void)
{
	life = mmap(NULL, sizeof *life, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	void *slot = mmap(NULL, SLOT_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (life == MAP_FAILED || slot == MAP_FAILED || sign_init() != 0)
		exit(1);
	life_config = (struct sealer_config){ .spool = life->dir, .host = { { 9 } }, .block_interval_ms = 2000,
					      .heartbeat_ms = 30000, .clock = &fake_clock, .slot = slot };
	sign_keypair(&life_config.identity);
}

void life_begin(void)
{
	memset(life_config.slot, 0, SLOT_SIZE);
	memset(life, 0, sizeof *life);
	/* Memory: what survives the process is looked at, not what survives the power. */
	snprintf(life->dir, sizeof life->dir, "%s/itm-points.XXXXXX", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	life_must(mkdtemp(life->dir) != NULL, "folder");
	life->time_ms = 1000;
}

void life_end(void)
{
	life_must(nftw(life->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS) == 0, "remove");
}

int life_run(enum points_mode mode, uint64_t at, int error)
{
	int status;
	fflush(NULL);
	life->opened = false;
	pid_t pid = fork();
	if (pid == 0)
		exit(child(mode, at, error));
	life_must(pid > 0 && waitpid(pid, &status, 0) == pid, "fork");
	if (WIFSIGNALED(status)) {
		life_must(WTERMSIG(status) == SIGKILL, WTERMSIG(status) == SIGALRM ? "hangs" : "crashed");
		life_must(mode == POINTS_BEFORE || mode == POINTS_WITHIN || mode == POINTS_AFTER, "killed by itself");
		return LIFE_KILLED;
	}
	life_must(WEXITSTATUS(status) != LIFE_LOST, "the sealer took up before what it had acknowledged");
	life_must(WEXITSTATUS(status) == LIFE_DONE || WEXITSTATUS(status) == LIFE_AGAIN, "exit status: a leak or worse");
	return WEXITSTATUS(status);
}
