#include "itm-shell/recorder/pipepump.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/hash.h"
#include "itm-shell/recorder/control.h"
#include "itm-shell/recorder/flow.h"
#include "itm-shell/recorder/question.h"
#include "itm-shell/recorder/transfer.h"

enum {
	FLOW_SIZE = 128 * 1024,  /* bytes each way: two pipes' worth */
	COUNT_MS = 250,          /* counted bytes are recorded in sums */
	END_MS = 3000,           /* for the program to go once policy ends it */
	NOTE_MAX = 1024,
	REFILL_MS = 250,
	LONG_BYTES = 1024 * 1024, /* a stream that is worth a larger pipe to read from */
	LONG_PIPE = 256 * 1024,  /* bytes, instead of 64 KiB: a third of the wake-ups' cost */
	REFILL_BYTES = 4096,     /* per REFILL_MS: what a person reads; a long copy grows little by it */
};
#define NS_PER_MS UINT64_C(1000000)

/* Descriptors of poll(2): sources, sinks, then these. */
enum { SOURCE = 0, SINK = PIPEPUMP_STREAMS, CONTROL = 2 * PIPEPUMP_STREAMS, STREAM, ASK, POLLED };

static const char *const stream_names[PIPEPUMP_STREAMS] = { "stdin", "stdout", "stderr" };

struct stream {
	int source, sink;          /* -1 once closed */
	bool source_is_socket, sink_is_socket;
	size_t write_limit;        /* bytes a blocking sink takes without waiting; 0 = all */
	struct flow flow;
	struct hash *hash;         /* of total from hashed_from on; not while a transfer's files are hashed */
	uint64_t hashed_from;
	uint64_t total, counted;
	uint64_t room;             /* bytes that may be stored now */
	uint64_t owed;             /* after the exit: bytes to pass before DRAINED */
};

struct pipepump {
	struct recording *recording;
	struct stream streams[PIPEPUMP_STREAMS];
	uint64_t limit;
	uint64_t now_ns, counted_ns, refilled_ns, deadline_ns;
	int control;
	struct transfer *transfer; /* NULL: out of memory, or nothing to follow */
	struct question question;
	bool whole;                /* streams are hashed, not files */
	bool exited, drained, ended, metadata;
	uint32_t status;
	const char *reason;
};

static void close_end(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* The stream is over: both sides see it as they would without us. */
static void close_stream(struct stream *s)
{
	close_end(&s->source);
	close_end(&s->sink);
	flow_clear(&s->flow);
}

static bool is_open(const struct stream *s)
{
	return s->sink >= 0;
}

static bool is_socket(int fd)
{
	struct stat st;
	return fd >= 0 && fstat(fd, &st) == 0 && S_ISSOCK(st.st_mode);
}

/* A pipe that is shared with others and may block takes PIPE_BUF bytes when
 * poll says that it takes any (pipe(7)). */
static size_t write_limit(int fd)
{
	struct stat st;
	int flags = fd >= 0 ? fcntl(fd, F_GETFL) : -1;

	if (flags < 0 || (flags & O_NONBLOCK) || fstat(fd, &st) != 0 || !S_ISFIFO(st.st_mode))
		return 0;
	return PIPE_BUF;
}

static int open_stream(struct stream *s, int source, int sink)
{
	*s = (struct stream){
		.source = source, .sink = sink, .source_is_socket = is_socket(source),
		.sink_is_socket = is_socket(sink), .write_limit = write_limit(sink), .hash = hash_new(),
	};
	int r = flow_open(&s->flow, FLOW_SIZE);
	return r == 0 && s->hash == NULL ? ITM_ENOMEM : r;
}

static bool stores(const struct pipepump *p, size_t i)
{
	return i > 0 && p->streams[i].room > 0;
}

static void record(struct pipepump *p, size_t i)
{
	struct stream *s = &p->streams[i];
	size_t len = s->flow.end, keep = 0;

	if (p->whole)
		hash_update(s->hash, s->flow.data, len);
	if (p->transfer != NULL) {
		transfer_put(p->transfer, (unsigned)i, s->flow.data, len);
		question_data(&p->question, i == 1, transfer_known(p->transfer), transfer_likely(p->transfer), p->now_ns);
	}
	if (s->total < LONG_BYTES && s->total + len >= LONG_BYTES)
		/* The user's quota of pipe memory may refuse it: then it stays as it is. */
		(void)fcntl(s->source, F_SETPIPE_SZ, LONG_PIPE);
	s->total += len;
	if (stores(p, i)) {
		keep = len < s->room ? len : (size_t)s->room;
		recording_bytes(p->recording, p->now_ns, i == 1 ? RECORD_OUT : RECORD_ERR, s->flow.data, keep);
		s->room -= keep;
	}
	s->counted += len - keep;
}

/* A little room comes back all the time: else a shell behind a limit's worth
 * of nothing would be counted alone. */
static void refill(struct pipepump *p)
{
	uint64_t turns = (p->now_ns - p->refilled_ns) / (REFILL_MS * NS_PER_MS);

	for (size_t i = 0; i < PIPEPUMP_STREAMS && turns > 0; i++) {
		struct stream *s = &p->streams[i];
		uint64_t missing = p->limit - s->room;
		s->room += turns > missing / REFILL_BYTES ? missing : turns * REFILL_BYTES;
	}
	p->refilled_ns += turns * REFILL_MS * NS_PER_MS;
}

static void record_counts(struct pipepump *p)
{
	for (size_t i = 0; i < PIPEPUMP_STREAMS; i++) {
		struct stream *s = &p->streams[i];
		if (s->counted > 0)
			recording_code(p->recording, p->now_ns, RECORD_COUNTED, s->counted << 2 | i);
		s->counted = 0;
	}
	p->counted_ns = p->now_ns;
}

static bool is_held(const struct pipepump *p, const struct stream *s)
{
	return s == &p->streams[1] && question_holds(&p->question, p->now_ns);
}

static void drain(struct pipepump *p, struct stream *s)
{
	size_t before = flow_waiting(&s->flow);

	if (before == 0 || !is_open(s) || is_held(p, s))
		return;
	int r = flow_drain(&s->flow, s->sink, s->sink_is_socket, s->sink_is_socket ? 0 : s->write_limit);
	size_t done = before - flow_waiting(&s->flow);
	s->owed -= done < s->owed ? done : s->owed;
	if (r == ITM_ECLOSED || (flow_empty(&s->flow) && s->source < 0))
		close_stream(s);
}

static void fill(struct pipepump *p, size_t i)
{
	struct stream *s = &p->streams[i];
	int n = flow_fill(&s->flow, s->source, s->source_is_socket);

	if (n > 0) {
		record(p, i);
		/* A blocking sink is asked first whether it takes more. */
		if (s->write_limit == 0)
			drain(p, s);
	} else if (n == 0) {
		close_stream(s);
	}
}

static bool wants_source(const struct pipepump *p, size_t i)
{
	const struct stream *s = &p->streams[i];
	return s->source >= 0 && flow_empty(&s->flow) &&
	       !((stores(p, i) || !p->whole) && recording_full(p->recording));
}

static void prepare(const struct pipepump *p, struct pollfd fds[POLLED])
{
	for (size_t i = 0; i < PIPEPUMP_STREAMS; i++) {
		const struct stream *s = &p->streams[i];
		fds[SOURCE + i] = (struct pollfd){ wants_source(p, i) ? s->source : -1, POLLIN, 0 };
		/* Asked nothing, a sink still says when nobody reads it any more. */
		fds[SINK + i] = (struct pollfd){ s->sink, flow_empty(&s->flow) || is_held(p, s) ? 0 : POLLOUT, 0 };
	}
	short stream = recording_events(p->recording);
	fds[CONTROL] = (struct pollfd){ p->control, POLLIN, 0 };
	fds[STREAM] = (struct pollfd){ stream == 0 ? -1 : p->recording->outbox.sock, stream, 0 };
	fds[ASK] = (struct pollfd){ p->question.sock, POLLIN, 0 };
}

static void pump(struct pipepump *p, const struct pollfd fds[POLLED])
{
	for (size_t i = 0; i < PIPEPUMP_STREAMS; i++) {
		struct stream *s = &p->streams[i];
		if (fds[SINK + i].revents & POLLOUT)
			drain(p, s);
		if (is_open(s) && (fds[SINK + i].revents & (POLLERR | POLLHUP | POLLNVAL)))
			close_stream(s);
		if (s->source >= 0 && fds[SOURCE + i].fd >= 0 && fds[SOURCE + i].revents != 0)
			fill(p, i);
	}
}

/* The program is gone: what it wrote before is passed on before its status
 * is, what others still write comes later. */
static void exited(struct pipepump *p, uint32_t status)
{
	p->exited = true;
	p->status = status;
	recording_last(p->recording);
	recording_code(p->recording, p->now_ns, RECORD_EXIT, status);
	close_stream(&p->streams[0]);
	for (size_t i = 1; i < PIPEPUMP_STREAMS; i++) {
		struct stream *s = &p->streams[i];
		int waiting = 0;
		if (s->source >= 0)
			ioctl(s->source, FIONREAD, &waiting);
		s->owed = flow_waiting(&s->flow) + (waiting > 0 ? (size_t)waiting : 0);
	}
}

/* What of files there is to tell by now. */
static void record_files(struct pipepump *p)
{
	struct buffer note;

	if (p->transfer == NULL || !transfer_known(p->transfer))
		return;
	bool whole = !transfer_followed(p->transfer);
	for (size_t i = 0; i < PIPEPUMP_STREAMS && whole != p->whole; i++) {
		uint8_t gone[HASH_SIZE];
		hash_final(p->streams[i].hash, gone);
		p->streams[i].hashed_from = p->streams[i].total;
	}
	p->whole = whole;
	buffer_init(&note, TRANSFER_NOTE_MAX);
	while (!recording_full(p->recording) && transfer_note(p->transfer, &note)) {
		const char *text = buffer_text(&note);
		if (text != NULL)
			recording_note(p->recording, p->now_ns, text);
	}
	buffer_free(&note);
}

static void ask_ready(struct pipepump *p)
{
	struct question_answer a;

	if (question_receive(&p->question, &a, p->now_ns) && p->transfer != NULL)
		transfer_program(p->transfer, a.program, a.path);
}

static void control_ready(struct pipepump *p)
{
	struct control_message m;
	int r = control_receive(p->control, &m);

	if (r == ITM_ECLOSED) {
		p->control = -1;
		if (!p->exited)
			p->reason = "stub killed";
	} else if (r == 1 && m.type == MESSAGE_EXITED && !p->exited) {
		exited(p, (uint32_t)m.number);
	} else if (r == 1 && m.type == MESSAGE_HANGUP) {
		recording_code(p->recording, p->now_ns, RECORD_SIGNAL, m.number);
	}
}

static void apply_policy(struct pipepump *p)
{
	if (recording_refusal(p->recording) == NULL || p->ended)
		return;
	p->ended = true;
	p->deadline_ns = p->now_ns + END_MS * NS_PER_MS;
	control_send_ended(p->control, "itm: this command is ended, because it can no longer be recorded");
	for (size_t i = 0; i < PIPEPUMP_STREAMS; i++)
		close_stream(&p->streams[i]);
}

static void check_end(struct pipepump *p)
{
	const struct stream *out = &p->streams[1], *err = &p->streams[2];

	if (p->exited && !p->drained && (!is_open(out) || out->owed == 0) && (!is_open(err) || err->owed == 0)) {
		p->drained = true;
		if (p->control >= 0)
			control_send(p->control, MESSAGE_DRAINED);
	}
	if (p->reason == NULL && p->exited && !is_open(out) && !is_open(err))
		p->reason = "exit";
	if (p->ended && (p->exited || p->now_ns >= p->deadline_ns))
		p->reason = "ended by policy";
}

static int wait_ms(const struct pipepump *p)
{
	int ms = recording_wait_ms(p->recording, clock_boot_ns());

	if (p->ended && (ms < 0 || ms > END_MS))
		ms = END_MS;
	int hold = question_wait_ms(&p->question, clock_boot_ns());
	if (hold >= 0 && (ms < 0 || ms > hold))
		ms = hold;
	for (size_t i = 0; i < PIPEPUMP_STREAMS; i++)
		if (p->streams[i].counted > 0 && (ms < 0 || ms > COUNT_MS))
			ms = COUNT_MS;
	return ms;
}

static void step(struct pipepump *p)
{
	struct pollfd fds[POLLED];

	prepare(p, fds);
	if (poll(fds, POLLED, wait_ms(p)) < 0)
		return;
	p->now_ns = clock_boot_ns();
	question_tick(&p->question, p->now_ns);
	refill(p);
	pump(p, fds);
	if (fds[CONTROL].fd >= 0 && fds[CONTROL].revents != 0)
		control_ready(p);
	if (fds[ASK].fd >= 0 && fds[ASK].revents != 0)
		ask_ready(p);
	record_files(p);
	if (fds[STREAM].revents != 0)
		recording_receive(p->recording, p->now_ns);
	if (p->now_ns - p->counted_ns >= COUNT_MS * NS_PER_MS)
		record_counts(p);
	recording_tick(p->recording, p->now_ns);
	apply_policy(p);
	check_end(p);
}

static void put_totals(struct buffer *b, struct stream *s, const char *name, bool whole)
{
	uint8_t digest[HASH_SIZE];

	(void)buffer_printf(b, "%s_bytes=%llu\n", name, (unsigned long long)s->total);
	if (!whole)
		return;
	if (s->hashed_from > 0)
		(void)buffer_printf(b, "%s_sha256_from=%llu\n", name, (unsigned long long)s->hashed_from);
	hash_final(s->hash, digest);
	(void)buffer_printf(b, "%s_sha256=", name);
	for (size_t i = 0; i < sizeof digest; i++)
		(void)buffer_printf(b, "%02x", digest[i]);
	(void)buffer_put_u8(b, '\n');
}

static void finish(struct pipepump *p)
{
	struct buffer note;

	record_counts(p);
	if (p->transfer != NULL)
		transfer_end(p->transfer);
	record_files(p);
	buffer_init(&note, NOTE_MAX);
	(void)buffer_printf(&note, "end=%s\n", p->reason);
	for (size_t i = 0; i < PIPEPUMP_STREAMS && !p->metadata; i++)
		put_totals(&note, &p->streams[i], stream_names[i], p->whole);
	const char *text = buffer_text(&note);
	if (text != NULL)
		recording_note(p->recording, p->now_ns, text);
	buffer_free(&note);
	if (p->control >= 0 && !p->drained)
		control_send(p->control, MESSAGE_DRAINED);
}

int pipepump_run(const struct pipepump_config *config)
{
	struct pipepump p = { .recording = config->recording, .control = config->control,
			      .limit = config->limit_bytes, .whole = true, .metadata = config->outer[1] < 0 };
	int r = 0;

	question_init(&p.question, config->ask);
	p.transfer = config->ask >= 0 ? transfer_new() : NULL;

	p.now_ns = p.counted_ns = p.refilled_ns = clock_boot_ns();
	for (size_t i = 0; i < PIPEPUMP_STREAMS && r == 0; i++)
		r = open_stream(&p.streams[i], i == 0 ? config->outer[0] : config->inner[i],
				i == 0 ? config->inner[0] : config->outer[i]);
	for (size_t i = 0; i < PIPEPUMP_STREAMS; i++)
		p.streams[i].room = p.limit;
	if (r == 0) {
		while (p.reason == NULL)
			step(&p);
		finish(&p);
	}
	for (size_t i = 0; i < PIPEPUMP_STREAMS; i++) {
		close_stream(&p.streams[i]);
		hash_free(p.streams[i].hash);
		flow_close(&p.streams[i].flow);
	}
	transfer_free(p.transfer);
	return r;
}
