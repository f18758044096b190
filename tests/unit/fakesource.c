#include "tests/unit/fakesource.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"

struct source {
	const struct fakesource_event *events;
	size_t count, at;
	bool ended, failed;
	uint8_t *copy;          /* so that a reader that keeps a pointer too long is caught */
};

struct source *fakesource_new(const struct fakesource_event *events, size_t count, bool ended)
{
	struct source *s = calloc(1, sizeof(*s));

	if (s != NULL)
		fakesource_show(s, count, ended);
	if (s != NULL)
		s->events = events;
	return s;
}

void fakesource_show(struct source *s, size_t count, bool ended)
{
	s->count = count;
	s->ended = ended;
}

void source_close(struct source *s)
{
	if (s != NULL)
		free(s->copy);
	free(s);
}

int source_next(struct source *s, struct source_event *out)
{
	const struct fakesource_event *e = &s->events[s->at];
	size_t len;

	free(s->copy);
	s->copy = NULL;
	if (s->at == s->count)
		return 0;
	if (e->error != 0 && !s->failed) {
		s->failed = true;
		return e->error;
	}
	s->failed = false;
	len = e->data == NULL ? 0 : e->len != 0 ? e->len : strlen(e->data);
	if (e->data != NULL) {
		s->copy = malloc(len + 1);
		memcpy(s->copy, e->data, len);
	}
	*out = (struct source_event){
		.event = { .time_ms = e->time_ms, .kind = e->kind, .code = e->data ? len : e->code,
			   .data = s->copy, .len = len },
		.wall_ns = FAKESOURCE_START + (int64_t)e->time_ms * 1000000,
		.sealed = true,
		.chunk = e->time_ms / 5000 + 1,
	};
	s->at++;
	return 1;
}

bool source_ended(const struct source *s)
{
	return s->ended && s->at == s->count;
}

/* Every third event could be read first. */
bool source_place(const struct source *s, struct source_place *out)
{
	*out = (struct source_place){ .chunk = s->at };
	return s->at % 3 == 1;
}

int source_go(struct source *s, const struct source_place *place)
{
	s->at = place->chunk - 1;
	s->failed = false;
	return 0;
}

int source_rewind(struct source *s)
{
	s->at = 0;
	s->failed = false;
	return 0;
}

const char *source_fault(const struct source *s)
{
	return "chunk 3: bytes do not match their hash";
}

#define OUT(ms, text) { .time_ms = ms, .kind = RECORD_OUT, .data = text }

const struct fakesource_event fakesource_login[] = {
	{ .kind = RECORD_ENV, .data = "v=1\nuser=mal\\x1b]0;lory\\x07\nhostname=db\\x9b31m1\nservice=sshd\n"
		"mode=pty\nterm=xterm-256color\nshell=/bin/bash\ncolumns=40\nrows=6\n" },
	OUT(100, "\033[?2004h\033]0;title\007$ "),
	OUT(1000, "ec"), OUT(1200, "ho hi\r\n\033[?2004lhi\r\n"),
	{ .time_ms = 1300, .kind = RECORD_TTYSTATE, .code = 3 },
	/* Clipboard, questions, device control, 8-bit controls, a cut character. */
	OUT(2000, "\033]52;c;cm0gLXJmIC8=\007\033[c\033[6n\005\033P+q544e\033\\\033Zsafe\302\2332J\r\n"),
	OUT(2100, "\033[1;31mred\033[0m h\303"), OUT(2200, "\251llo \360\237\230\200 \377\r\n"),
	{ .time_ms = 3000, .kind = RECORD_MASKED, .code = 9 },
	{ .time_ms = 4000, .kind = RECORD_RESIZE, .code = 50u << 16 | 8 },
	OUT(4100, "1\r\n2\r\n3\r\n4\r\n5\r\n6\r\n7\r\n8\r\n9\r\n"),
	{ .time_ms = 5000, .kind = RECORD_GAP, .code = 77 },
	/* A program that takes the whole screen, left to itself for 150 hours. */
	OUT(6000, "\033[?1049h\033[2J\033[Hfull screen"),
	OUT(540000000, "\033[?1049l$ exit\r\n"),
	{ .time_ms = 540000500, .kind = RECORD_MARKER, .data = "mark\033[2Jer" },
	{ .time_ms = 540001000, .kind = RECORD_EXIT, .code = 7 << 8 },
};
const size_t fakesource_login_count = sizeof(fakesource_login) / sizeof(fakesource_login[0]);

const struct fakesource_event fakesource_pipe[] = {
	{ .kind = RECORD_ENV, .data = "v=1\nuser=alice\nhostname=web1\nservice=sshd\nmode=pipe\n" },
	OUT(10, "one\ntwo\n"),
	{ .time_ms = 20, .kind = RECORD_ERR, .data = "three\n" },
	{ .time_ms = 25, .kind = RECORD_OUT, .data = "bin\0\001\377\n", .len = 7, .error = ITM_ECRYPTO },
	{ .time_ms = 30, .kind = RECORD_COUNTED, .code = 4096 << 2 | 1 },
	{ .time_ms = 40, .kind = RECORD_EXIT, .code = 9 },
};
const size_t fakesource_pipe_count = sizeof(fakesource_pipe) / sizeof(fakesource_pipe[0]);

const struct fakesource_event fakesource_drawn[] = {
	{ .kind = RECORD_ENV, .data = "v=1\nuser=alice\nhostname=web1\nservice=sshd\nmode=pty\nterm=xterm\n"
		"shell=/bin/bash\ncolumns=60\nrows=10\n" },
	{ .time_ms = 5, .kind = RECORD_MARKER, .data = "a <b> & c" },
	OUT(10, "\033[1;32malice@web1\033[m:~$ "), OUT(50, "vi notes\r\n"),
	OUT(100, "\033[?1049h\033[2J\033[H\033[7m line one \033[m\r\n\033[38;5;208mcolour\033[48;2;10;20;30m!\033[m"),
	OUT(150, "\033[5;3Hwide \346\274\242\345\255\227 \303\251 </script><script>alert(1)</script>"),
	OUT(200, "\033[2;9r\033[9;1H\n\n\033[r\033[10;60Hx"),
	{ .time_ms = 300, .kind = RECORD_RESIZE, .code = 70u << 16 | 12 },
	OUT(400, "\033[?1049l\033]0;title\007a\tb\bc\r\n"),
	{ .time_ms = 500, .kind = RECORD_MARKER, .data = "</script><img src=x onerror=alert(1)>" },
	OUT(600, "\033[4munder\033[24m \033[3mslanted\033[m\033[K\r\nlast"),
	{ .time_ms = 700, .kind = RECORD_SIGNAL, .code = 1 },
	{ .time_ms = 1000, .kind = RECORD_EXIT, .code = 3 << 8 },
};
const size_t fakesource_drawn_count = sizeof(fakesource_drawn) / sizeof(fakesource_drawn[0]);
