#include "agent/filed/notices.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/fanotify.h>
#include <sys/statfs.h>

#include "base/error.h"

/* From linux/fanotify.h, kernels 5.15, 5.17 and 6.5: headers may be older. */
#define REPORT_PIDFD 0x00000080U
#define REPORT_TARGET_FID 0x00001000U
enum { INFO_FID = 1, INFO_DFID_NAME = 2, INFO_DFID = 3, INFO_PIDFD = 4, HANDLE_FID = 0x200, FSID_SIZE = 8 };

#define FILE_EVENTS (FAN_MODIFY | FAN_CLOSE_WRITE | FAN_ATTRIB | FAN_DELETE_SELF | FAN_MOVE_SELF)
#define FOLDER_EVENTS (FAN_CREATE | FAN_DELETE | FAN_MOVED_FROM | FAN_MOVED_TO | FAN_ATTRIB | FAN_DELETE_SELF | \
		       FAN_MOVE_SELF | FAN_ONDIR)

int notices_open(void)
{
	static const unsigned more[] = { REPORT_PIDFD | REPORT_TARGET_FID, REPORT_PIDFD, 0 };
	int fd = -1;

	for (size_t i = 0; i < sizeof more / sizeof more[0] && fd < 0; i++)
		fd = fanotify_init(FAN_CLASS_NOTIF | FAN_CLOEXEC | FAN_NONBLOCK | FAN_REPORT_FID | FAN_REPORT_DIR_FID |
				   FAN_REPORT_NAME | FAN_UNLIMITED_MARKS | more[i], O_RDONLY | O_CLOEXEC);
	return fd;
}

int notices_mark(int notices, int fd, bool folder)
{
	return fanotify_mark(notices, FAN_MARK_ADD, folder ? FOLDER_EVENTS : FILE_EVENTS, fd, NULL) == 0 ? 0 : ITM_ESYS;
}

static notices_key mix(notices_key k, const void *data, size_t len)
{
	const uint8_t *p = data;

	for (size_t i = 0; i < len; i++)
		k = (k ^ p[i]) * 0x100000001b3u; /* FNV-1a */
	return k;
}

static notices_key key(const void *fsid, int type, const void *handle, size_t len)
{
	notices_key k = mix(0xcbf29ce484222325u, fsid, FSID_SIZE);

	k = mix(mix(k, &type, sizeof type), handle, len);
	return k != 0 ? k : 1;
}

notices_key notices_key_of(int fd)
{
	union { struct file_handle head; char room[sizeof(struct file_handle) + MAX_HANDLE_SZ]; } h;
	struct statfs fs;
	int mount;

	h.head.handle_bytes = MAX_HANDLE_SZ;
	if (fstatfs(fd, &fs) != 0)
		return 0;
	if (name_to_handle_at(fd, "", &h.head, &mount, AT_EMPTY_PATH | HANDLE_FID) != 0) {
		h.head.handle_bytes = MAX_HANDLE_SZ;
		if (errno != EINVAL || name_to_handle_at(fd, "", &h.head, &mount, AT_EMPTY_PATH) != 0)
			return 0;
	}
	return key(&fs.f_fsid, h.head.handle_type, h.head.f_handle, h.head.handle_bytes);
}

/* header 4, fsid 8, handle_bytes u32, handle_type u32, handle, name and NUL */
static bool take_fid(const uint8_t *info, size_t len, unsigned type, struct notice *out)
{
	uint32_t bytes;
	int handle_type;

	if (len < 20)
		return false;
	memcpy(&bytes, info + 12, sizeof bytes);
	memcpy(&handle_type, info + 16, sizeof handle_type);
	if (bytes > len - 20)
		return false;
	notices_key k = key(info + 4, handle_type, info + 20, bytes);
	if (type == INFO_FID) {
		out->file = k;
		return true;
	}
	out->folder = k;
	const char *name = (const char *)info + 20 + bytes;
	if (type == INFO_DFID_NAME) {
		if (memchr(name, '\0', len - 20 - bytes) == NULL)
			return false;
		out->name = strcmp(name, ".") == 0 ? "" : name;
	}
	return true;
}

static bool take_infos(const uint8_t *info, size_t left, struct notice *out)
{
	while (left >= 4) {
		uint16_t len;
		memcpy(&len, info + 2, sizeof len);
		if (len < 4 || len > left)
			return false;
		if (info[0] == INFO_FID || info[0] == INFO_DFID || info[0] == INFO_DFID_NAME) {
			if (!take_fid(info, len, info[0], out))
				return false;
		} else if (info[0] == INFO_PIDFD && len >= 8) {
			memcpy(&out->pidfd, info + 4, sizeof out->pidfd);
		}
		info += len;
		left -= len;
	}
	return true;
}

bool notices_decode(const void *data, size_t len, struct notice *out, size_t *used)
{
	struct fanotify_event_metadata m;

	*out = (struct notice){ .name = "", .pidfd = -1 };
	if (len < sizeof m)
		return false;
	memcpy(&m, data, sizeof m);
	if (m.event_len < sizeof m || m.event_len > len || m.metadata_len < sizeof m || m.metadata_len > m.event_len ||
	    m.vers != FANOTIFY_METADATA_VERSION)
		return false;
	*used = m.event_len;
	out->pid = m.pid;
	out->overflow = (m.mask & FAN_Q_OVERFLOW) != 0;
	out->wrote = (m.mask & FAN_MODIFY) != 0;
	out->on_folder = (m.mask & FAN_ONDIR) != 0;
	out->self = (m.mask & (FAN_DELETE_SELF | FAN_MOVE_SELF)) != 0;
	/* One with broken infos is still a sign: everything has to be looked at. */
	if (!take_infos((const uint8_t *)data + m.metadata_len, m.event_len - m.metadata_len, out))
		out->overflow = true;
	return true;
}
