/* kernel_types: the few kernel types the probe reads.  Only the names must be
 * the kernel's; libbpf finds each field's place in the running kernel's BTF
 * (CO-RE).  Names as in Linux 5.17 to 6.18. */
#ifndef ITM_AGENT_WATCHD_KERNEL_TYPES_H
#define ITM_AGENT_WATCHD_KERNEL_TYPES_H

#define __VMLINUX_H__ /* keeps libbpf's headers from asking for the whole set */
typedef unsigned char __u8;
typedef unsigned short __u16;
typedef unsigned int __u32;
typedef unsigned long long __u64;
typedef signed int __s32;
typedef signed long long __s64;
typedef __u8 u8;
typedef __u16 u16;
typedef __u32 u32;
typedef __u64 u64;
typedef __u16 __be16;
typedef __u32 __be32;
typedef __u32 __wsum;
typedef int pid_t;
typedef _Bool bool;
typedef unsigned short umode_t;
enum { false = 0, true = 1 };

enum bpf_map_type {
	BPF_MAP_TYPE_ARRAY = 2,
	BPF_MAP_TYPE_PERCPU_ARRAY = 6,
	BPF_MAP_TYPE_RINGBUF = 27,
	BPF_MAP_TYPE_TASK_STORAGE = 29,
};
enum {
	BPF_F_NO_PREALLOC = 1,
	BPF_F_MMAPABLE = 1024,
	BPF_LOCAL_STORAGE_GET_F_CREATE = 1,
	BPF_RB_NO_WAKEUP = 1,
	BPF_RB_FORCE_WAKEUP = 2,
	BPF_RB_AVAIL_DATA = 0,
	BPF_RB_RING_SIZE = 1,
};
enum { TCP_SYN_SENT = 2, TCP_LISTEN = 10 };

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
typedef struct { int counter; } atomic_t;
typedef struct { __u32 val; } kuid_t;
typedef struct { __u32 val; } kgid_t;
struct super_block { u32 s_dev; };
struct inode { umode_t i_mode; unsigned int i_nlink; unsigned long i_ino; u32 i_rdev; struct super_block *i_sb; };
struct qstr { u32 len; const unsigned char *name; };
struct dentry { struct dentry *d_parent; struct qstr d_name; };
struct vfsmount { struct dentry *mnt_root; };
struct path { struct vfsmount *mnt; struct dentry *dentry; };
struct mount { struct mount *mnt_parent; struct dentry *mnt_mountpoint; struct vfsmount mnt; };
struct file { struct inode *f_inode; struct path f_path; void *private_data; };
struct fs_struct { struct path pwd; };
struct fdtable { unsigned int max_fds; struct file **fd; };
struct files_struct { struct fdtable *fdt; };
struct kernel_cap_struct { u64 val; };
struct cred { kuid_t uid, euid, suid, fsuid; kgid_t gid, egid; struct kernel_cap_struct cap_effective; };
struct tty_driver { int major, minor_start; };
struct tty_struct { struct tty_driver *driver; int index; };
struct signal_struct { atomic_t live; struct tty_struct *tty; };
struct mm_struct { unsigned long arg_start, arg_end; struct file *exe_file; };
struct ns_common { unsigned int inum; };
struct mnt_namespace { struct ns_common ns; };
struct pid_namespace { struct ns_common ns; };
struct nsproxy { struct mnt_namespace *mnt_ns; struct pid_namespace *pid_ns_for_children; };
struct task_struct {
	pid_t pid, tgid;
	struct task_struct *real_parent, *group_leader;
	char comm[16];
	u64 start_boottime, utime, stime;
	int exit_code;
	struct mm_struct *mm;
	struct fs_struct *fs;
	struct files_struct *files;
	struct nsproxy *nsproxy;
	struct signal_struct *signal;
	const struct cred *real_cred;
	kuid_t loginuid;
	unsigned int sessionid;
};
struct seq_file;
struct bpf_iter_meta { struct seq_file *seq; };
struct bpf_iter__task { struct bpf_iter_meta *meta; struct task_struct *task; };
struct linux_binprm { struct file *file; const char *filename, *interp; int argc; };
struct in6_addr { __u8 s6_addr[16]; };
struct sock_common {
	__be32 skc_daddr, skc_rcv_saddr;
	__be16 skc_dport;
	__u16 skc_num;
	unsigned short skc_family;
	volatile unsigned char skc_state;
	struct in6_addr skc_v6_daddr, skc_v6_rcv_saddr;
};
struct sock { struct sock_common __sk_common; };
struct socket { struct sock *sk; };
#pragma clang attribute pop

#endif
