/* Stands where the broker stands, and plays recorders too: opens streams with
 * the sealer, sends numbered frames, remembers what was acknowledged, sends
 * again what a restarted sealer asks for.  At STOP it ends its streams and
 * writes "<stream> <last acknowledged frame> <END acknowledged>" lines.
 *
 * usage (as itm-brokerd): itm-brokerd --config FILE; answers go to
 * <folder of FILE>/acked, control path is <folder of FILE>/run/agentd.sock.
 * With a file <folder of FILE>/disk.log each acknowledgement is noted there as
 * soon as it comes (tests/powercut), and fewer frames are on their way. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fdpass.h"
#include "format/record.h"
#include "local/message.h"
#include "local/supervisor.h"
#include "tests/powercut/mark.h"

enum { STREAMS = 4, WINDOW = 256, WINDOW_MARKED = 8, BOUND = 1 << 20, CONTROL_SIZE = 8192 };

struct held { uint64_t number; struct buffer message; };
struct play {
	struct id id;
	int sock;
	uint64_t number, acked;      /* last sent, last acknowledged */
	struct held held[WINDOW];    /* by number % WINDOW */
	size_t held_bytes;
	uint64_t send_from;          /* next to put into the socket */
	bool ended;
};
static struct play plays[STREAMS];
static int control = SUPERVISOR_CONTROL_FD;
static bool stopping;
static int marks = -1;
static unsigned seed;
static char folder[PATH_MAX - 32], control_path[PATH_MAX];

static int64_t now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Bytes of frame n: known to the checker. */
static void make_frame(struct play *p, uint64_t n, bool end)
{
	struct held *h = &p->held[n % WINDOW];
	struct buffer run, payload;
	uint64_t last_ms = 0;
	char text[64];
	size_t repeat = rand_r(&seed) % 16 == 0 ? 4000 : (size_t)(rand_r(&seed) % 40);

	buffer_init(&run, FRAME_RUN_MAX);
	buffer_init(&payload, MESSAGE_MAX);
	for (size_t i = 0; i <= repeat; i++) {
		int len = snprintf(text, sizeof text, "%" PRIu64 " ", n);
		if (record_put(&run, &last_ms, i / 8, RECORD_OUT, (uint64_t)len, text) != 0)
			break;
	}
	struct frame f = { .stream = p->id, .number = n, .boot_ns = clock_boot_ns(), .wall_ns = clock_wall_ns(),
			   .flags = end ? FRAME_END : 0, .run = run.data, .run_len = run.len };
	h->number = n;
	buffer_init(&h->message, MESSAGE_MAX);
	if (frame_encode(&payload, &f) != 0 ||
	    message_encode_bytes(&h->message, MESSAGE_FRAME, payload.data, payload.len) != 0)
		abort();
	p->held_bytes += h->message.len;
	buffer_free(&run);
	buffer_free(&payload);
}

static void push(struct play *p)
{
	while (p->sock >= 0 && p->send_from <= p->number) {
		struct held *h = &p->held[p->send_from % WINDOW];
		int r = fdpass_send(p->sock, h->message.data, h->message.len, NULL, 0);
		if (r != 0)
			return;
		p->send_from++;
	}
}

static void take_ack(struct play *p, uint64_t number)
{
	if (number > p->number)
		abort(); /* an answer to what was never sent */
	while (p->acked < number) {
		struct held *h = &p->held[++p->acked % WINDOW];
		p->held_bytes -= h->message.len;
		buffer_free(&h->message);
	}
	if (marks >= 0) {
		char key[ID_TEXT_SIZE], text[ID_TEXT_SIZE + 64];
		id_format(&p->id, key);
		(void)snprintf(text, sizeof text, "%s %" PRIu64 " %d", key, p->acked, p->ended && p->acked == p->number);
		mark(marks, text);
	}
}

static void listen_to(struct play *p)
{
	uint8_t data[256];
	for (;;) {
		ssize_t n = fdpass_recv(p->sock, data, sizeof data, NULL, NULL);
		uint64_t a, c;
		if (n == ITM_ECLOSED) {
			fprintf(stderr, "client: a stream was closed%s\n", p->ended && p->acked == p->number ? "" : " too early");
			close(p->sock);
			p->sock = -1;
		}
		if (n <= 0)
			return;
		if (message_decode_numbers(data, (size_t)n, MESSAGE_ACK, &a, &c, NULL) == 0) {
			take_ack(p, a);
		} else if (message_decode_numbers(data, (size_t)n, MESSAGE_RESUME_FROM, &a, &c, NULL) == 0) {
			if (a < p->acked) {
				fprintf(stderr, "client: LOST: sealer resumes after %" PRIu64 ", acknowledged was %" PRIu64 "\n",
					a, p->acked);
				exit(3);
			}
			take_ack(p, a);
			p->send_from = a + 1;
		}
	}
}

static void open_play(struct play *p)
{
	char key[ID_TEXT_SIZE];
	p->id = id_random();
	p->sock = -1;
	p->send_from = 1;
	id_format(&p->id, key);
	if (supervisor_pair(control, "sealer", key, p->id.bytes, ID_SIZE) != 0)
		exit(4);
}

static void serve_control(void)
{
	uint8_t data[CONTROL_SIZE];
	struct supervisor_message m;
	int fds[SUPERVISOR_FDS_MAX];
	size_t count = SUPERVISOR_FDS_MAX;
	int r = supervisor_recv(control, data, sizeof data, &m, fds, &count);
	if (r == ITM_ECLOSED) {
		close(control);
		control = -1;
		return;
	}
	if (r != 0)
		return;
	if (m.type == SUPERVISOR_BEGIN) {
		for (size_t i = 0; i < STREAMS; i++)
			open_play(&plays[i]);
		(void)supervisor_ready(control);
	} else if (m.type == SUPERVISOR_STOP) {
		stopping = true;
	} else if (m.type == SUPERVISOR_PAIRED && count == 1) {
		struct id id;
		if (id_parse(m.key, &id) == 0)
			for (size_t i = 0; i < STREAMS; i++)
				if (id_equal(&id, &plays[i].id)) {
					plays[i].sock = fds[0];
					(void)fcntl(fds[0], F_SETFL, O_NONBLOCK);
					count = 0;
				}
	}
	for (size_t i = 0; i < count; i++)
		close(fds[i]);
}

static void write_answers(void)
{
	char path[PATH_MAX], key[ID_TEXT_SIZE];
	(void)snprintf(path, sizeof path, "%s/acked", folder);
	FILE *f = fopen(path, "w");
	if (f == NULL)
		exit(5);
	for (size_t i = 0; i < STREAMS; i++) {
		id_format(&plays[i].id, key);
		fprintf(f, "%s %" PRIu64 " %d\n", key, plays[i].acked, plays[i].ended && plays[i].acked == plays[i].number);
	}
	fclose(f);
}

/* True when all is said and answered. */
static bool produce(void)
{
	bool done = stopping;
	uint64_t window = marks >= 0 ? WINDOW_MARKED : WINDOW - 1;
	for (size_t i = 0; i < STREAMS; i++) {
		struct play *p = &plays[i];
		if (p->sock >= 0 && !p->ended && (stopping || (p->number - p->acked < window && p->held_bytes < BOUND))) {
			if (p->number - p->acked < WINDOW - 1) {
				make_frame(p, ++p->number, stopping);
				p->ended = stopping;
			}
		}
		push(p);
		done = done && p->ended && p->acked == p->number;
	}
	return done;
}

static void wait_a_bit(void)
{
	struct pollfd p[STREAMS + 1];
	for (size_t i = 0; i < STREAMS; i++)
		p[i] = (struct pollfd){ .fd = plays[i].sock, .events = POLLIN };
	p[STREAMS] = (struct pollfd){ .fd = control, .events = POLLIN };
	if (poll(p, STREAMS + 1, 3) <= 0)
		return;
	for (size_t i = 0; i < STREAMS; i++)
		if (p[i].revents != 0)
			listen_to(&plays[i]);
	if (p[STREAMS].revents != 0)
		serve_control();
}

int main(int argc, char **argv)
{
	if (argc != 3)
		return 64;
	(void)snprintf(folder, sizeof folder, "%s", dirname(argv[2]));
	(void)snprintf(control_path, sizeof control_path, "%s/disk.log", folder);
	marks = mark_open(control_path);
	(void)snprintf(control_path, sizeof control_path, "%s/run/agentd.sock", folder);
	for (size_t i = 0; i < STREAMS; i++)
		plays[i].sock = -1;
	seed = (unsigned)getpid();
	int64_t offer_at = 0, give_up_at = INT64_MAX;
	for (;;) {
		if (control < 0 && now_ms() >= offer_at) {
			offer_at = now_ms() + 100;
			control = supervisor_offer(control_path, "broker");
			if (control >= 0)
				(void)supervisor_ready(control);
		}
		wait_a_bit();
		if (stopping && give_up_at == INT64_MAX)
			give_up_at = now_ms() + 2500;
		if (produce() || now_ms() > give_up_at)
			break;
	}
	write_answers();
	return 0;
}
