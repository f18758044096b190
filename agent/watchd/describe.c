#include "agent/watchd/describe.h"

#include <arpa/inet.h>
#include <string.h>

/* The kernel's -1, unset, is left out; 0 is a user. */
static void set_login(struct activity_event *e, enum activity_tag tag, uint32_t value)
{
	e->number[tag] = value == (uint32_t)-1 ? 0 : (uint64_t)value + 1;
}

static void set_text(struct activity_event *e, enum activity_tag tag, const char *text, size_t size)
{
	activity_set_bytes(e, tag, text, strnlen(text, size));
}

static void set_head(struct activity_event *e, const struct probe_head *h)
{
	static const uint8_t none[PROBE_SESSION];

	e->number[ACTIVITY_PID] = h->pid;
	e->number[ACTIVITY_START] = h->start;
	e->number[ACTIVITY_PARENT] = h->parent;
	e->number[ACTIVITY_PARENT_START] = h->parent_start;
	e->number[ACTIVITY_FLAGS] = h->flags;
	set_login(e, ACTIVITY_LOGINUID, h->loginuid);
	set_login(e, ACTIVITY_AUDIT_SESSION, h->audit_session);
	if (memcmp(h->session, none, sizeof none) != 0)
		activity_set_bytes(e, ACTIVITY_SESSION, h->session, sizeof h->session);
}

static void set_fds(struct activity_event *e, enum activity_tag first, const struct probe_fd from[3],
		    uint8_t to[3][ACTIVITY_FD_SIZE])
{
	for (int i = 0; i < 3; i++) {
		struct activity_fd fd = { .mode = from[i].mode, .device = from[i].device, .inode = from[i].inode,
					  .family = from[i].family, .state = from[i].state,
					  .port = ntohs(from[i].port), .local_port = from[i].local_port };
		if (fd.mode == 0)
			continue;
		memcpy(fd.address, from[i].address, sizeof fd.address);
		activity_fd_put(&fd, to[i]);
		activity_set_bytes(e, (enum activity_tag)(first + i), to[i], ACTIVITY_FD_SIZE);
	}
}

static int set_exec(const struct probe_exec *x, size_t size, struct describe_fds *fds, struct activity_event *e)
{
	const char *text = (const char *)(x + 1);

	if (size < sizeof *x || x->exe_len > PROBE_PATH || x->cwd_len > PROBE_PATH ||
	    x->argv_len > PROBE_ARGV_INLINE || sizeof *x + x->exe_len + x->cwd_len + x->argv_len != size)
		return ITM_EFORMAT;
	e->number[ACTIVITY_UID] = x->uid;
	e->number[ACTIVITY_EUID] = x->euid;
	e->number[ACTIVITY_SUID] = x->suid;
	e->number[ACTIVITY_FSUID] = x->fsuid;
	e->number[ACTIVITY_GID] = x->gid;
	e->number[ACTIVITY_EGID] = x->egid;
	e->number[ACTIVITY_CAPABILITIES] = x->capabilities;
	e->number[ACTIVITY_EXE_DEVICE] = x->exe_device;
	e->number[ACTIVITY_EXE_INODE] = x->exe_inode;
	e->number[ACTIVITY_EXE_MODE] = x->exe_mode;
	e->number[ACTIVITY_ARGC] = x->argc;
	e->number[ACTIVITY_ARGUMENTS_SIZE] = x->argv_total;
	e->number[ACTIVITY_TTY] = x->tty;
	e->number[ACTIVITY_CGROUP] = x->cgroup;
	e->number[ACTIVITY_MOUNT_NAMESPACE] = x->mount_namespace;
	e->number[ACTIVITY_PID_NAMESPACE] = x->pid_namespace;
	activity_set_bytes(e, ACTIVITY_EXE, text, x->exe_len);
	activity_set_bytes(e, ACTIVITY_CWD, text + x->exe_len, x->cwd_len);
	activity_set_bytes(e, ACTIVITY_ARGUMENTS, text + x->exe_len + x->cwd_len, x->argv_len);
	set_text(e, ACTIVITY_SCRIPT, x->script, sizeof x->script);
	set_text(e, ACTIVITY_COMM, x->comm, sizeof x->comm);
	set_text(e, ACTIVITY_PARENT_COMM, x->parent_comm, sizeof x->parent_comm);
	set_fds(e, ACTIVITY_FD0, x->fd, fds->own);
	set_fds(e, ACTIVITY_PARENT_FD0, x->parent_fd, fds->parent);
	return 0;
}

static int set_argv(const struct probe_argv *a, size_t size, struct activity_event *e)
{
	if (size < sizeof *a || a->len > PROBE_ARGV_PIECE || sizeof *a + a->len != size)
		return ITM_EFORMAT;
	e->number[ACTIVITY_OFFSET] = a->offset;
	activity_set_bytes(e, ACTIVITY_ARGUMENTS, a + 1, a->len);
	return 0;
}

static int set_fork(const struct probe_fork *f, size_t size, struct activity_event *e)
{
	if (size != sizeof *f)
		return ITM_EFORMAT;
	e->number[ACTIVITY_CHILD] = f->child;
	e->number[ACTIVITY_CHILD_START] = f->child_start;
	e->number[ACTIVITY_UID] = f->uid;
	return 0;
}

static int set_exit(const struct probe_exit *x, size_t size, struct activity_event *e)
{
	if (size != sizeof *x)
		return ITM_EFORMAT;
	e->number[ACTIVITY_STATUS] = x->status;
	e->number[ACTIVITY_USER_NS] = x->user_ns;
	e->number[ACTIVITY_SYSTEM_NS] = x->system_ns;
	e->number[ACTIVITY_UID] = x->uid;
	return 0;
}

static int set_socket(const struct probe_socket *s, size_t size, struct activity_event *e)
{
	if (size != sizeof *s)
		return ITM_EFORMAT;
	e->number[ACTIVITY_UID] = s->uid;
	e->number[ACTIVITY_FAMILY] = s->family;
	e->number[ACTIVITY_PORT] = ntohs(s->port);
	activity_set_bytes(e, ACTIVITY_ADDRESS, s->address, s->family == AF_INET ? 4 : 16);
	set_text(e, ACTIVITY_COMM, s->comm, sizeof s->comm);
	return 0;
}

int describe_record(const struct probe_head *head, struct describe_fds *fds, struct activity_event *out)
{
	static const enum activity_kind kinds[PROBE_TYPES] = {
		[PROBE_EXEC] = ACTIVITY_EXEC, [PROBE_ARGV] = ACTIVITY_ARGV, [PROBE_FORK] = ACTIVITY_FORK,
		[PROBE_EXIT] = ACTIVITY_EXIT, [PROBE_CONNECT] = ACTIVITY_CONNECT, [PROBE_LISTEN] = ACTIVITY_LISTEN,
		[PROBE_SEEN] = ACTIVITY_SEEN,
	};
	const void *record = head;

	*out = (struct activity_event){ 0 };
	if (head->size < sizeof *head || head->type >= PROBE_TYPES || kinds[head->type] == 0)
		return ITM_EFORMAT;
	out->kind = kinds[head->type];
	set_head(out, head);
	switch (head->type) {
	case PROBE_EXEC:
	case PROBE_SEEN: return set_exec(record, head->size, fds, out);
	case PROBE_ARGV: return set_argv(record, head->size, out);
	case PROBE_FORK: return set_fork(record, head->size, out);
	case PROBE_EXIT: return set_exit(record, head->size, out);
	case PROBE_CONNECT:
	case PROBE_LISTEN: return set_socket(record, head->size, out);
	default: return ITM_EFORMAT;
	}
}
