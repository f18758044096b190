#include "local/pulse.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { PROC_TEXT = 512 };

int64_t pulse_drive(struct ward *w, int64_t now_ms, int64_t every_ms, unsigned *silent)
{
	*silent = 0;
	if (!w->spec->pulse || w->state != WARD_READY || w->control < 0) {
		w->asked_ms = 0;
		w->unanswered = 0;
		return now_ms + every_ms;
	}
	if (w->asked_ms != 0 && now_ms < w->asked_ms + every_ms)
		return w->asked_ms + every_ms;
	w->asked_ms = now_ms;
	*silent = w->unanswered++;
	/* A full socket is no answer either. */
	(void)ward_send(w->control, SUPERVISOR_PING, "", NULL, 0, NULL, 0);
	return now_ms + every_ms;
}

static void read_proc(pid_t pid, const char *name, char out[PROC_TEXT])
{
	char path[64];
	snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, name);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd >= 0 ? read(fd, out, PROC_TEXT - 1) : -1;
	out[n > 0 ? n : 0] = '\0';
	if (fd >= 0)
		close(fd);
}

void pulse_describe(pid_t pid, char *out, size_t size)
{
	char stat[PROC_TEXT], wchan[PROC_TEXT];
	read_proc(pid, "stat", stat);
	read_proc(pid, "wchan", wchan);
	wchan[strspn(wchan, "abcdefghijklmnopqrstuvwxyz0123456789_")] = '\0';
	const char *end = strrchr(stat, ')'); /* the name before it may hold anything */
	char state = end != NULL && end[1] == ' ' ? end[2] : '\0';
	/* Version 1 of the freezer waits in the refrigerator, version 2 in the trap. */
	const char *word = strstr(wchan, "freezer") != NULL || strstr(wchan, "refrigerator") != NULL ? "frozen" :
			   state == 'T' ? "stopped" : state == 't' ? "traced" : state == 'Z' || state == 'X' ? "dead" :
			   state == 'D' ? "waiting for a device" : state == '\0' ? "gone" : "hanging";
	if (wchan[0] != '\0' && strcmp(wchan, "0") != 0)
		snprintf(out, size, "%s, in %s", word, wchan);
	else
		snprintf(out, size, "%s", word);
}
