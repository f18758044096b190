/* probe_path: the path of a file, inside the kernel: names from the leaf up,
 * across mounts, since bpf_d_path isn't allowed in tp_btf programs.  Part of
 * probe.bpf.c. */
#ifndef ITM_AGENT_WATCHD_PROBE_PATH_H
#define ITM_AGENT_WATCHD_PROBE_PATH_H

#include "agent/watchd/kernel_types.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#include "agent/watchd/probe_event.h"

enum { PATH_STEPS = 128 };

struct text { char bytes[2 * PROBE_PATH]; };

/* clang leaves out an & that it can prove idle and the verifier can't. */
#define BOUND(v, mask) asm volatile("%0 &= %1" : "+r"(v) : "i"(mask))

struct walk {
	struct dentry *dentry, *root;
	struct mount *mount;
	char *text;
	__u32 at, whole;
};

static long walk_step(__u32 i, void *context)
{
	struct walk *w = context;
	struct dentry *d = w->dentry, *parent = BPF_CORE_READ(d, d_parent);
	struct mount *m = w->mount;
	char *text = w->text;
	__u32 at = w->at;

	if (d == w->root || d == parent) {
		struct mount *up = BPF_CORE_READ(m, mnt_parent);
		if (d != w->root && at == PROBE_PATH - 1) { /* a file without a directory: "memfd:name" */
			__u32 len = BPF_CORE_READ(d, d_name.len) & 0xff;
			at -= len;
			BOUND(at, PROBE_PATH - 1);
			bpf_probe_read_kernel(text + at, len, BPF_CORE_READ(d, d_name.name));
			w->at = at;
			w->whole = 1;
			return 1;
		}
		if (up == m || d != w->root) {
			w->whole = 1;
			return 1;
		}
		w->dentry = BPF_CORE_READ(m, mnt_mountpoint);
		w->root = BPF_CORE_READ(up, mnt.mnt_root);
		w->mount = up;
		return 0;
	}
	__u32 len = BPF_CORE_READ(d, d_name.len) & 0xff;
	if (at < len + 2)
		return 1;
	at -= len;
	BOUND(at, PROBE_PATH - 1);
	bpf_probe_read_kernel(text + at, len, BPF_CORE_READ(d, d_name.name));
	at--;
	BOUND(at, PROBE_PATH - 1);
	text[at] = '/';
	w->at = at;
	w->dentry = parent;
	return 0;
}

/* Copies the path to out (at most PROBE_PATH - 1 bytes) by way of t; its
 * length, and *whole. */
static __noinline __u32 put_path(struct path *path, struct text *t, char *out, __u32 *whole)
{
	struct vfsmount *mnt = BPF_CORE_READ(path, mnt);
	struct walk w = { .at = PROBE_PATH - 1 };

	*whole = 0;
	w.text = t->bytes;
	w.dentry = BPF_CORE_READ(path, dentry);
	w.mount = (struct mount *)((char *)mnt - bpf_core_field_offset(struct mount, mnt));
	w.root = BPF_CORE_READ(mnt, mnt_root);
	bpf_loop(PATH_STEPS, walk_step, &w, 0);
	*whole = w.whole;
	if (w.at == PROBE_PATH - 1) {
		w.at--;
		t->bytes[PROBE_PATH - 2] = '/';
	}
	__u32 at = w.at & (PROBE_PATH - 1), len = (PROBE_PATH - 1 - at) & (PROBE_PATH - 1);
	bpf_probe_read_kernel(out, len, t->bytes + at);
	return len;
}

#endif
