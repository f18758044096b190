/* The kernel side of the probe: tells of every exec, fork, exit, outbound
 * connection and listening socket through one ring, with the recorded session
 * a process belongs to, which children inherit.
 *
 * tp_btf programs only: they work where LSM, fentry and kprobes are refused.
 * Typed loads (p->real_parent->tgid) are cheaper than bpf_probe_read_kernel()
 * and allowed under lockdown=confidentiality; what the verifier can't type is
 * read with BPF_CORE_READ.  Needs Linux 5.17 (bpf_loop).
 *
 * Every record takes the next number of its CPU before the ring is asked for
 * room, so that what finds no room leaves a hole. */
#include "agent/watchd/kernel_types.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "agent/watchd/probe_event.h"
#include "agent/watchd/probe_path.h"

char probe_license[] SEC("license") = "GPL"; /* of this object: the helpers it calls ask for it */

const volatile __u32 cpus = 1;         /* as many as counters and scratch have */

enum { CPUS_MAX = 1024, RECORD_MAX = 65536, MODE_TYPE = 0170000, MODE_SOCKET = 0140000,
       AF_INET_ = 2, AF_INET6_ = 10, MAJOR_SHIFT = 20 };

struct session { __u8 id[PROBE_SESSION]; };
struct record { char bytes[RECORD_MAX]; };

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 8 << 20); /* bytes */
} ring SEC(".maps");
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);       /* the number of CPUs, set before loading */
	__type(key, __u32);
	__type(value, struct probe_counters);
} counters SEC(".maps");
struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct session);
} sessions SEC(".maps");
/* A per-CPU value ends at 32 KiB: an array indexed by CPU. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct record);
} scratch SEC(".maps");
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct text);
} path_text SEC(".maps");

/* Of the snapshot, which can be interrupted by what uses those above. */
struct seen { struct record record; struct text text; };
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct seen);
} seen SEC(".maps");

static __always_inline struct probe_counters *my_counters(void)
{
	__u32 cpu = bpf_get_smp_processor_id();
	return bpf_map_lookup_elem(&counters, &cpu);
}

/* Waking the reader for each event costs 8 % of fork and exec; it looks by
 * itself every 50 ms. */
static __always_inline __u64 wake(void)
{
	__u64 size = bpf_ringbuf_query(&ring, BPF_RB_RING_SIZE);
	return bpf_ringbuf_query(&ring, BPF_RB_AVAIL_DATA) >= size / 8 ? BPF_RB_FORCE_WAKEUP : BPF_RB_NO_WAKEUP;
}

static __always_inline void count(struct probe_counters *c, __u32 type, bool dropped)
{
	if (c == 0 || type >= PROBE_TYPES)
		return;
	c->made[type]++;
	if (dropped)
		c->dropped[type]++;
}

static __always_inline __u64 next_number(struct probe_counters *c)
{
	return c != 0 ? ++c->sequence : 0;
}

static __always_inline void fill_head(struct probe_head *h, struct probe_counters *c, __u32 type, __u32 size,
				      struct task_struct *p)
{
	struct task_struct *parent = p->real_parent;
	struct session *s = bpf_task_storage_get(&sessions, p->group_leader, 0, 0);

	h->type = type;
	h->size = size;
	h->boot_ns = bpf_ktime_get_boot_ns();
	h->sequence = next_number(c);
	h->cpu = bpf_get_smp_processor_id();
	h->flags = 0;
	h->pid = p->tgid;
	h->start = p->group_leader->start_boottime;
	h->parent = parent->tgid;
	h->parent_start = parent->group_leader->start_boottime;
	h->loginuid = bpf_core_field_exists(p->loginuid) ? p->loginuid.val : (__u32)-1;
	h->audit_session = bpf_core_field_exists(p->sessionid) ? p->sessionid : (__u32)-1;
	if (s != 0)
		__builtin_memcpy(h->session, s->id, PROBE_SESSION);
	else
		__builtin_memset(h->session, 0, PROBE_SESSION);
}

/* ---- descriptors ---- */

static __always_inline void put_socket(struct probe_fd *o, struct file *f)
{
	struct socket *socket = BPF_CORE_READ(f, private_data);
	struct sock *sk = BPF_CORE_READ(socket, sk);

	o->family = BPF_CORE_READ(sk, __sk_common.skc_family);
	o->state = BPF_CORE_READ(sk, __sk_common.skc_state);
	if (o->family != AF_INET_ && o->family != AF_INET6_)
		return;
	o->port = BPF_CORE_READ(sk, __sk_common.skc_dport);
	o->local_port = BPF_CORE_READ(sk, __sk_common.skc_num);
	if (o->family == AF_INET_) {
		__u32 address = BPF_CORE_READ(sk, __sk_common.skc_daddr);
		__builtin_memcpy(o->address, &address, sizeof address);
	} else {
		BPF_CORE_READ_INTO(&o->address, sk, __sk_common.skc_v6_daddr);
	}
}

static __always_inline void put_fd(struct probe_fd *o, struct file **files, int number)
{
	struct file *f = 0;

	bpf_probe_read_kernel(&f, sizeof f, &files[number]);
	if (f == 0)
		return;
	struct inode *inode = BPF_CORE_READ(f, f_inode);
	o->mode = BPF_CORE_READ(inode, i_mode);
	o->inode = BPF_CORE_READ(inode, i_ino);
	o->device = BPF_CORE_READ(inode, i_rdev);
	if ((o->mode & MODE_TYPE) == MODE_SOCKET)
		put_socket(o, f);
}

static __always_inline void put_fds(struct probe_fd o[3], struct task_struct *p)
{
	struct files_struct *files = BPF_CORE_READ(p, files);
	if (files == 0)
		return;
	struct fdtable *table = BPF_CORE_READ(files, fdt);
	struct file **list = BPF_CORE_READ(table, fd);
	if (BPF_CORE_READ(table, max_fds) < 3)
		return;
	put_fd(&o[0], list, 0);
	put_fd(&o[1], list, 1);
	put_fd(&o[2], list, 2);
}

/* ---- exec ---- */

/* The rest of a long argv, in pieces. */
struct pieces {
	char *record;
	struct probe_counters *counters;
	struct probe_head head;
	unsigned long from;
	__u32 offset, total;
};

static long put_piece(__u32 i, void *context)
{
	struct pieces *k = context;
	__u32 offset = k->offset;
	struct probe_argv *a = (void *)k->record;
	__u64 len = k->total - offset, flags = 0;

	if (offset >= k->total)
		return 1;
	if (len > PROBE_ARGV_PIECE)
		len = PROBE_ARGV_PIECE;
	BOUND(len, 0xffff);
	if (len > PROBE_ARGV_PIECE)
		return 1;
	a->head = k->head;
	a->head.type = PROBE_ARGV;
	a->head.sequence = next_number(k->counters);
	a->offset = offset;
	if (bpf_probe_read_user(k->record + sizeof *a, len, (void *)(k->from + offset)) != 0) {
		flags = PROBE_ARGV_FAULT;
		len = 0;
	}
	a->head.flags = flags;
	a->len = len;
	__u64 size = sizeof *a + len;
	a->head.size = size;
	BOUND(size, 0xffff);
	count(k->counters, PROBE_ARGV, bpf_ringbuf_output(&ring, k->record, size, wake()) != 0);
	k->offset = offset + PROBE_ARGV_PIECE;
	return flags != 0;
}

static __always_inline void put_credentials(struct probe_exec *e, struct task_struct *p)
{
	const struct cred *c = p->real_cred;

	e->uid = c->uid.val;
	e->euid = c->euid.val;
	e->suid = c->suid.val;
	e->fsuid = c->fsuid.val;
	e->gid = c->gid.val;
	e->egid = c->egid.val;
	/* Two words of 32 bits before Linux 6.3, one of 64 since: the same bytes here. */
	bpf_probe_read_kernel(&e->capabilities, sizeof e->capabilities, &c->cap_effective);
}

static __always_inline void put_places(struct probe_exec *e, struct task_struct *p)
{
	struct tty_struct *tty = p->signal->tty;

	if (tty != 0)
		e->tty = (__u32)tty->driver->major << MAJOR_SHIFT | (__u32)(tty->driver->minor_start + tty->index);
	if (p->nsproxy != 0) {
		e->mount_namespace = p->nsproxy->mnt_ns->ns.inum;
		e->pid_namespace = p->nsproxy->pid_ns_for_children->ns.inum;
	}
	put_fds(e->fd, p);
	put_fds(e->parent_fd, p->real_parent);
}

static __always_inline void put_file(struct probe_exec *e, struct file *file)
{
	struct inode *inode = file->f_inode;

	e->exe_inode = inode->i_ino;
	e->exe_device = inode->i_sb->s_dev;
	e->exe_mode = inode->i_mode;
	if (inode->i_nlink == 0)
		e->head.flags |= PROBE_DELETED;
}

static __always_inline void put_script(struct probe_exec *e, struct linux_binprm *b)
{
	e->argc = b->argc;
	if (b->interp != b->filename) {
		e->head.flags |= PROBE_SCRIPT;
		bpf_probe_read_kernel_str(e->script, sizeof e->script, b->filename);
	}
}

SEC("tp_btf/sched_process_exec")
int BPF_PROG(probe_on_exec, struct task_struct *p, pid_t old_pid, struct linux_binprm *b)
{
	__u32 cpu = bpf_get_smp_processor_id(), zero = 0, whole, at = sizeof(struct probe_exec);
	struct probe_counters *c = my_counters();
	struct record *r = bpf_map_lookup_elem(&scratch, &cpu);
	struct text *t = bpf_map_lookup_elem(&path_text, &zero);

	if (r == 0 || t == 0) {
		next_number(c);
		count(c, PROBE_EXEC, true);
		return 0;
	}
	struct probe_exec *e = (void *)r->bytes;
	__builtin_memset(e, 0, sizeof *e);
	fill_head(&e->head, c, PROBE_EXEC, 0, p);
	put_credentials(e, p);
	put_file(e, b->file);
	put_script(e, b);
	put_places(e, p);
	e->cgroup = bpf_get_current_cgroup_id();
	bpf_get_current_comm(e->comm, sizeof e->comm);
	BPF_CORE_READ_STR_INTO(&e->parent_comm, p->real_parent, comm);

	e->exe_len = put_path(&b->file->f_path, t, r->bytes + at, &whole);
	if (!whole)
		e->head.flags |= PROBE_EXE_CUT;
	at += e->exe_len;
	BOUND(at, 0xfff);
	struct fs_struct *fs = p->fs;
	e->cwd_len = put_path(&fs->pwd, t, r->bytes + at, &whole);
	if (!whole)
		e->head.flags |= PROBE_CWD_CUT;
	at += e->cwd_len;
	BOUND(at, 0x1fff);

	/* From the new image, where the kernel put it: nobody can change it in between. */
	unsigned long from = p->mm->arg_start, to = p->mm->arg_end;
	__u32 total = to > from ? (__u32)(to - from) : 0, len = total;
	if (total > PROBE_ARGV_INLINE) {
		len = PROBE_ARGV_INLINE;
		e->head.flags |= PROBE_ARGV_MORE;
	}
	if (total > PROBE_ARGV_MAX)
		e->head.flags |= PROBE_ARGV_CUT;
	e->argv_total = total;
	BOUND(len, 0x1fff);
	if (bpf_probe_read_user(r->bytes + at, len, (void *)from) != 0) {
		e->head.flags = (e->head.flags | PROBE_ARGV_FAULT) & ~PROBE_ARGV_MORE;
		len = 0;
	}
	e->argv_len = len;
	__u32 size = at + len;
	BOUND(size, 0x7fff);
	e->head.size = size;
	struct pieces k = { .record = r->bytes, .counters = c, .head = e->head, .from = from, .offset = len, .total = total };
	count(c, PROBE_EXEC, bpf_ringbuf_output(&ring, e, size, wake()) != 0);
	if (len != 0 && total > PROBE_ARGV_INLINE)
		bpf_loop(PROBE_ARGV_PIECES, put_piece, &k, 0);
	return 0;
}

/* ---- what was there before ---- */

SEC("iter/task")
int probe_on_seen(struct bpf_iter__task *context)
{
	struct task_struct *p = context->task;
	__u32 zero = 0, whole, at = sizeof(struct probe_exec);
	struct seen *s = bpf_map_lookup_elem(&seen, &zero);

	if (p == 0 || s == 0 || p->pid != p->tgid || p->mm == 0 || p->mm->exe_file == 0)
		return 0; /* a thread, one of the kernel's, or ending */
	struct file *file = p->mm->exe_file;
	struct probe_exec *e = (void *)s->record.bytes;
	__builtin_memset(e, 0, sizeof *e);
	fill_head(&e->head, 0, PROBE_SEEN, 0, p);
	put_credentials(e, p);
	put_file(e, file);
	put_places(e, p);
	BPF_CORE_READ_STR_INTO(&e->comm, p, comm);
	BPF_CORE_READ_STR_INTO(&e->parent_comm, p->real_parent, comm);
	e->exe_len = put_path(&file->f_path, &s->text, s->record.bytes + at, &whole);
	if (!whole)
		e->head.flags |= PROBE_EXE_CUT;
	at += e->exe_len;
	BOUND(at, 0xfff);
	struct fs_struct *fs = p->fs;
	if (fs != 0) {
		e->cwd_len = put_path(&fs->pwd, &s->text, s->record.bytes + at, &whole);
		if (!whole)
			e->head.flags |= PROBE_CWD_CUT;
		at += e->cwd_len;
	}
	BOUND(at, 0x1fff);
	e->argv_total = p->mm->arg_end - p->mm->arg_start;
	e->head.size = at;
	bpf_seq_write(context->meta->seq, e, at);
	return 0;
}

/* ---- fork, exit, sockets ---- */

SEC("tp_btf/sched_process_fork")
int BPF_PROG(probe_on_fork, struct task_struct *p, struct task_struct *child)
{
	struct probe_counters *c = my_counters();
	struct session *s;

	if (c != 0)
		c->begun++;
	/* Threads too: one that execs takes the place of the leader, whose own storage goes. */
	s = bpf_task_storage_get(&sessions, p->group_leader, 0, 0);
	if (s != 0 && bpf_task_storage_get(&sessions, child, s, BPF_LOCAL_STORAGE_GET_F_CREATE) == 0 && c != 0)
		c->sessions_lost++;
	if (child->tgid != child->pid)
		return 0;
	struct probe_fork *e = bpf_ringbuf_reserve(&ring, sizeof *e, 0);
	if (e == 0) {
		next_number(c);
		count(c, PROBE_FORK, true);
		return 0;
	}
	fill_head(&e->head, c, PROBE_FORK, sizeof *e, p);
	e->child_start = child->start_boottime;
	e->child = child->tgid;
	e->uid = p->real_cred->uid.val;
	bpf_ringbuf_submit(e, wake());
	count(c, PROBE_FORK, false);
	return 0;
}

SEC("tp_btf/sched_process_exit")
int BPF_PROG(probe_on_exit, struct task_struct *p)
{
	struct probe_counters *c = my_counters();

	if (p->signal->live.counter != 0)
		return 0; /* other threads go on */
	struct probe_exit *e = bpf_ringbuf_reserve(&ring, sizeof *e, 0);
	if (e == 0) {
		next_number(c);
		count(c, PROBE_EXIT, true);
		return 0;
	}
	fill_head(&e->head, c, PROBE_EXIT, sizeof *e, p);
	e->user_ns = p->utime;
	e->system_ns = p->stime;
	e->status = p->exit_code;
	e->uid = p->real_cred->uid.val;
	bpf_ringbuf_submit(e, wake());
	count(c, PROBE_EXIT, false);
	return 0;
}

/* Both states are entered in the context of the process that asked for them. */
SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(probe_on_socket, struct sock *sk, int old_state, int state)
{
	struct probe_counters *c = my_counters();
	__u32 type = state == TCP_LISTEN ? PROBE_LISTEN : PROBE_CONNECT;

	if (state != TCP_SYN_SENT && state != TCP_LISTEN)
		return 0;
	struct probe_socket *e = bpf_ringbuf_reserve(&ring, sizeof *e, 0);
	if (e == 0) {
		next_number(c);
		count(c, type, true);
		return 0;
	}
	struct task_struct *p = bpf_get_current_task_btf();
	fill_head(&e->head, c, type, sizeof *e, p);
	e->uid = p->real_cred->uid.val;
	e->family = sk->__sk_common.skc_family;
	__builtin_memset(e->address, 0, sizeof e->address);
	if (state == TCP_LISTEN) {
		__u16 port = sk->__sk_common.skc_num;
		e->port = bpf_htons(port);
	} else {
		e->port = sk->__sk_common.skc_dport;
	}
	if (e->family == AF_INET_) {
		__u32 address = state == TCP_LISTEN ? sk->__sk_common.skc_rcv_saddr : sk->__sk_common.skc_daddr;
		__builtin_memcpy(e->address, &address, sizeof address);
	} else if (state == TCP_LISTEN) {
		BPF_CORE_READ_INTO(&e->address, sk, __sk_common.skc_v6_rcv_saddr);
	} else {
		BPF_CORE_READ_INTO(&e->address, sk, __sk_common.skc_v6_daddr);
	}
	bpf_get_current_comm(e->comm, sizeof e->comm);
	bpf_ringbuf_submit(e, wake());
	count(c, type, false);
	return 0;
}
