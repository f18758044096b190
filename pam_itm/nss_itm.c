/* libnss_itm.so.2: answers for the accounts in the users file with itm-shell
 * as their shell; nsswitch.conf says "passwd: itm files systemd".
 *
 * It is loaded by every process that looks users up: no allocation, lock or
 * socket of our own, errno kept, and whenever anything is not as it should be
 * it answers NOTFOUND, so that the next source gives the account as it is. */
#include <dlfcn.h>
#include <errno.h>
#include <nss.h>
#include <pwd.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>

#include "base/paths.h"
#include "local/users.h"

#ifndef NSS_ITM_USERS
#define NSS_ITM_USERS PATHS_NSS_USERS
#endif
#ifndef NSS_ITM_STUB
#define NSS_ITM_STUB ITM_LIBEXECDIR "/itm-shell"
#endif

#define EXPORT __attribute__((visibility("default")))

EXPORT enum nss_status _nss_itm_getpwnam_r(const char *, struct passwd *, char *, size_t, int *);
EXPORT enum nss_status _nss_itm_getpwuid_r(uid_t, struct passwd *, char *, size_t, int *);
EXPORT enum nss_status _nss_itm_setpwent(int);
EXPORT enum nss_status _nss_itm_endpwent(void);
EXPORT enum nss_status _nss_itm_getpwent_r(struct passwd *, char *, size_t, int *);

static const char stub_path[] = NSS_ITM_STUB;

/* Inside libc.so since glibc 2.34, a module of its own before. */
static void *files_function(_Atomic(void *) *known, const char *name)
{
	void *f = atomic_load_explicit(known, memory_order_relaxed);
	if (f == NULL) {
		f = dlsym(RTLD_DEFAULT, name);
		if (f == NULL) {
			void *module = dlopen("libnss_files.so.2", RTLD_NOW | RTLD_LOCAL);
			f = module != NULL ? dlsym(module, name) : NULL;
		}
		atomic_store_explicit(known, f, memory_order_relaxed);
	}
	return f;
}

/* A missing or broken package must lock nobody out. */
static bool stub_usable(void)
{
	struct stat st;
	return stat(stub_path, &st) == 0 && S_ISREG(st.st_mode) && (st.st_mode & S_IXOTH) != 0;
}

/* The tail of the caller's buffer is kept back for the stub's path while the
 * next source fills the rest. */
static enum nss_status too_small(int *error)
{
	*error = ERANGE;
	return NSS_STATUS_TRYAGAIN;
}

static enum nss_status replace_shell(enum nss_status status, struct passwd *pw, char *tail)
{
	if (status != NSS_STATUS_SUCCESS)
		return status == NSS_STATUS_TRYAGAIN ? status : NSS_STATUS_NOTFOUND;
	if (!users_no_login(pw->pw_shell))
		pw->pw_shell = memcpy(tail, stub_path, sizeof stub_path);
	return status;
}

enum nss_status _nss_itm_getpwnam_r(const char *name, struct passwd *pw, char *buf, size_t size, int *error)
{
	static _Atomic(void *) known;
	enum nss_status (*files)(const char *, struct passwd *, char *, size_t, int *);
	enum nss_status status = NSS_STATUS_NOTFOUND;
	struct users_entry e;
	int saved = errno;
	if (users_by_name(NSS_ITM_USERS, name, &e) == 0 && stub_usable()) {
		*(void **)&files = files_function(&known, "_nss_files_getpwnam_r");
		if (files == NULL)
			;
		else if (size <= sizeof stub_path)
			status = too_small(error);
		else
			status = replace_shell(files(name, pw, buf, size - sizeof stub_path, error), pw,
					       buf + size - sizeof stub_path);
	}
	errno = saved;
	return status;
}

enum nss_status _nss_itm_getpwuid_r(uid_t uid, struct passwd *pw, char *buf, size_t size, int *error)
{
	static _Atomic(void *) known;
	enum nss_status (*files)(uid_t, struct passwd *, char *, size_t, int *);
	enum nss_status status = NSS_STATUS_NOTFOUND;
	struct users_entry e;
	int saved = errno;
	if (users_by_uid(NSS_ITM_USERS, uid, &e) == 0 && stub_usable()) {
		*(void **)&files = files_function(&known, "_nss_files_getpwuid_r");
		if (files == NULL)
			;
		else if (size <= sizeof stub_path)
			status = too_small(error);
		else
			status = replace_shell(files(uid, pw, buf, size - sizeof stub_path, error), pw,
					       buf + size - sizeof stub_path);
	}
	errno = saved;
	return status;
}

/* Listing all users goes on with the next source. */
enum nss_status _nss_itm_setpwent(int stay_open)
{
	return NSS_STATUS_SUCCESS;
}

enum nss_status _nss_itm_endpwent(void)
{
	return NSS_STATUS_SUCCESS;
}

enum nss_status _nss_itm_getpwent_r(struct passwd *pw, char *buf, size_t size, int *error)
{
	return NSS_STATUS_NOTFOUND;
}
