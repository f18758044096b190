/* The level audit: the kernel's audit records by the multicast group that needs
 * only CAP_AUDIT_READ and takes nothing from auditd (Linux 3.16).  Only where
 * the administrator's own rules have it tell of execve; no rule is made or
 * changed here. */
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/netlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "agent/watchd/audit_text.h"
#include "agent/watchd/eye.h"
#include "base/clock.h"
#include "base/error.h"

enum { QUEUE_BYTES = 8 << 20, SCAN_MS = 1000, AT_ONCE = 2000, ANSWER_S = 2, ANSWERS_MAX = 4096 };
static const uint64_t ns_per_ms = 1000000;

struct audit {
	int sock;
	struct audit_text text;
};

/* ---- whether the kernel's rules tell of execve ---- */

static int ask(int sock, unsigned type)
{
	struct nlmsghdr h = { .nlmsg_len = NLMSG_HDRLEN, .nlmsg_type = (uint16_t)type, .nlmsg_flags = NLM_F_REQUEST, .nlmsg_seq = type };
	const struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };

	return sendto(sock, &h, sizeof h, 0, (const void *)&kernel, sizeof kernel) == (ssize_t)sizeof h ? 0 : ITM_ESYS;
}

static bool tells_of(const struct audit_rule_data *rule, unsigned call)
{
	return (rule->mask[AUDIT_WORD(call)] & (uint32_t)AUDIT_BIT(call)) != 0;
}

/* A rule of the exit list, always, for execve. */
static bool is_exec_rule(const void *data, size_t len)
{
	struct audit_rule_data rule;

	if (len < sizeof rule)
		return false;
	memcpy(&rule, data, sizeof rule);
	return rule.flags == AUDIT_FILTER_EXIT && rule.action == AUDIT_ALWAYS && tells_of(&rule, SYS_execve);
}

/* 1 yes, 0 no; ITM_ESYS. */
static int answer(int sock, unsigned type)
{
	static uint8_t data[AUDIT_TEXT_MAX];
	bool found = false;

	for (int i = 0; i < ANSWERS_MAX; i++) {
		ssize_t n = recv(sock, data, sizeof data, 0);
		struct nlmsghdr h;
		if (n < (ssize_t)sizeof h)
			return ITM_ESYS;
		memcpy(&h, data, sizeof h);
		if (h.nlmsg_type == NLMSG_ERROR) {
			int32_t error = 0;
			memcpy(&error, data + sizeof h, (size_t)n - sizeof h >= sizeof error ? sizeof error : 0);
			errno = error < 0 ? -error : EPROTO;
			return ITM_ESYS;
		}
		if (h.nlmsg_type == NLMSG_DONE)
			return found;
		if (h.nlmsg_type != type)
			continue;
		if (type == AUDIT_LIST_RULES) {
			found |= is_exec_rule(data + sizeof h, (size_t)n - sizeof h);
		} else {
			struct audit_status s = { 0 };
			size_t left = (size_t)n - sizeof h;
			memcpy(&s, data + sizeof h, left < sizeof s ? left : sizeof s);
			return s.enabled != 0;
		}
	}
	return found;
}

static int useful(char error[EYE_ERROR_SIZE])
{
	const struct timeval limit = { .tv_sec = ANSWER_S };
	int sock = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_AUDIT);
	int r = ITM_ESYS;

	if (sock >= 0 && setsockopt(sock, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) == 0 && ask(sock, AUDIT_GET) == 0)
		r = answer(sock, AUDIT_GET);
	bool on = r == 1;
	if (on)
		r = ask(sock, AUDIT_LIST_RULES) == 0 ? answer(sock, AUDIT_LIST_RULES) : ITM_ESYS;
	if (r < 0)
		snprintf(error, EYE_ERROR_SIZE, "%s", strerror(errno));
	else if (!on)
		snprintf(error, EYE_ERROR_SIZE, "audit is switched off");
	else if (r == 0)
		snprintf(error, EYE_ERROR_SIZE, "no audit rule tells of execve");
	if (sock >= 0)
		close(sock);
	return r == 1 ? 0 : ITM_ESYS;
}

/* ---- the way ---- */

static int open_way(void **state, char error[EYE_ERROR_SIZE])
{
	struct audit *a = NULL;
	int group = AUDIT_NLGRP_READLOG, size = QUEUE_BYTES;

	if (useful(error) != 0)
		return ITM_ESYS;
	int sock = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_AUDIT);
	if (sock >= 0 && setsockopt(sock, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof group) == 0)
		a = calloc(1, sizeof *a);
	if (a == NULL) {
		snprintf(error, EYE_ERROR_SIZE, "%s", strerror(errno));
		if (sock >= 0)
			close(sock);
		return ITM_ESYS;
	}
	(void)setsockopt(sock, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size);
	a->sock = sock;
	audit_text_init(&a->text);
	*state = a;
	return 0;
}

static int fd_of(const void *state)
{
	return ((const struct audit *)state)->sock;
}

static void take(struct audit *a, unsigned type, const char *text, size_t len, struct observer *l, struct eye_counts *counts)
{
	uint64_t lost = a->text.lost;
	const struct audit_text_event *e = audit_text_add(&a->text, type, text, len);

	counts->dropped += a->text.lost - lost;
	if (e == NULL)
		return;
	/* Its time is the wall clock's, ours the boot clock's. */
	int64_t age_ms = clock_wall_ns() / (int64_t)ns_per_ms - e->wall_ms;
	uint64_t age_ns = age_ms > 0 ? (uint64_t)age_ms * ns_per_ms : 0, now = clock_boot_ns();
	counts->received++;
	observer_told(l, &e->told, now > age_ns ? now - age_ns : now);
}

static bool read_way(void *state, struct observer *l, struct eye_counts *counts)
{
	static uint8_t data[AUDIT_TEXT_MAX];
	struct audit *a = state;

	for (int i = 0; l->room && i < AT_ONCE; i++) {
		struct sockaddr_nl from = { 0 };
		socklen_t from_len = sizeof from;
		struct nlmsghdr h;
		ssize_t n = recvfrom(a->sock, data, sizeof data, 0, (void *)&from, &from_len);
		if (n < 0 && errno == ENOBUFS)
			counts->dropped++; /* at least one; the kernel does not say how many */
		if (n < 0 && errno != ENOBUFS && errno != EINTR)
			return false;
		if (n < 0)
			continue;
		if (from.nl_pid != 0 || n < (ssize_t)sizeof h) {
			counts->strange++; /* not from the kernel */
			continue;
		}
		/* One record each; nlmsg_len is with the head in some kernels and without in others. */
		memcpy(&h, data, sizeof h);
		take(a, h.nlmsg_type, (const char *)data + sizeof h, (size_t)n - sizeof h, l, counts);
	}
	return true;
}

static void close_way(void *state)
{
	struct audit *a = state;

	audit_text_free(&a->text);
	close(a->sock);
	free(a);
}

const struct eye_way audit_way = { open_way, fd_of, read_way, close_way, SCAN_MS };
