#include "view/say.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "base/buffer.h"
#include "base/error.h"
#include "terminal/text.h"

enum { SAY_MAX = 4096 }; /* bytes of one line before escaping */

void say_error(const char *program, const char *format, ...)
{
	char text[SAY_MAX];
	struct buffer line;
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	buffer_init(&line, 16 * SAY_MAX);
	if (text_escape(&line, text, strlen(text)) == 0)
		fprintf(stderr, "%s: %.*s\n", program, (int)line.len, (const char *)line.data);
	buffer_free(&line);
}

int say_status(int code)
{
	switch (code) {
	case 0: return 0;
	case ITM_EINVAL: return EX_USAGE;
	case ITM_ENOMEM: return EX_OSERR;
	case ITM_ESYS: return errno == EACCES || errno == EPERM ? EX_NOPERM : EX_OSERR;
	case ITM_ENOENT: return EX_NOINPUT;
	case ITM_EPERM: return EX_NOPERM;
	case ITM_ETIMEOUT:
	case ITM_ECLOSED:
	case ITM_EBUSY:
	case ITM_ENET: return EX_UNAVAILABLE;
	default: return EX_DATAERR;
	}
}

int say_finish(const char *program, int status)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return status;
	say_error(program, "cannot write the output: %s", strerror(errno));
	return EX_IOERR;
}
