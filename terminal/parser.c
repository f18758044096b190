#include "terminal/parser.h"

#include <string.h>

/* Bytes that the tables treat alike. */
enum byte_class {
	B_C0, B_BEL, B_CANCEL, B_ESC, B_INTERMEDIATE, B_DIGIT, B_COLON, B_SEMICOLON, B_MARK,
	B_FINAL, B_CSI, B_OSC, B_STRING, B_DEL, B_HIGH,
	B_CLASSES,
};

static const uint8_t class_of[256] = {
	[0x00 ... 0x06] = B_C0, [0x07] = B_BEL, [0x08 ... 0x17] = B_C0, [0x18] = B_CANCEL,
	[0x19] = B_C0, [0x1a] = B_CANCEL, [0x1b] = B_ESC, [0x1c ... 0x1f] = B_C0,
	[0x20 ... 0x2f] = B_INTERMEDIATE, [0x30 ... 0x39] = B_DIGIT, [0x3a] = B_COLON,
	[0x3b] = B_SEMICOLON, [0x3c ... 0x3f] = B_MARK, [0x40 ... 0x4f] = B_FINAL,
	[0x50] = B_STRING /* P: DCS */, [0x51 ... 0x57] = B_FINAL, [0x58] = B_STRING /* X: SOS */,
	[0x59 ... 0x5a] = B_FINAL, [0x5b] = B_CSI, [0x5c] = B_FINAL, [0x5d] = B_OSC,
	[0x5e ... 0x5f] = B_STRING /* ^ PM, _ APC */, [0x60 ... 0x7e] = B_FINAL, [0x7f] = B_DEL,
	[0x80 ... 0xff] = B_HIGH,
};

/* What happens inside the parser, besides the action for the caller. */
enum inner { I_NONE, I_CLEAR, I_COLLECT, I_PARAM, I_MARK, I_STRING };

struct transition { uint8_t next, action, inner; };

#define G PARSER_GROUND
#define T(next, action, inner) { next, action, inner }
/* From anywhere (Williams): CAN and SUB abandon, ESC starts anew. */
#define ANYWHERE \
	[B_CANCEL] = T(G, PARSER_EXECUTE, I_NONE), \
	[B_ESC] = T(PARSER_ESCAPE, PARSER_NONE, I_CLEAR), \
	[B_HIGH] = T(G, PARSER_HIGH, I_NONE)
#define CONTROLS(state) \
	[B_C0] = T(state, PARSER_EXECUTE, I_NONE), \
	[B_BEL] = T(state, PARSER_EXECUTE, I_NONE), \
	[B_DEL] = T(state, PARSER_NONE, I_NONE)
/* The finals that are only special right after ESC. */
#define FINALS(to) [B_FINAL] = to, [B_CSI] = to, [B_OSC] = to, [B_STRING] = to
#define DIGITS(to) [B_DIGIT] = to, [B_COLON] = to, [B_SEMICOLON] = to
#define ALL(to) [0 ... B_CLASSES - 1] = to

/* A rule for ALL, then its exceptions. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Woverride-init"
static const struct transition table[PARSER_STATES][B_CLASSES] = {
	[PARSER_GROUND] = {
		ALL(T(G, PARSER_PRINT, I_NONE)), CONTROLS(G), ANYWHERE,
	},
	[PARSER_ESCAPE] = {
		ALL(T(G, PARSER_DISPATCH_ESC, I_NONE)), CONTROLS(PARSER_ESCAPE), ANYWHERE,
		[B_INTERMEDIATE] = T(PARSER_ESCAPE_INTERMEDIATE, PARSER_NONE, I_COLLECT),
		[B_CSI] = T(PARSER_CSI_ENTRY, PARSER_NONE, I_CLEAR),
		[B_OSC] = T(PARSER_OSC, PARSER_NONE, I_NONE),
		[B_STRING] = T(PARSER_STRING, PARSER_NONE, I_NONE),
	},
	[PARSER_ESCAPE_INTERMEDIATE] = {
		ALL(T(G, PARSER_DISPATCH_ESC, I_NONE)), CONTROLS(PARSER_ESCAPE_INTERMEDIATE), ANYWHERE,
		[B_INTERMEDIATE] = T(PARSER_ESCAPE_INTERMEDIATE, PARSER_NONE, I_COLLECT),
	},
	[PARSER_CSI_ENTRY] = {
		FINALS(T(G, PARSER_DISPATCH_CSI, I_NONE)), CONTROLS(PARSER_CSI_ENTRY), ANYWHERE,
		DIGITS(T(PARSER_CSI_PARAM, PARSER_NONE, I_PARAM)),
		[B_INTERMEDIATE] = T(PARSER_CSI_INTERMEDIATE, PARSER_NONE, I_COLLECT),
		[B_MARK] = T(PARSER_CSI_PARAM, PARSER_NONE, I_MARK),
	},
	[PARSER_CSI_PARAM] = {
		FINALS(T(G, PARSER_DISPATCH_CSI, I_NONE)), CONTROLS(PARSER_CSI_PARAM), ANYWHERE,
		DIGITS(T(PARSER_CSI_PARAM, PARSER_NONE, I_PARAM)),
		[B_INTERMEDIATE] = T(PARSER_CSI_INTERMEDIATE, PARSER_NONE, I_COLLECT),
		[B_MARK] = T(PARSER_CSI_IGNORE, PARSER_NONE, I_NONE),
	},
	[PARSER_CSI_INTERMEDIATE] = {
		FINALS(T(G, PARSER_DISPATCH_CSI, I_NONE)), CONTROLS(PARSER_CSI_INTERMEDIATE), ANYWHERE,
		DIGITS(T(PARSER_CSI_IGNORE, PARSER_NONE, I_NONE)),
		[B_INTERMEDIATE] = T(PARSER_CSI_INTERMEDIATE, PARSER_NONE, I_COLLECT),
		[B_MARK] = T(PARSER_CSI_IGNORE, PARSER_NONE, I_NONE),
	},
	[PARSER_CSI_IGNORE] = {
		ALL(T(PARSER_CSI_IGNORE, PARSER_NONE, I_NONE)), CONTROLS(PARSER_CSI_IGNORE), ANYWHERE,
		FINALS(T(G, PARSER_NONE, I_NONE)),
	},
	[PARSER_OSC] = {
		ALL(T(PARSER_OSC, PARSER_PUT, I_STRING)),
		[B_C0] = T(PARSER_OSC, PARSER_NONE, I_STRING),
		[B_BEL] = T(G, PARSER_END, I_NONE),
		[B_CANCEL] = T(G, PARSER_END, I_NONE),
		[B_ESC] = T(PARSER_ESCAPE, PARSER_END, I_CLEAR),
	},
	[PARSER_STRING] = {
		ALL(T(PARSER_STRING, PARSER_PUT, I_STRING)),
		[B_CANCEL] = T(G, PARSER_END, I_NONE),
		[B_ESC] = T(PARSER_ESCAPE, PARSER_END, I_CLEAR),
	},
};
#pragma GCC diagnostic pop

void parser_reset(struct parser *p)
{
	memset(p, 0, sizeof *p);
	p->param_count = 1;
}

static void clear(struct parser *p)
{
	p->private_mark = 0;
	p->intermediate_count = 0;
	p->param_count = 1;
	p->sub = p->given = 0;
	p->params[0] = 0;
	p->string_len = 0;
}

static void collect(struct parser *p, uint8_t byte)
{
	if (p->intermediate_count < PARSER_INTERMEDIATES_MAX)
		p->intermediates[p->intermediate_count] = byte;
	if (p->intermediate_count <= PARSER_INTERMEDIATES_MAX)
		p->intermediate_count++;
}

/* A digit, a semicolon or a colon.  Parameters past the last are dropped, so
 * that the first ones keep their meaning. */
static void param(struct parser *p, uint8_t byte)
{
	if (byte == ';' || byte == ':') {
		if (p->param_count > PARSER_PARAMS_MAX)
			return;
		if (p->param_count < PARSER_PARAMS_MAX) {
			p->params[p->param_count] = 0;
			if (byte == ':')
				p->sub |= (uint32_t)1 << p->param_count;
		}
		p->param_count++;
		return;
	}
	if (p->param_count > PARSER_PARAMS_MAX)
		return;
	unsigned n = p->param_count - 1u;
	unsigned value = p->params[n] * 10u + (byte - (unsigned)'0');
	p->params[n] = (uint16_t)(value < PARSER_PARAM_MAX ? value : PARSER_PARAM_MAX);
	p->given |= (uint32_t)1 << n;
}

enum parser_action parser_step(struct parser *p, uint8_t byte)
{
	const struct transition *t = &table[p->state][class_of[byte]];
	p->state = t->next;
	switch ((enum inner)t->inner) {
	case I_NONE:
		break;
	case I_CLEAR:
		clear(p);
		break;
	case I_COLLECT:
		collect(p, byte);
		break;
	case I_PARAM:
		param(p, byte);
		break;
	case I_MARK:
		p->private_mark = byte;
		break;
	case I_STRING:
		if (++p->string_len > PARSER_STRING_MAX) {
			p->state = PARSER_GROUND;
			return PARSER_END;
		}
		break;
	}
	if (t->action == PARSER_DISPATCH_CSI && p->param_count > PARSER_PARAMS_MAX)
		p->param_count = PARSER_PARAMS_MAX;
	return (enum parser_action)t->action;
}

unsigned parser_param(const struct parser *p, unsigned n, unsigned fallback)
{
	return n < p->param_count && p->params[n] != 0 ? p->params[n] : fallback;
}

unsigned parser_key(const struct parser *p, uint8_t final)
{
	if (p->intermediate_count > 1)
		return 0;
	return PARSER_KEY(p->private_mark, p->intermediate_count ? p->intermediates[0] : 0, final);
}

size_t parser_ascii_run(const uint8_t *data, size_t len)
{
	size_t i = 0;
	/* Eight at a time: a high bit shows up in one of the three terms for a
	 * byte below 0x20 (borrow), from 0x80 up, or equal to 0x7f (carry). */
	while (i + 8 <= len) {
		uint64_t w;
		memcpy(&w, data + i, 8);
		if (((w - 0x2020202020202020u) | w | (w + 0x0101010101010101u)) & 0x8080808080808080u)
			break;
		i += 8;
	}
	while (i < len && data[i] >= 0x20 && data[i] < 0x7f)
		i++;
	return i;
}
