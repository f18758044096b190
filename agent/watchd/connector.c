#include "agent/watchd/connector.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/cn_proc.h>
#include <linux/connector.h>
#include <linux/netlink.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "agent/watchd/eye.h"
#include "base/clock.h"
#include "base/error.h"

enum { CPUS_MAX = 1024, QUEUE_BYTES = 8 << 20, MESSAGE_MAX = 4096, SCAN_MS = 1000, ANSWER_S = 1,
       AT_ONCE = 2000 };
enum { HOLE_MAX = 1 << 30 };             /* a larger one is a number that went back */
/* Of linux/cn_proc.h, where older headers have them inside the struct. */
enum { WHAT_FORK = 1, WHAT_EXEC = 2 };
#define WHAT_EXIT 0x80000000U

struct connector {
	int sock;
	uint32_t last[CPUS_MAX];
	bool known[CPUS_MAX];
};

/* Before the union of struct proc_event: what, cpu, time.  Its members begin
 * with pids of 32 bits. */
int connector_decode(const void *data, size_t len, struct connector_word *out)
{
	const uint8_t *at = data;
	struct nlmsghdr h;
	struct cn_msg m;
	struct { uint32_t what, cpu; uint64_t time_ns; } head;
	uint32_t n[4] = { 0 };

	if (len < sizeof h + sizeof m + sizeof head)
		return ITM_EFORMAT;
	memcpy(&h, at, sizeof h);
	memcpy(&m, at + sizeof h, sizeof m);
	if (m.id.idx != CN_IDX_PROC || m.id.val != CN_VAL_PROC || h.nlmsg_len > len)
		return ITM_EFORMAT;
	at += sizeof h + sizeof m;
	len -= sizeof h + sizeof m;
	memcpy(&head, at, sizeof head);
	len -= sizeof head;
	memcpy(n, at + sizeof head, len < sizeof n ? len : sizeof n);
	*out = (struct connector_word){ .cpu = head.cpu, .sequence = m.seq, .mono_ns = head.time_ns };
	if (head.what == WHAT_FORK && len >= sizeof n && n[2] == n[3]) {
		out->what = CONNECTOR_FORK; /* n: parent's thread and process, child's thread and process */
		out->pid = n[1];
		out->child = n[3];
	} else if (head.what == WHAT_EXEC && len >= 2 * sizeof n[0]) {
		out->what = CONNECTOR_EXEC; /* thread, process */
		out->pid = n[1];
	} else if (head.what == WHAT_EXIT && len >= 3 * sizeof n[0] && n[0] == n[1]) {
		out->what = CONNECTOR_EXIT; /* thread, process, status */
		out->pid = n[1];
		out->status = n[2];
	}
	return 0;
}

static uint64_t boot_ns_of(uint64_t mono_ns)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	uint64_t now = (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec, boot = clock_boot_ns();
	return mono_ns < now ? boot - (now - mono_ns) : boot;
}

static int listen_on(int sock)
{
	struct sockaddr_nl a = { .nl_family = AF_NETLINK, .nl_groups = CN_IDX_PROC };
	/* struct cn_msg, whose data cannot stand inside another struct. */
	struct { struct nlmsghdr h; struct cb_id id; uint32_t seq, ack; uint16_t len, flags; uint32_t op; } q = {
		.h = { .nlmsg_len = sizeof q, .nlmsg_type = NLMSG_DONE },
		.id = { CN_IDX_PROC, CN_VAL_PROC }, .len = sizeof q.op, .op = PROC_CN_MCAST_LISTEN,
	};
	int size = QUEUE_BYTES;

	(void)setsockopt(sock, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size);
	if (bind(sock, (const void *)&a, sizeof a) != 0 || send(sock, &q, sizeof q, 0) != (ssize_t)sizeof q)
		return ITM_ESYS;
	return 0;
}

/* In another namespace the kernel takes the wish and says nothing ever: a child
 * of our own must be heard. */
static bool hears(int sock)
{
	uint8_t data[MESSAGE_MAX];
	struct timeval limit = { .tv_sec = ANSWER_S }, none = { 0 };
	bool heard = false;
	pid_t child = fork();

	if (child == 0)
		_exit(0);
	setsockopt(sock, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
	for (int i = 0; child > 0 && i < 10000 && !heard; i++) {
		struct connector_word w;
		ssize_t n = recv(sock, data, sizeof data, 0);
		if (n < 0 && errno != EINTR)
			break;
		heard = n > 0 && connector_decode(data, (size_t)n, &w) == 0 && w.what == CONNECTOR_FORK && w.child == (uint32_t)child;
	}
	setsockopt(sock, SOL_SOCKET, SO_RCVTIMEO, &none, sizeof none);
	if (child > 0)
		waitpid(child, NULL, 0);
	return heard;
}

static int open_way(void **state, char error[EYE_ERROR_SIZE])
{
	struct connector *c = calloc(1, sizeof *c);

	if (c == NULL) {
		snprintf(error, EYE_ERROR_SIZE, "no memory");
		return ITM_ENOMEM;
	}
	c->sock = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_CONNECTOR);
	if (c->sock < 0 || listen_on(c->sock) != 0) {
		snprintf(error, EYE_ERROR_SIZE, "%s", strerror(errno));
	} else if (!hears(c->sock)) {
		snprintf(error, EYE_ERROR_SIZE, "the kernel tells nothing here (a pid or network namespace, or another right)");
	} else if (fcntl(c->sock, F_SETFL, O_NONBLOCK) == 0) {
		*state = c;
		return 0;
	}
	if (c->sock >= 0)
		close(c->sock);
	free(c);
	return ITM_ESYS;
}

static int fd_of(const void *state)
{
	return ((const struct connector *)state)->sock;
}

static void count(struct connector *c, const struct connector_word *w, struct eye_counts *counts)
{
	counts->received++;
	if (w->cpu >= CPUS_MAX)
		return;
	uint32_t hole = w->sequence - c->last[w->cpu] - 1;
	if (c->known[w->cpu] && hole < HOLE_MAX)
		counts->dropped += hole;
	c->last[w->cpu] = w->sequence;
	c->known[w->cpu] = true;
}

static bool read_way(void *state, struct observer *l, struct eye_counts *counts)
{
	struct connector *c = state;
	uint8_t data[MESSAGE_MAX];

	for (int i = 0; l->room && i < AT_ONCE; i++) {
		struct connector_word w;
		struct sockaddr_nl from = { 0 };
		socklen_t from_len = sizeof from;
		ssize_t n = recvfrom(c->sock, data, sizeof data, 0, (void *)&from, &from_len);
		if (n < 0 && errno != ENOBUFS && errno != EINTR)
			return false;
		if (n < 0)
			continue; /* ENOBUFS: the holes in the numbers say how many */
		if (from.nl_pid != 0 || connector_decode(data, (size_t)n, &w) != 0) {
			counts->strange++; /* not from the kernel, or not to be understood */
			continue;
		}
		count(c, &w, counts);
		uint64_t boot_ns = w.what != CONNECTOR_OTHER ? boot_ns_of(w.mono_ns) : 0;
		if (w.what == CONNECTOR_FORK)
			observer_fork(l, w.pid, w.child, boot_ns);
		else if (w.what == CONNECTOR_EXEC)
			(void)observer_exec(l, w.pid, boot_ns, NULL, 0);
		else if (w.what == CONNECTOR_EXIT)
			observer_exit(l, w.pid, w.status, 0, boot_ns);
	}
	return true;
}

static void close_way(void *state)
{
	struct connector *c = state;

	close(c->sock);
	free(c);
}

const struct eye_way connector_way = { open_way, fd_of, read_way, close_way, SCAN_MS };
