#include "view/activities.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "base/id.h"
#include "format/activity.h"
#include "terminal/text.h"

static const char *const names[ACTIVITY_TAGS] = {
	[ACTIVITY_PID] = "pid", [ACTIVITY_START] = "start_ns", [ACTIVITY_PARENT] = "parent_pid",
	[ACTIVITY_PARENT_START] = "parent_start_ns", [ACTIVITY_CHILD] = "child_pid", [ACTIVITY_CHILD_START] = "child_start_ns",
	[ACTIVITY_FLAGS] = "flags", [ACTIVITY_SESSION] = "session", [ACTIVITY_LOGINUID] = "loginuid",
	[ACTIVITY_AUDIT_SESSION] = "audit_session", [ACTIVITY_UID] = "uid", [ACTIVITY_EUID] = "euid", [ACTIVITY_SUID] = "suid",
	[ACTIVITY_FSUID] = "fsuid", [ACTIVITY_GID] = "gid", [ACTIVITY_EGID] = "egid",
	[ACTIVITY_CAPABILITIES] = "capabilities", [ACTIVITY_EXE] = "exe", [ACTIVITY_EXE_DEVICE] = "exe_device",
	[ACTIVITY_EXE_INODE] = "exe_inode", [ACTIVITY_EXE_MODE] = "exe_mode", [ACTIVITY_SCRIPT] = "script",
	[ACTIVITY_CWD] = "cwd", [ACTIVITY_ARGC] = "argc", [ACTIVITY_ARGUMENTS] = "argv",
	[ACTIVITY_ARGUMENTS_SIZE] = "argv_bytes", [ACTIVITY_OFFSET] = "offset", [ACTIVITY_COMM] = "comm",
	[ACTIVITY_PARENT_COMM] = "parent_comm", [ACTIVITY_TTY] = "tty", [ACTIVITY_CGROUP] = "cgroup",
	[ACTIVITY_MOUNT_NAMESPACE] = "mount_namespace", [ACTIVITY_PID_NAMESPACE] = "pid_namespace",
	[ACTIVITY_FD0] = "fd0", [ACTIVITY_FD1] = "fd1", [ACTIVITY_FD2] = "fd2", [ACTIVITY_PARENT_FD0] = "parent_fd0",
	[ACTIVITY_PARENT_FD1] = "parent_fd1", [ACTIVITY_PARENT_FD2] = "parent_fd2", [ACTIVITY_STATUS] = "status",
	[ACTIVITY_USER_NS] = "user_ns", [ACTIVITY_SYSTEM_NS] = "system_ns", [ACTIVITY_FAMILY] = "family",
	[ACTIVITY_PORT] = "port", [ACTIVITY_ADDRESS] = "address", [ACTIVITY_MADE] = "made",
	[ACTIVITY_RECEIVED] = "received", [ACTIVITY_DROPPED] = "dropped", [ACTIVITY_MISSED] = "missed",
	[ACTIVITY_SESSIONS_LOST] = "sessions_lost", [ACTIVITY_LEVEL_NAME] = "level", [ACTIVITY_REASON] = "reason",
	[ACTIVITY_AGE_NS] = "age_ns", [ACTIVITY_MISSING] = "missing",
	[ACTIVITY_PATH] = "path", [ACTIVITY_FILE_FLAGS] = "file_flags", [ACTIVITY_BEFORE_SHA256] = "before_sha256",
	[ACTIVITY_AFTER_SHA256] = "after_sha256", [ACTIVITY_BEFORE_SIZE] = "before_size", [ACTIVITY_AFTER_SIZE] = "after_size",
	[ACTIVITY_BEFORE_MODE] = "before_mode", [ACTIVITY_AFTER_MODE] = "after_mode", [ACTIVITY_BEFORE_UID] = "before_uid",
	[ACTIVITY_AFTER_UID] = "after_uid", [ACTIVITY_BEFORE_GID] = "before_gid", [ACTIVITY_AFTER_GID] = "after_gid",
	[ACTIVITY_BEFORE_TEXT] = "before_text", [ACTIVITY_AFTER_TEXT] = "after_text", [ACTIVITY_TEXT_LINE] = "text_line",
	[ACTIVITY_TIMES] = "times", [ACTIVITY_WATCHED] = "watched", [ACTIVITY_POLLED] = "polled",
	[ACTIVITY_OVERFLOWS] = "overflows",
};

static void put_address(struct json *j, const uint8_t *address, size_t len)
{
	char text[INET6_ADDRSTRLEN] = "";

	if (len == 4 || len == 16)
		inet_ntop(len == 4 ? AF_INET : AF_INET6, address, text, sizeof text);
	json_text(j, text);
}

static void put_digest(struct json *j, const uint8_t *digest, size_t len)
{
	char text[2 * HASH_SIZE + 1] = "";

	for (size_t i = 0; i < len && i < HASH_SIZE; i++)
		snprintf(text + 2 * i, 3, "%02x", digest[i]);
	json_text(j, text);
}

static void put_fd(struct json *j, const struct activity_event *e, enum activity_tag tag)
{
	struct activity_fd fd;

	if (!activity_fd_get(e, tag, &fd)) {
		json_null(j);
		return;
	}
	const struct { const char *name; uint64_t value; } numbers[] = {
		{ "mode", fd.mode }, { "device", fd.device }, { "inode", fd.inode }, { "family", fd.family },
		{ "state", fd.state }, { "port", fd.port }, { "local_port", fd.local_port },
	};
	json_object(j);
	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
		if (numbers[i].value != 0) {
			json_key(j, numbers[i].name);
			json_uint(j, numbers[i].value);
		}
	if (fd.family == AF_INET || fd.family == AF_INET6) {
		json_key(j, "address");
		put_address(j, fd.address, fd.family == AF_INET ? 4 : 16);
	}
	json_object_end(j);
}

static void put_session(struct json *j, const struct activity_event *e)
{
	char text[ID_TEXT_SIZE];
	struct id id;

	if (e->number[ACTIVITY_SESSION] != ID_SIZE) {
		json_null(j);
		return;
	}
	memcpy(id.bytes, e->bytes[ACTIVITY_SESSION], ID_SIZE);
	id_format(&id, text);
	json_text(j, text);
}

static void put_arguments(struct json *j, const uint8_t *at, size_t left)
{
	json_array(j);
	while (left > 0) {
		const uint8_t *end = memchr(at, '\0', left);
		size_t len = end != NULL ? (size_t)(end - at) : left;
		json_bytes(j, at, len);
		at += end != NULL ? len + 1 : len;
		left -= end != NULL ? len + 1 : len;
	}
	json_array_end(j);
}

static void put_field(struct json *j, const struct activity_event *e, enum activity_tag tag)
{
	json_key(j, names[tag]);
	if (tag >= ACTIVITY_FD0 && tag <= ACTIVITY_PARENT_FD2)
		put_fd(j, e, tag);
	else if (tag == ACTIVITY_SESSION)
		put_session(j, e);
	else if (tag == ACTIVITY_ARGUMENTS)
		put_arguments(j, e->bytes[tag], e->number[tag]);
	else if (tag == ACTIVITY_BEFORE_SHA256 || tag == ACTIVITY_AFTER_SHA256)
		put_digest(j, e->bytes[tag], e->number[tag]);
	else if (tag == ACTIVITY_ADDRESS)
		put_address(j, e->bytes[tag], e->number[tag]);
	else if (e->bytes[tag] != NULL)
		json_bytes(j, e->bytes[tag], e->number[tag]);
	else if (tag == ACTIVITY_LOGINUID || tag == ACTIVITY_AUDIT_SESSION)
		json_uint(j, e->number[tag] - 1);
	else
		json_uint(j, e->number[tag]);
}

int activities_json(struct json *j, const void *data, size_t len)
{
	struct activity_event e;
	int r = activity_decode(data, len, &e, NULL);

	if (r != 0)
		return r;
	json_object(j);
	json_key(j, "event");
	json_text(j, activity_name(e.kind));
	for (unsigned tag = 1; tag < ACTIVITY_TAGS; tag++)
		if (e.number[tag] != 0 && names[tag] != NULL)
			put_field(j, &e, (enum activity_tag)tag);
	json_object_end(j);
	return json_result(j);
}

int activities_arguments(struct buffer *out, const void *data, size_t len)
{
	const uint8_t *at = data;
	int r = 0;

	for (bool own = true; r == 0 && len > 0; own = false) {
		const uint8_t *end = memchr(at, '\0', len);
		size_t n = end != NULL ? (size_t)(end - at) : len;
		if (!own)
			r = buffer_put_u8(out, ' ');
		if (!own && r == 0)
			r = text_escape(out, at, n);
		at += end != NULL ? n + 1 : n;
		len -= end != NULL ? n + 1 : n;
	}
	return r;
}

int activities_line(struct buffer *out, const void *data, size_t len)
{
	struct activity_event e;
	int r = activity_decode(data, len, &e, NULL);

	if (r != 0)
		return r;
	const char *name = activity_name(e.kind);
	r = buffer_printf(out, "%s %llu ", name != NULL ? name : "activity", (unsigned long long)e.number[ACTIVITY_PID]);
	enum activity_tag what = e.kind == ACTIVITY_LEVEL ? ACTIVITY_LEVEL_NAME
		: e.number[ACTIVITY_PATH] != 0 ? ACTIVITY_PATH
		: e.number[ACTIVITY_EXE] != 0 ? ACTIVITY_EXE : ACTIVITY_COMM;
	if (r == 0 && e.number[what] != 0)
		r = text_escape(out, e.bytes[what], e.number[what]);
	if (r == 0 && e.kind == ACTIVITY_EXIT)
		r = buffer_printf(out, "status %llu", (unsigned long long)e.number[ACTIVITY_STATUS]);
	if (r == 0 && e.kind == ACTIVITY_COUNTS)
		r = buffer_printf(out, "made %llu, received %llu, dropped %llu", (unsigned long long)e.number[ACTIVITY_MADE],
				  (unsigned long long)e.number[ACTIVITY_RECEIVED], (unsigned long long)e.number[ACTIVITY_DROPPED]);
	return r == 0 ? activities_arguments(out, e.bytes[ACTIVITY_ARGUMENTS], e.number[ACTIVITY_ARGUMENTS]) : r;
}
