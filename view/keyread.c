#include "view/keyread.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "base/atomicfile.h"
#include "format/sign.h"

/* ^C ends the question, and leaves a terminal that echoes again. */
enum { INTERRUPT = 3 };

static int read_line(int fd, char *out, size_t size)
{
	size_t n = 0;
	char c;

	while (read(fd, &c, 1) == 1 && c != '\n') {
		if (c == INTERRUPT)
			return ITM_ECLOSED;
		if (n + 1 == size)
			return ITM_ELIMIT;
		out[n++] = c;
	}
	out[n] = '\0';
	return 0;
}

int keyread_password(const char *prompt, char out[KEYREAD_PASSWORD_SIZE])
{
	struct termios before, quiet;
	int fd = open("/dev/tty", O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return ITM_ENOENT;
	if (tcgetattr(fd, &before) != 0) {
		close(fd);
		return ITM_ENOENT;
	}
	quiet = before;
	quiet.c_lflag &= ~(tcflag_t)(ECHO | ISIG);
	quiet.c_lflag |= ICANON;
	quiet.c_cc[VEOL] = INTERRUPT;
	tcsetattr(fd, TCSAFLUSH, &quiet);
	dprintf(fd, "%s", prompt);
	int r = read_line(fd, out, KEYREAD_PASSWORD_SIZE);
	dprintf(fd, "\n");
	tcsetattr(fd, TCSAFLUSH, &before);
	close(fd);
	return r;
}

static int read_file(const char *path, struct buffer *b, char error[KEYREAD_ERROR_SIZE])
{
	buffer_init(b, KEYFILE_MAX);
	int r = atomicfile_read(path, b);
	if (r == ITM_ELIMIT)
		snprintf(error, KEYREAD_ERROR_SIZE, "%s: not a key file: it is too long", path);
	else if (r != 0)
		snprintf(error, KEYREAD_ERROR_SIZE, "%s: %s", path, error_text(r));
	return r;
}

static int unlock(const char *path, const struct buffer *b, struct keyfile_secret *out, struct fault *fault)
{
	char prompt[KEYREAD_ERROR_SIZE], password[KEYREAD_PASSWORD_SIZE];
	int r = keyfile_get_secret((const char *)b->data, b->len, NULL, out, fault);

	if (r != ITM_EPERM)
		return r;
	snprintf(prompt, sizeof prompt, "Password of %s: ", path);
	if (keyread_password(prompt, password) != 0)
		return error_fault(fault, ITM_EPERM, 0, "the key has a password, and there is no terminal to ask for it");
	r = keyfile_get_secret((const char *)b->data, b->len, password, out, fault);
	sign_wipe(password, sizeof password);
	return r;
}

int keyread_secret(const char *path, struct keyfile_secret *out, char error[KEYREAD_ERROR_SIZE])
{
	struct fault fault = { 0, NULL };
	struct buffer b;
	struct stat st;

	if (stat(path, &st) == 0 && (st.st_mode & 077) != 0) {
		snprintf(error, KEYREAD_ERROR_SIZE, "%s: others may read this secret key: chmod 600 it", path);
		return ITM_EPERM;
	}
	int r = read_file(path, &b, error);
	if (r == 0) {
		r = unlock(path, &b, out, &fault);
		if (r != 0)
			snprintf(error, KEYREAD_ERROR_SIZE, "%s: %s", path, fault.reason != NULL ? fault.reason : error_text(r));
	}
	if (b.data != NULL)
		sign_wipe(b.data, b.size);
	buffer_free(&b);
	return r;
}

int keyread_public(const char *path, enum keyfile_kind kind, struct keyfile_public *out, char error[KEYREAD_ERROR_SIZE])
{
	struct fault fault = { 0, NULL };
	struct buffer b;
	int r = read_file(path, &b, error);

	if (r == 0) {
		r = keyfile_get_public((const char *)b.data, b.len, kind, out, &fault);
		if (r != 0)
			snprintf(error, KEYREAD_ERROR_SIZE, "%s: %s", path, fault.reason);
	}
	buffer_free(&b);
	return r;
}
