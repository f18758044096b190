#include "cli/inspect.h"

#include <dlfcn.h>
#include <elf.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/error.h"
#include "cli/nsswitch.h"
#include "cli/pamstack.h"

#ifndef ITM_PAMDIR
#define ITM_PAMDIR "/lib/security"
#endif

static const char recorder[] = ITM_LIBEXECDIR "/itm-recorder";

/* Whether a 64 or 32 bit ELF file asks for a loader: then it is not static. */
static int needs_loader(const struct machine *m, const char *path, bool *out)
{
	struct buffer b;
	buffer_init(&b, 64 << 20);
	int r = machine_read(m, path, &b);
	if (r == 0 && (b.len < sizeof(Elf64_Ehdr) || memcmp(b.data, ELFMAG, SELFMAG) != 0))
		r = ITM_EFORMAT;
	*out = false;
	if (r == 0 && b.data[EI_CLASS] == ELFCLASS64) {
		Elf64_Ehdr head;
		memcpy(&head, b.data, sizeof head);
		for (size_t i = 0; i < head.e_phnum; i++) {
			Elf64_Phdr part;
			if (head.e_phoff > b.len || (b.len - head.e_phoff) / sizeof part <= i)
				break;
			memcpy(&part, b.data + head.e_phoff + i * sizeof part, sizeof part);
			*out = *out || part.p_type == PT_INTERP;
		}
	}
	buffer_free(&b);
	return r;
}

static void inspect_stub(const struct machine *m, struct checks *c)
{
	struct stat st;
	bool loader;
	int r = machine_stat(m, INSPECT_STUB, &st);
	if (r != 0)
		checks_add(c, CHECKS_WRONG, "itm-shell", "%s: %s; everybody gets the real shell, strict accounts nothing",
			   INSPECT_STUB, error_text(r));
	else if (!S_ISREG(st.st_mode) || (st.st_mode & S_IXOTH) == 0)
		checks_add(c, CHECKS_WRONG, "itm-shell", "%s may not be executed by everyone: chmod 711", INSPECT_STUB);
	else if (st.st_uid != 0 || (st.st_mode & (S_IWGRP | S_IWOTH | S_ISUID | S_ISGID)) != 0)
		checks_add(c, CHECKS_WRONG, "itm-shell", "%s must be root's, written by nobody else, not set-id", INSPECT_STUB);
	else if ((r = needs_loader(m, INSPECT_STUB, &loader)) != 0)
		checks_add(c, CHECKS_WRONG, "itm-shell", "%s is no program: %s", INSPECT_STUB, error_text(r));
	else if (loader)
		checks_add(c, CHECKS_WRONG, "itm-shell", "%s is not static: a user's LD_PRELOAD would get into it", INSPECT_STUB);
	else
		checks_add(c, CHECKS_OK, "itm-shell", "%s: static, for everyone to run", INSPECT_STUB);
}

void inspect_programs(const struct machine *m, struct checks *c)
{
	struct buffer b;
	inspect_stub(m, c);
	if (machine_executable(m, recorder))
		checks_add(c, CHECKS_OK, "itm-recorder", "%s", recorder);
	else
		checks_add(c, CHECKS_WRONG, "itm-recorder", "%s can't be executed", recorder);
	buffer_init(&b, MACHINE_FILE_MAX);
	int r = machine_read(m, "/etc/passwd", &b);
	const char *text = r == 0 ? buffer_text(&b) : NULL;
	if (text == NULL || strstr(text, "\nitm-rec:") == NULL)
		checks_add(c, CHECKS_WRONG, "account itm-rec", "missing: recorders have nobody to run as");
	else
		checks_add(c, CHECKS_OK, "account itm-rec", "is there");
	buffer_free(&b);
}

static int load_nss(void *context)
{
	void *module = dlopen("libnss_itm.so.2", RTLD_NOW | RTLD_LOCAL);
	return module == NULL || dlsym(module, "_nss_itm_getpwnam_r") == NULL;
}

static int load_pam(void *context)
{
	/* An application that uses PAM has libpam already. */
	(void)dlopen("libpam.so.0", RTLD_NOW | RTLD_GLOBAL);
	void *module = dlopen(context, RTLD_NOW | RTLD_LOCAL);
	return module == NULL || dlsym(module, "pam_sm_open_session") == NULL;
}

/* The folder libpam looks in is the one with pam_unix.so. */
static const char *module_path(const struct machine *m, char out[PATH_MAX])
{
	static const char *const folders[] = { ITM_PAMDIR, "/lib/x86_64-linux-gnu/security", "/lib/aarch64-linux-gnu/security",
					       "/usr/lib64/security", "/lib64/security", "/usr/lib/security", "/lib/security" };
	struct stat st;
	for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++) {
		snprintf(out, PATH_MAX, "%s/pam_unix.so", folders[i]);
		if (machine_stat(m, out, &st) == 0) {
			snprintf(out, PATH_MAX, "%s/pam_itm.so", folders[i]);
			return out;
		}
	}
	snprintf(out, PATH_MAX, "%s/pam_itm.so", folders[0]);
	return out;
}

void inspect_modules(const struct machine *m, struct checks *c)
{
	char path[PATH_MAX];
	struct stat st;
	int r = machine_call(m, load_nss, NULL);
	if (r == 0)
		checks_add(c, CHECKS_OK, "NSS module", "libnss_itm.so.2 can be loaded");
	else
		checks_add(c, CHECKS_WRONG, "NSS module", "libnss_itm.so.2 can't be loaded: is it installed, has ldconfig run?");
	module_path(m, path);
	if (machine_stat(m, path, &st) != 0)
		checks_add(c, CHECKS_WRONG, "PAM module", "%s is missing, and there libpam looks", path);
	else if (machine_call(m, load_pam, path) != 0)
		checks_add(c, CHECKS_WRONG, "PAM module", "%s can't be loaded", path);
	else
		checks_add(c, CHECKS_OK, "PAM module", "%s can be loaded", path);
}

static void describe_place(struct pamstack_found f, const char *service, struct checks *c)
{
	switch (f.place) {
	case PAMSTACK_ABSENT:
		checks_add(c, CHECKS_WRONG, "PAM stack", "%s: pam_itm.so is not in its session stack: logins come unannounced",
			   service);
		break;
	case PAMSTACK_LAST:
		checks_add(c, CHECKS_OK, "PAM stack", "%s: pam_itm.so is reached at %s:%u, last there", service, f.rule->file,
			   f.rule->line);
		break;
	case PAMSTACK_EARLY:
		checks_add(c, CHECKS_NOTE, "PAM stack", "%s: pam_itm.so (%s:%u) is followed by %s in line %u: it should be last",
			   service, f.rule->file, f.rule->line, f.other->module, f.other->line);
		break;
	case PAMSTACK_SKIPPABLE:
		checks_add(c, CHECKS_NOTE, "PAM stack", "%s: %s (%s:%u) may end the stack before pam_itm.so", service,
			   f.other->module, f.other->file, f.other->line);
		break;
	case PAMSTACK_SKIPPED:
		checks_add(c, CHECKS_WRONG, "PAM stack", "%s: %s (%s:%u) ends the stack before pam_itm.so when it succeeds",
			   service, f.other->module, f.other->file, f.other->line);
		break;
	}
}

void inspect_stacks(const struct machine *m, bool wired, struct checks *c)
{
	static const char *const services[] = { "sshd", "login", "su", "su-l" };
	char error[PAMSTACK_ERROR_SIZE];
	struct pamstack s;
	for (size_t i = 0; i < sizeof services / sizeof services[0]; i++) {
		if (!pamstack_has(m, services[i]))
			continue;
		if (pamstack_load(m, services[i], "session", &s, error) != 0) {
			checks_add(c, CHECKS_WRONG, "PAM stack", "%s: %.250s", services[i], error);
			continue;
		}
		if (wired)
			describe_place(pamstack_find(&s, "pam_itm.so"), services[i], c);
		else
			checks_add(c, CHECKS_OK, "PAM stack", "%s: understood, %zu session rules", services[i], s.count);
		pamstack_free(&s);
	}
}

void inspect_nsswitch(const struct machine *m, bool wired, struct checks *c)
{
	char first[64];
	struct buffer b;
	buffer_init(&b, MACHINE_FILE_MAX);
	int r = machine_read(m, "/etc/nsswitch.conf", &b);
	const char *text = r == 0 ? buffer_text(&b) : NULL;
	int position = text != NULL ? nsswitch_position(text) : NSSWITCH_NO_LINE;
	if (text != NULL)
		nsswitch_first(text, first, sizeof first);
	if (text == NULL)
		checks_add(c, CHECKS_WRONG, "nsswitch.conf", "/etc/nsswitch.conf: %s", error_text(r));
	else if (position == NSSWITCH_NO_LINE)
		checks_add(c, CHECKS_WRONG, "nsswitch.conf", "/etc/nsswitch.conf has no passwd line");
	else if (wired && position == NSSWITCH_ABSENT)
		checks_add(c, CHECKS_WRONG, "nsswitch.conf", "passwd line without itm: nobody's shell is replaced; 'itm enable' puts it in");
	else if (wired && position > 0)
		checks_add(c, CHECKS_WRONG, "nsswitch.conf", "%s answers before itm: put itm first in the passwd line", first);
	else
		checks_add(c, CHECKS_OK, "nsswitch.conf", position == 0 ? "itm is asked first" : "the passwd line begins with %s", first);
	buffer_free(&b);
}

/* What the child found, in memory it shares with us. */
struct question { char user[64]; char shell[INSPECT_SHELL_SIZE]; };

static int ask_account(void *context)
{
	struct question *q = context;
	struct passwd *pw = getpwnam(q->user);
	if (pw == NULL)
		return 1;
	snprintf(q->shell, sizeof q->shell, "%s", pw->pw_shell);
	uid_t uid = pw->pw_uid;
	pw = getpwuid(uid);
	/* sshd asks by name, su by number: both must say the same.  Two names
	 * may share a number. */
	return pw == NULL || (strcmp(pw->pw_name, q->user) == 0 && strcmp(pw->pw_shell, q->shell) != 0) ? 2 : 0;
}

int inspect_account(const struct machine *m, const char *user, char shell[INSPECT_SHELL_SIZE])
{
	struct question *q = mmap(NULL, sizeof *q, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (q == MAP_FAILED)
		return ITM_ENOMEM;
	snprintf(q->user, sizeof q->user, "%s", user);
	int r = machine_call(m, ask_account, q);
	if (r == 0)
		memcpy(shell, q->shell, INSPECT_SHELL_SIZE);
	munmap(q, sizeof *q);
	return r == 1 ? ITM_ENOENT : r > 0 ? ITM_EFORMAT : r;
}
