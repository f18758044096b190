#include "agent/watchd/observer.h"

#include <string.h>
#include <sys/sysmacros.h>

#include "base/error.h"

/* A birth told by the kernel in ns and the same from /proc in ticks. */
static const uint64_t same_birth_ns = 20000000;

enum { DEPTH_MAX = 32, LIST_MAX = 128, DEVICE_SHIFT = 20, BARE_NS = 200000000 };

int observer_open(struct observer *l, int proc, observer_event *event, void *context)
{
	memset(l, 0, sizeof *l);
	l->proc = proc;
	l->event = event;
	l->context = context;
	l->room = true;
	return kin_open(&l->kin);
}

void observer_close(struct observer *l)
{
	kin_close(&l->kin);
}

/* ---- which session ---- */

static bool same_birth(uint64_t a, uint64_t b)
{
	return (a > b ? a - b : b - a) <= same_birth_ns;
}

static const struct observer_tie *tie_of(const struct observer *l, const struct kin *k)
{
	size_t count = l->ties < OBSERVER_TIES ? l->ties : OBSERVER_TIES;

	for (size_t i = 0; i < count; i++)
		if (l->tie[i].pid == k->pid && same_birth(l->tie[i].start, k->start))
			return &l->tie[i];
	return NULL;
}

/* The only one of that audit session that had begun; NULL: none, or more. */
static const struct observer_tie *tie_by_login(const struct observer *l, const struct kin *k)
{
	size_t count = l->ties < OBSERVER_TIES ? l->ties : OBSERVER_TIES;
	const struct observer_tie *found = NULL;

	for (size_t i = 0; i < count && k->audit_session != UINT32_MAX; i++) {
		const struct observer_tie *t = &l->tie[i];
		if (t->audit_session != k->audit_session || t->start > k->start + same_birth_ns)
			continue;
		if (found != NULL && !id_equal(&found->session, &t->session))
			return NULL;
		found = t;
	}
	return found;
}

static bool inherit(struct kin *k, const struct kin *from)
{
	if (from == NULL || from == k || id_is_zero(&from->session) || from->start > k->start + same_birth_ns)
		return false;
	k->session = from->session;
	k->by_login = from->by_login;
	return true;
}

static void find_session(struct observer *l, struct kin *k, const struct kin *parent)
{
	const struct observer_tie *t = tie_of(l, k);

	if (t != NULL) {
		k->session = t->session;
		k->by_login = false;
		return;
	}
	if (inherit(k, parent) || inherit(k, kin_find(&l->kin, k->leader)) || inherit(k, kin_find(&l->kin, k->group)))
		return;
	t = tie_by_login(l, k);
	if (t != NULL) {
		k->session = t->session;
		k->by_login = true;
	}
}

void observer_tie(struct observer *l, uint32_t pid, uint64_t start, const struct id *session)
{
	struct kin *k = kin_find(&l->kin, pid);
	bool more = k != NULL && same_birth(k->start, start);

	l->tie[l->ties++ % OBSERVER_TIES] = (struct observer_tie){ .pid = pid, .start = start, .session = *session,
		.audit_session = procfile_number(l->proc, pid, "sessionid") };
	if (!more)
		return;
	/* What it had made before the broker's word came. */
	struct id before = k->session;
	k->session = *session;
	k->by_login = false;
	for (int depth = 0; more && depth < DEPTH_MAX; depth++) {
		more = false;
		for (uint32_t i = 0; i < l->kin.used; i++) {
			struct kin *c = &l->kin.list[i];
			const struct kin *parent = c->pid != 0 && c != k && id_equal(&c->session, &before) ? kin_find(&l->kin, c->parent) : NULL;
			if (parent != NULL && parent->start == c->parent_start && id_equal(&parent->session, session))
				more |= inherit(c, parent);
		}
	}
}

/* ---- telling ---- */

static void set_login(struct activity_event *e, enum activity_tag tag, uint32_t value)
{
	e->number[tag] = value == UINT32_MAX ? 0 : (uint64_t)value + 1;
}

static void set_head(struct activity_event *e, const struct kin *k)
{
	e->number[ACTIVITY_PID] = k->pid;
	e->number[ACTIVITY_START] = k->start;
	e->number[ACTIVITY_PARENT] = k->parent;
	e->number[ACTIVITY_PARENT_START] = k->parent_start;
	set_login(e, ACTIVITY_LOGINUID, k->loginuid);
	set_login(e, ACTIVITY_AUDIT_SESSION, k->audit_session);
	if (id_is_zero(&k->session))
		return;
	activity_set_bytes(e, ACTIVITY_SESSION, k->session.bytes, ID_SIZE);
	if (k->by_login)
		e->number[ACTIVITY_FLAGS] |= ACTIVITY_BY_LOGIN;
}

static void tell(struct observer *l, uint64_t boot_ns, const struct activity_event *e)
{
	if (e->kind <= ACTIVITY_EXIT)
		l->made[e->kind]++;
	l->room = l->event(l->context, boot_ns, e);
}

static void set_rights(struct observer *l, struct activity_event *e, uint32_t pid)
{
	struct procfile_rights rights = { 0 };

	if (procfile_read_status(l->proc, pid, &rights) != 0)
		return;
	e->number[ACTIVITY_UID] = rights.uid;
	e->number[ACTIVITY_EUID] = rights.euid;
	e->number[ACTIVITY_SUID] = rights.suid;
	e->number[ACTIVITY_FSUID] = rights.fsuid;
	e->number[ACTIVITY_GID] = rights.gid;
	e->number[ACTIVITY_EGID] = rights.egid;
	e->number[ACTIVITY_CAPABILITIES] = rights.capabilities;
}

static void set_image(struct activity_event *e, const struct procfile_image *i)
{
	activity_set_bytes(e, ACTIVITY_EXE, i->exe, i->exe_len);
	activity_set_bytes(e, ACTIVITY_CWD, i->cwd, i->cwd_len);
	activity_set_bytes(e, ACTIVITY_ARGUMENTS, i->arguments, i->arguments_len);
	e->number[ACTIVITY_ARGUMENTS_SIZE] = i->arguments_len;
	e->number[ACTIVITY_EXE_DEVICE] = (uint64_t)major(i->device) << DEVICE_SHIFT | minor(i->device);
	e->number[ACTIVITY_EXE_INODE] = i->inode;
	e->number[ACTIVITY_EXE_MODE] = i->mode;
	e->number[ACTIVITY_FLAGS] |= (i->nameless ? ACTIVITY_DELETED : 0) | (i->cut ? ACTIVITY_ARGV_CUT : 0) |
				     (i->exe_len == sizeof i->exe ? ACTIVITY_EXE_CUT : 0) |
				     (i->cwd_len == sizeof i->cwd ? ACTIVITY_CWD_CUT : 0);
}

/* file: the script whose interpreter runs, where that is known. */
static void tell_image(struct observer *l, struct kin *k, enum activity_kind kind, const struct procfile_stat *s,
		       const char *file, size_t file_len, uint64_t boot_ns)
{
	struct activity_event e = { .kind = kind };

	k->loginuid = procfile_number(l->proc, k->pid, "loginuid");
	k->audit_session = procfile_number(l->proc, k->pid, "sessionid");
	set_head(&e, k);
	set_rights(l, &e, k->pid);
	if (procfile_read_image(l->proc, k->pid, &l->image) == 0) {
		set_image(&e, &l->image);
		k->device = l->image.device;
		k->inode = l->image.inode;
	}
	if (e.number[ACTIVITY_EXE] == 0) {
		e.number[ACTIVITY_FLAGS] |= ACTIVITY_GONE;
		activity_set_bytes(&e, ACTIVITY_EXE, file, file_len);
		l->gone++;
	} else if (file != NULL) {
		e.number[ACTIVITY_FLAGS] |= ACTIVITY_IS_SCRIPT;
		activity_set_bytes(&e, ACTIVITY_SCRIPT, file, file_len);
	}
	e.number[ACTIVITY_TTY] = s->tty;
	activity_set_bytes(&e, ACTIVITY_COMM, s->comm, strnlen(s->comm, sizeof s->comm));
	if (kind == ACTIVITY_SEEN)
		e.number[ACTIVITY_AGE_NS] = boot_ns > k->start ? boot_ns - k->start : 0;
	tell(l, boot_ns, &e);
}

static void tell_fork(struct observer *l, const struct kin *parent, const struct kin *child, uint64_t boot_ns)
{
	struct activity_event e = { .kind = ACTIVITY_FORK };
	struct procfile_rights rights = { 0 };

	set_head(&e, parent);
	if (procfile_read_status(l->proc, child->pid, &rights) != 0)
		(void)procfile_read_status(l->proc, parent->pid, &rights);
	e.number[ACTIVITY_CHILD] = child->pid;
	e.number[ACTIVITY_CHILD_START] = child->start;
	e.number[ACTIVITY_UID] = rights.uid;
	tell(l, boot_ns, &e);
}

static void end(struct observer *l, struct kin *k, uint32_t status, unsigned flags, uint64_t boot_ns)
{
	struct activity_event e = { .kind = ACTIVITY_EXIT };

	if (k->ended)
		return;
	set_head(&e, k);
	e.number[ACTIVITY_STATUS] = status;
	e.number[ACTIVITY_FLAGS] |= flags;
	k->ended = true;
	k->round = l->round;
	tell(l, boot_ns, &e);
}

/* ---- looking ---- */

static struct kin *observe(struct observer *l, const struct procfile_stat *s, const char *file, size_t file_len,
			   uint64_t boot_ns, int depth);

/* The parent by what is known, or by a look at it. */
static struct kin *parent_of(struct observer *l, uint32_t pid, uint64_t child_start, uint64_t boot_ns, int depth)
{
	struct kin *k = kin_find(&l->kin, pid);
	struct procfile_stat s;

	if (k != NULL && !k->ended && k->start <= child_start + same_birth_ns)
		return k;
	if (pid == 0 || depth >= DEPTH_MAX || procfile_read_stat(l->proc, pid, &s) != 0 || s.kernel || s.state == 'Z')
		return NULL;
	return observe(l, &s, NULL, 0, boot_ns, depth);
}

static struct kin *add(struct observer *l, const struct procfile_stat *s, const struct kin *parent)
{
	struct kin *k = kin_add(&l->kin, s->pid);

	if (k == NULL) {
		l->left_out++;
		return NULL;
	}
	k->parent = s->parent;
	k->parent_start = parent != NULL ? parent->start : 0;
	k->group = s->group;
	k->leader = s->leader;
	k->start = s->start;
	k->image = s->image;
	k->round = l->round;
	memcpy(k->comm, s->comm, sizeof k->comm);
	k->audit_session = procfile_number(l->proc, s->pid, "sessionid");
	k->loginuid = procfile_number(l->proc, s->pid, "loginuid");
	find_session(l, k, parent);
	return k;
}

/* Without address randomization a new image can look like the old one: then
 * its name tells. */
static bool runs_another(struct observer *l, const struct kin *k, const struct procfile_stat *s)
{
	if (s->image != 0 && k->image != 0 && s->image != k->image)
		return true;
	return memcmp(s->comm, k->comm, sizeof k->comm) != 0 && !procfile_runs(l->proc, k->pid, k->device, k->inode);
}

/* In the midst of an exec, which lays out its arguments last: it is told when
 * it has them.  One that gives itself none is told a little later. */
static bool is_unfinished(struct observer *l, struct kin *k, uint64_t boot_ns)
{
	if (procfile_has_arguments(l->proc, k->pid)) {
		k->bare_ns = 0;
		return false;
	}
	if (k->bare_ns == 0)
		k->bare_ns = boot_ns;
	return boot_ns < k->bare_ns + BARE_NS;
}

static struct kin *observe(struct observer *l, const struct procfile_stat *s, const char *file, size_t file_len,
			   uint64_t boot_ns, int depth)
{
	struct kin *k = kin_find(&l->kin, s->pid);

	if (k != NULL && !k->ended && !same_birth(k->start, s->start))
		end(l, k, 0, ACTIVITY_NO_STATUS, boot_ns);
	if (k != NULL && !k->ended) {
		bool another = runs_another(l, k, s);
		k->round = l->round;
		k->group = s->group;
		k->leader = s->leader;
		if (another && is_unfinished(l, k, boot_ns))
			return k;
		k->image = s->image != 0 ? s->image : k->image;
		memcpy(k->comm, s->comm, sizeof k->comm);
		if (another)
			tell_image(l, k, ACTIVITY_EXEC, s, file, file_len, boot_ns);
		return k;
	}
	const struct kin *parent = parent_of(l, s->parent, s->start, boot_ns, depth + 1);
	k = add(l, s, parent);
	if (k == NULL)
		return NULL;
	if (!l->seen_all) {
		tell_image(l, k, ACTIVITY_SEEN, s, NULL, 0, boot_ns);
	} else if (parent != NULL && parent->image != 0 && (parent->image == k->image || is_unfinished(l, k, boot_ns))) {
		k->image = parent->image;
		k->device = parent->device;
		k->inode = parent->inode;
		tell_fork(l, parent, k, boot_ns);
	} else {
		tell_image(l, k, ACTIVITY_EXEC, s, file, file_len, boot_ns);
	}
	return k;
}

void observer_fork(struct observer *l, uint32_t parent, uint32_t child, uint64_t boot_ns)
{
	const struct kin *p = parent_of(l, parent, boot_ns, boot_ns, 0);
	const struct kin *known = kin_find(&l->kin, child);

	if (p == NULL || (known != NULL && !known->ended && same_birth(known->start, boot_ns)))
		return;
	struct kin copy = *p;
	struct kin *k = kin_add(&l->kin, child);
	if (k == NULL) {
		l->left_out++;
		return;
	}
	copy.pid = child;
	copy.next = k->next;
	copy.parent = p->pid;
	copy.parent_start = p->start;
	copy.start = boot_ns;
	copy.round = l->round;
	*k = copy;
	find_session(l, k, p);
	tell_fork(l, p, k, boot_ns);
}

/* It ran and ended before anybody looked. */
static void tell_gone(struct observer *l, uint32_t pid, const char *file, size_t file_len, uint64_t boot_ns)
{
	struct activity_event e = { .kind = ACTIVITY_EXEC };
	const struct kin *k = kin_find(&l->kin, pid);

	if (k != NULL && !k->ended) {
		set_head(&e, k);
	} else {
		e.number[ACTIVITY_PID] = pid;
		e.number[ACTIVITY_START] = boot_ns;
	}
	e.number[ACTIVITY_FLAGS] |= ACTIVITY_GONE;
	activity_set_bytes(&e, ACTIVITY_EXE, file, file_len);
	l->gone++;
	tell(l, boot_ns, &e);
}

bool observer_exec(struct observer *l, uint32_t pid, uint64_t boot_ns, const char *file, size_t file_len)
{
	struct procfile_stat s;
	uint64_t before = l->made[ACTIVITY_EXEC];

	if (procfile_read_stat(l->proc, pid, &s) != 0 || s.state == 'Z' || s.state == 'X')
		tell_gone(l, pid, file, file_len, boot_ns);
	else if (!s.kernel)
		(void)observe(l, &s, file, file_len, boot_ns, 0);
	return l->made[ACTIVITY_EXEC] != before;
}

void observer_exit(struct observer *l, uint32_t pid, uint32_t status, unsigned flags, uint64_t boot_ns)
{
	struct kin *k = kin_find(&l->kin, pid);

	if (k != NULL)
		end(l, k, status, flags, boot_ns);
}

static void set_told(struct activity_event *e, const struct observer_told *t)
{
	e->number[ACTIVITY_UID] = t->uid;
	e->number[ACTIVITY_EUID] = t->euid;
	e->number[ACTIVITY_SUID] = t->suid;
	e->number[ACTIVITY_FSUID] = t->fsuid;
	e->number[ACTIVITY_GID] = t->gid;
	e->number[ACTIVITY_EGID] = t->egid;
	e->number[ACTIVITY_TTY] = t->tty;
	e->number[ACTIVITY_ARGC] = t->argc;
	e->number[ACTIVITY_ARGUMENTS_SIZE] = t->arguments_len;
	e->number[ACTIVITY_FLAGS] |= t->cut ? ACTIVITY_ARGV_CUT : 0;
	activity_set_bytes(e, ACTIVITY_EXE, t->exe, t->exe_len);
	activity_set_bytes(e, ACTIVITY_CWD, t->cwd, t->cwd_len);
	activity_set_bytes(e, ACTIVITY_COMM, t->comm, t->comm_len);
	activity_set_bytes(e, ACTIVITY_ARGUMENTS, t->arguments, t->arguments_len);
}

void observer_told(struct observer *l, const struct observer_told *t, uint64_t boot_ns)
{
	struct activity_event e = { .kind = ACTIVITY_EXEC };
	struct kin *k = kin_find(&l->kin, t->pid);
	struct procfile_stat s = { .pid = t->pid, .parent = t->parent, .start = boot_ns };
	bool there = procfile_read_stat(l->proc, t->pid, &s) == 0 && s.state != 'Z';

	if (k != NULL && (k->ended || (there && !same_birth(k->start, s.start))))
		k = NULL;
	if (k == NULL) {
		s.parent = t->parent;
		k = add(l, &s, parent_of(l, t->parent, s.start, boot_ns, 0));
	}
	if (k == NULL)
		return;
	if (there && s.image != 0)
		k->image = s.image;
	memcpy(k->comm, s.comm, sizeof k->comm);
	k->loginuid = t->loginuid;
	k->audit_session = t->audit_session;
	if (id_is_zero(&k->session))
		find_session(l, k, kin_find(&l->kin, k->parent));
	set_head(&e, k);
	set_told(&e, t);
	tell(l, boot_ns, &e);
}

/* Who was not there in this round has ended; who ended some rounds ago is
 * forgotten. */
static void sweep(struct observer *l, uint64_t boot_ns)
{
	for (uint32_t i = 0; i < l->kin.used; i++) {
		struct kin *k = &l->kin.list[i];
		if (k->pid == 0)
			continue;
		if (!k->ended && k->round != l->round)
			end(l, k, 0, ACTIVITY_NO_STATUS, boot_ns);
		else if (k->ended && l->round - k->round > KIN_LINGER)
			kin_remove(&l->kin, k);
	}
}

bool observer_scan(struct observer *l, uint64_t boot_ns)
{
	uint32_t pids[LIST_MAX];
	size_t count;

	if (!l->scanning)
		l->round++;
	l->scanning = true;
	do {
		if (!l->room)
			return false;
		count = procfile_list(l->proc, pids, LIST_MAX);
		for (size_t i = 0; i < count; i++) {
			struct procfile_stat s;
			if (procfile_read_stat(l->proc, pids[i], &s) != 0 || s.kernel)
				continue;
			if (s.state == 'Z')
				observer_exit(l, s.pid, s.status, 0, boot_ns);
			else
				(void)observe(l, &s, NULL, 0, boot_ns, 0);
		}
	} while (count > 0);
	sweep(l, boot_ns);
	l->scanning = false;
	l->seen_all = true;
	return true;
}
