#include "itm-shell/recorder/ttypump.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>

#include "base/clock.h"
#include "base/error.h"
#include "itm-shell/recorder/control.h"
#include "itm-shell/recorder/flow.h"
#include "itm-shell/recorder/masking.h"

enum {
	FLOW_SIZE = 64 * 1024,   /* bytes each way */
	FLOOD_READ = 1024,       /* a read of this much means that more is coming */
	PASTE_MAX = 4096,        /* bytes taken from the keyboard while the recording is full: Ctrl-C gets through */
	READS_PER_WAKE = 8,      /* of output, before input is looked at again */
	LOOK_MS = 50,            /* between looks at modes and sizes, after output */
	RETRY_MS = 100,          /* while no program holds the inner terminal */
	STUCK_MS = 5000,         /* outer terminal takes nothing after the exit */
	HANGUP_MS = 2000,        /* for the programs inside to go after a hangup */
};
#define NS_PER_MS UINT64_C(1000000)

enum { OUTER, INNER, CONTROL, STREAM, POLLED };

struct ttypump {
	const struct ttypump_config *c;
	struct recording *recording;
	struct flow in, out;             /* to the inner, to the outer terminal */
	struct masking masking;
	struct termios restore;
	struct winsize outer_size, inner_size;
	uint64_t now_ns;                 /* of this wake-up, boot clock */
	uint64_t looked_ns;
	size_t crowding;                 /* bytes typed since the recording became full */
	uint64_t retry_ns;               /* don't ask the inner terminal before */
	uint64_t deadline_ns;            /* the session is over then; 0 = none */
	bool paused;                     /* suspended: the outer terminal is its owner's */
	bool outer_gone, stub_gone, hung_up, exited, dry;
	bool ended;                      /* by policy: nothing is shown or taken any more */
	uint32_t status;
	const char *reason;              /* set when it is over */
};

static void record_masking(struct ttypump *p, const struct masking_event *events, size_t n)
{
	for (size_t i = 0; i < n; i++)
		recording_code(p->recording, p->now_ns, events[i].kind, events[i].code);
}

/* The local modes of the inner terminal, read through its master. */
static uint32_t inner_state(struct ttypump *p)
{
	struct termios t;

	if (tcgetattr(p->c->inner, &t) != 0)
		return p->masking.state;
	uint32_t state = masking_state(t.c_lflag);
	if (state != p->masking.state)
		recording_code(p->recording, p->now_ns, RECORD_TTYSTATE, state);
	return state;
}

static void record_size(struct ttypump *p)
{
	const struct winsize *w = &p->inner_size;
	recording_code(p->recording, p->now_ns, RECORD_RESIZE, (uint64_t)w->ws_col << 16 | w->ws_row);
}

/* The outer size is passed in when it changed (a stopped stub sends no
 * SIGWINCH); the inner one may be changed inside, by `stty cols`. */
static void look_at_sizes(struct ttypump *p)
{
	struct winsize w;

	if (!p->outer_gone && ioctl(p->c->outer, TIOCGWINSZ, &w) == 0 &&
	    memcmp(&w, &p->outer_size, sizeof w) != 0) {
		p->outer_size = w;
		ioctl(p->c->inner, TIOCSWINSZ, &w);
	}
	if (ioctl(p->c->inner, TIOCGWINSZ, &w) == 0 && memcmp(&w, &p->inner_size, sizeof w) != 0) {
		p->inner_size = w;
		record_size(p);
	}
}

static void look(struct ttypump *p)
{
	struct masking_event events[MASKING_EVENTS_MAX];

	if (p->now_ns - p->looked_ns < LOOK_MS * NS_PER_MS)
		return;
	p->looked_ns = p->now_ns;
	record_masking(p, events, masking_observe(&p->masking, inner_state(p), events));
	look_at_sizes(p);
}

/* Bytes pass unchanged; speed, parity and size of a serial line stay. */
static void make_raw(struct ttypump *p)
{
	struct termios t;

	if (tcgetattr(p->c->outer, &t) != 0)
		return;
	t.c_iflag &= ~(tcflag_t)(IGNBRK | BRKINT | PARMRK | ISTRIP | INLCR | IGNCR | ICRNL | IXON | IXOFF | IUCLC);
	t.c_oflag &= ~(tcflag_t)OPOST;
	t.c_lflag &= ~(tcflag_t)(ECHO | ECHONL | ICANON | ISIG | IEXTEN);
	t.c_cc[VMIN] = 1;
	t.c_cc[VTIME] = 0;
	tcsetattr(p->c->outer, TCSANOW, &t);
}

/* What the terminal goes back to if the stub can't do it.  The broker may have
 * made it raw already; the inner terminal then has the old modes. */
static void remember_modes(struct ttypump *p)
{
	if (tcgetattr(p->c->outer, &p->restore) != 0 || !(p->restore.c_oflag & OPOST))
		tcgetattr(p->c->inner, &p->restore);
}

static void set_deadline(struct ttypump *p, uint64_t ms)
{
	uint64_t at = p->now_ns + ms * NS_PER_MS;
	if (p->deadline_ns == 0 || at < p->deadline_ns)
		p->deadline_ns = at;
}

static void record_hangup(struct ttypump *p, uint64_t number)
{
	if (number == SIGHUP && p->hung_up)
		return;
	p->hung_up |= number == SIGHUP;
	recording_code(p->recording, p->now_ns, RECORD_SIGNAL, number);
}

static void outer_is_gone(struct ttypump *p)
{
	p->outer_gone = true;
	flow_clear(&p->out);
	record_hangup(p, SIGHUP);
	control_send_ended(p->c->control, "");
	if (!p->exited)
		set_deadline(p, HANGUP_MS);
}

static void typed(struct ttypump *p)
{
	struct masking_event events[MASKING_EVENTS_MAX];
	size_t n = masking_typed(&p->masking, inner_state(p), p->in.data, p->in.end, events);

	/* What need not be hidden comes last, and whole. */
	bool shown = n > 0 && events[n - 1].kind == RECORD_COUNTED;
	record_masking(p, events, shown ? n - 1 : n);
	p->crowding = recording_full(p->recording) ? p->crowding + p->in.end : 0;
	if (shown)
		keystrokes_typed(p->c->keystrokes, p->recording, p->now_ns, p->in.data, p->in.end);
}

static void drain_in(struct ttypump *p)
{
	if (flow_drain(&p->in, p->c->inner, false, 0) == ITM_ECLOSED)
		flow_clear(&p->in);
	if (flow_empty(&p->in))
		flow_wipe(&p->in);
}

static void drain_out(struct ttypump *p)
{
	size_t before = flow_waiting(&p->out);

	if (before == 0)
		return;
	if (p->outer_gone || p->ended)
		flow_clear(&p->out);
	else if (flow_drain(&p->out, p->c->outer, false, 0) == ITM_ECLOSED)
		outer_is_gone(p);
	if (p->exited && flow_waiting(&p->out) < before)
		p->deadline_ns = p->now_ns + STUCK_MS * NS_PER_MS;
}

/* Records, then shows.  False when there was nothing to read. */
static bool pump_out(struct ttypump *p)
{
	int n = flow_fill(&p->out, p->c->inner, false);

	p->dry = n <= 0;
	if (n == 0)
		p->retry_ns = p->now_ns + RETRY_MS * NS_PER_MS;
	if (n <= 0)
		return false;
	recording_bytes(p->recording, p->now_ns, RECORD_OUT, p->out.data, (size_t)n);
	masking_shown(&p->masking, p->out.data, (size_t)n);
	drain_out(p);
	return n >= FLOOD_READ;
}

static void inner_ready(struct ttypump *p)
{
	for (int i = 0; i < READS_PER_WAKE; i++)
		if (!flow_empty(&p->out) || recording_full(p->recording) || !pump_out(p))
			return;
}

static void outer_ready(struct ttypump *p, short events)
{
	if ((events & POLLIN) != 0 && flow_empty(&p->in) && !p->paused && !p->exited && !p->ended) {
		int n = flow_fill(&p->in, p->c->outer, false);
		if (n > 0) {
			typed(p);
			drain_in(p);
		} else if (n == 0) {
			outer_is_gone(p);
		}
	} else if ((events & (POLLHUP | POLLERR)) != 0) {
		outer_is_gone(p);
	}
}

static void suspend(struct ttypump *p)
{
	/* What the inner shell said before it stopped is shown before the outer
	 * one says anything. */
	inner_ready(p);
	p->paused = true;
	recording_note(p->recording, p->now_ns, "suspended=1\n");
	control_send(p->c->control, MESSAGE_SUSPEND);
}

static void resume(struct ttypump *p)
{
	p->paused = false;
	make_raw(p);
	look_at_sizes(p);
	recording_note(p->recording, p->now_ns, "suspended=0\n");
}

static void control_ready(struct ttypump *p)
{
	struct control_message m;
	int r = control_receive(p->c->control, &m);

	if (r == ITM_ECLOSED) {
		p->stub_gone = true;
		p->reason = p->exited ? "exit" : "stub killed";
	}
	if (r != 1)
		return;
	switch (m.type) {
	case MESSAGE_RESIZED:
		look_at_sizes(p);
		break;
	case MESSAGE_EXITED:
		p->exited = true;
		recording_last(p->recording);
		p->status = (uint32_t)m.number;
		p->deadline_ns = p->now_ns + STUCK_MS * NS_PER_MS;
		flow_clear(&p->in);
		break;
	case MESSAGE_HANGUP:
		record_hangup(p, m.number);
		break;
	case MESSAGE_SUSPEND:
		suspend(p);
		break;
	case MESSAGE_RESUME:
		resume(p);
		break;
	default:
		break;
	}
}

static void apply_policy(struct ttypump *p)
{
	const char *why = recording_refusal(p->recording);

	if (why == NULL || p->ended)
		return;
	p->ended = true;
	flow_clear(&p->in);
	flow_clear(&p->out);
	control_send_ended(p->c->control, "\nitm: this session is ended, because it can no longer be recorded");
	set_deadline(p, HANGUP_MS);
}

static void check_end(struct ttypump *p)
{
	if (p->exited && p->reason == NULL) {
		while (flow_empty(&p->out) && !recording_full(p->recording) && pump_out(p))
			;
		if (p->dry && flow_empty(&p->out))
			p->reason = "exit";
	}
	if (p->reason == NULL && p->deadline_ns != 0 && p->now_ns >= p->deadline_ns)
		p->reason = p->exited ? "exit, terminal stuck" : "hangup";
	if (p->reason != NULL && p->ended)
		p->reason = "ended by policy";
	else if (p->reason != NULL && p->outer_gone)
		p->reason = "hangup";
}

static int wait_ms(const struct ttypump *p)
{
	uint64_t now = clock_boot_ns();
	int ms = recording_wait_ms(p->recording, now);
	const uint64_t at[] = { p->deadline_ns, p->retry_ns > p->now_ns ? p->retry_ns : 0,
				keystrokes_due_ns(p->c->keystrokes) };

	for (size_t i = 0; i < sizeof at / sizeof at[0]; i++) {
		if (at[i] == 0)
			continue;
		int left = at[i] <= now ? 0 : (int)((at[i] - now + NS_PER_MS - 1) / NS_PER_MS);
		if (ms < 0 || left < ms)
			ms = left;
	}
	return ms;
}

static void prepare(const struct ttypump *p, struct pollfd fds[POLLED])
{
	short outer = 0, inner = 0;

	bool crowded = p->crowding >= PASTE_MAX && recording_full(p->recording);
	if (flow_empty(&p->in) && !p->paused && !p->exited && !p->ended && !crowded)
		outer |= POLLIN;
	if (!flow_empty(&p->out))
		outer |= POLLOUT;
	else if (!recording_full(p->recording))
		inner |= POLLIN;
	if (!flow_empty(&p->in))
		inner |= POLLOUT;
	fds[OUTER] = (struct pollfd){ p->outer_gone ? -1 : p->c->outer, outer, 0 };
	/* Hangup is reported even when nothing is asked: then don't ask at all. */
	fds[INNER] = (struct pollfd){ inner == 0 || p->retry_ns > p->now_ns ? -1 : p->c->inner, inner, 0 };
	fds[CONTROL] = (struct pollfd){ p->c->control, POLLIN, 0 };
	short stream = recording_events(p->recording);
	fds[STREAM] = (struct pollfd){ stream == 0 ? -1 : p->recording->outbox.sock, stream, 0 };
}

/* One wake-up.  Input goes before output. */
static void step(struct ttypump *p)
{
	struct pollfd fds[POLLED];

	prepare(p, fds);
	if (poll(fds, POLLED, wait_ms(p)) < 0)
		return;
	p->now_ns = clock_boot_ns();
	if (fds[OUTER].revents & (POLLIN | POLLHUP | POLLERR))
		outer_ready(p, fds[OUTER].revents);
	if (fds[INNER].revents & (POLLOUT | POLLHUP))
		drain_in(p);
	if (fds[OUTER].revents & POLLOUT)
		drain_out(p);
	if (fds[INNER].revents & (POLLIN | POLLHUP | POLLERR))
		inner_ready(p);
	if (fds[CONTROL].revents != 0)
		control_ready(p);
	if (fds[STREAM].revents != 0)
		recording_receive(p->recording, p->now_ns);
	if (!(fds[OUTER].revents & POLLIN)) /* typing has looked, and its echo waits */
		look(p);
	keystrokes_tick(p->c->keystrokes, p->now_ns);
	recording_tick(p->recording, p->now_ns);
	apply_policy(p);
	check_end(p);
}

static void begin(struct ttypump *p)
{
	p->now_ns = p->looked_ns = clock_boot_ns();
	p->masking.state = UINT32_MAX; /* none yet: the first one is recorded */
	remember_modes(p);
	make_raw(p);
	ioctl(p->c->inner, TIOCGWINSZ, &p->inner_size);
	p->outer_size = p->inner_size;
	record_size(p);
	look_at_sizes(p);
	p->masking.state = inner_state(p);
	if (p->c->typed_ahead_len > 0) {
		flow_put(&p->in, p->c->typed_ahead, p->c->typed_ahead_len);
		typed(p);
		drain_in(p);
	}
}

static void finish(struct ttypump *p)
{
	struct masking_event events[MASKING_EVENTS_MAX];
	char note[64];

	p->masking.asked = false;
	record_masking(p, events, masking_observe(&p->masking, 0, events));
	if (p->exited)
		recording_code(p->recording, p->now_ns, RECORD_EXIT, p->status);
	snprintf(note, sizeof note, "end=%s\n", p->reason);
	recording_note(p->recording, p->now_ns, note);
	if (p->stub_gone && !p->outer_gone)
		tcsetattr(p->c->outer, TCSANOW, &p->restore);
	control_send(p->c->control, MESSAGE_DRAINED);
}

int ttypump_run(const struct ttypump_config *config)
{
	struct ttypump p = { .c = config, .recording = config->recording };
	int r = flow_open(&p.in, FLOW_SIZE);

	if (r == 0)
		r = flow_open(&p.out, FLOW_SIZE);
	if (r == 0) {
		begin(&p);
		while (p.reason == NULL)
			step(&p);
		finish(&p);
	}
	flow_close(&p.in);
	flow_close(&p.out);
	return r;
}
