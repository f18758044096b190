#include "base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

enum { LINE_SIZE = 1024 };

static const char *program_name = "itm";
static int use_syslog;
static enum log_level threshold = LOG_LEVEL_INFO;

void log_open(const char *program, int to_syslog)
{
	program_name = program;
	use_syslog = to_syslog;
	if (to_syslog)
		openlog(program, LOG_PID, LOG_AUTHPRIV);
}

void log_set_level(enum log_level level)
{
	threshold = level;
}

/* Control bytes and DEL become '?': a log line stays one line. */
static size_t clean(char *s)
{
	size_t n = 0;
	for (; s[n] != '\0'; n++)
		if ((unsigned char)s[n] < 0x20 || s[n] == 0x7f)
			s[n] = '?';
	return n;
}

static void write_line(enum log_level level, const char *format, va_list args)
{
	static const char *const word[] = { "error", "info", "debug" };
	static const int priority[] = { LOG_ERR, LOG_INFO, LOG_DEBUG };
	char text[LINE_SIZE], line[LINE_SIZE + 128];
	int saved = errno;

	if (level > threshold)
		return;
	int n = vsnprintf(text, sizeof text, format, args);
	if (n >= (int)sizeof text)
		memcpy(text + sizeof text - 4, "...", 4);
	clean(text);
	n = snprintf(line, sizeof line, "%s[%d] %s: %s\n", program_name, (int)getpid(), word[level], text);
	if (n > 0) {
		size_t len = (size_t)n < sizeof line ? (size_t)n : sizeof line - 1;
		ssize_t done = write(STDERR_FILENO, line, len); /* nobody left to tell on failure */
		(void)done;
	}
	if (use_syslog)
		syslog(priority[level], "%s", text);
	errno = saved;
}

#define DEFINE_LEVEL(name, level)               \
	void name(const char *format, ...)      \
	{                                       \
		va_list args;                   \
		va_start(args, format);         \
		write_line(level, format, args);\
		va_end(args);                   \
	}

DEFINE_LEVEL(log_error, LOG_LEVEL_ERROR)
DEFINE_LEVEL(log_info, LOG_LEVEL_INFO)
DEFINE_LEVEL(log_debug, LOG_LEVEL_DEBUG)
