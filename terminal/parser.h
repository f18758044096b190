/* parser: splits terminal output into text, controls and sequences, as state
 * tables; knows nothing of what a sequence means.
 *
 * Source: Paul Williams, "A parser for DEC's ANSI-compatible video terminals"
 * (vt100.net/emu/dec_ansi_parser), with ECMA-48 and xterm's ctlseqs.
 * Departures:
 * - Input is UTF-8: bytes 0x80 and up are text in the ground state, C1
 *   controls exist in their 7-bit form only; inside a sequence such a byte
 *   ends it and is text again, so that a broken sequence hides nothing.
 * - A colon divides subparameters (ITU T.416), as in xterm.
 * - DCS, SOS, PM and APC share one string state: all are ignored.
 * - A string longer than PARSER_STRING_MAX is given up: what follows is text. */
#ifndef ITM_TERMINAL_PARSER_H
#define ITM_TERMINAL_PARSER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	PARSER_PARAMS_MAX = 32,           /* xterm has 30 */
	PARSER_PARAM_MAX = 65535,         /* larger numbers are held there */
	PARSER_INTERMEDIATES_MAX = 2,     /* more make the sequence ignored */
	PARSER_STRING_MAX = 1 << 20,      /* bytes of OSC, DCS, ... */
};

enum parser_state {
	PARSER_GROUND,
	PARSER_ESCAPE,
	PARSER_ESCAPE_INTERMEDIATE,
	PARSER_CSI_ENTRY,
	PARSER_CSI_PARAM,
	PARSER_CSI_INTERMEDIATE,
	PARSER_CSI_IGNORE,
	PARSER_OSC,
	PARSER_STRING,
	PARSER_STATES,
};

/* What the caller has to do with the byte it just gave. */
enum parser_action {
	PARSER_NONE,
	PARSER_PRINT,         /* a printable ASCII byte */
	PARSER_HIGH,          /* a byte of a UTF-8 sequence, in the ground state */
	PARSER_EXECUTE,       /* a C0 control */
	PARSER_DISPATCH_ESC,  /* an escape sequence is whole; byte is its final */
	PARSER_DISPATCH_CSI,  /* the same of a control sequence */
	PARSER_PUT,           /* a byte of an ignored string */
	PARSER_END,           /* an ignored string is over */
};

struct parser {
	uint8_t state;
	uint8_t private_mark;             /* one of < = > ?, or 0 */
	uint8_t intermediate_count;
	uint8_t intermediates[PARSER_INTERMEDIATES_MAX];
	uint8_t param_count;              /* at least 1 when dispatched */
	uint32_t sub;                     /* bit n: parameter n came after a colon */
	uint32_t given;                   /* bit n: parameter n has a digit */
	uint16_t params[PARSER_PARAMS_MAX];
	uint32_t string_len;
};

void parser_reset(struct parser *p);
enum parser_action parser_step(struct parser *p, uint8_t byte);

/* Parameter n of a control sequence, fallback where it is missing or 0. */
unsigned parser_param(const struct parser *p, unsigned n, unsigned fallback);
/* The sequence's shape as one number, to switch over. */
#define PARSER_KEY(mark, intermediate, final) ((unsigned)(mark) << 16 | (unsigned)(intermediate) << 8 | (unsigned)(final))
/* PARSER_KEY of what was dispatched; 0 with two intermediates (none of ours has them). */
unsigned parser_key(const struct parser *p, uint8_t final);

/* Length of the run of printable ASCII at the start of data. */
size_t parser_ascii_run(const uint8_t *data, size_t len);

#endif
