#include "itm-shell/recorder/masking.h"

#include <string.h>

enum { STATE_ECHO = 1, STATE_ICANON = 2, STATE_ISIG = 4 }; /* record.h, TTYSTATE */

uint32_t masking_state(tcflag_t local_modes)
{
	return (local_modes & ECHO ? STATE_ECHO : 0) | (local_modes & ICANON ? STATE_ICANON : 0) |
	       (local_modes & ISIG ? STATE_ISIG : 0);
}

bool masking_hides(uint32_t state)
{
	return (state & (STATE_ECHO | STATE_ICANON)) == STATE_ICANON;
}

static size_t release(struct masking *m, struct masking_event *out)
{
	if (m->held == 0)
		return 0;
	*out = (struct masking_event){ RECORD_MASKED, m->held };
	m->held = 0;
	return 1;
}

/* Escape sequences of the output: ESC x, CSI ... letter, OSC ... BEL or ST. */
enum { OUTSIDE, ESCAPE, CONTROL, STRING, STRING_ESCAPE };

/* True: the byte is text. */
static bool is_text(struct masking *m, uint8_t byte)
{
	switch (m->escape) {
	case ESCAPE:
		m->escape = byte == '[' ? CONTROL : byte == ']' || byte == 'P' ? STRING : OUTSIDE;
		return false;
	case CONTROL:
		if (byte >= 0x40 && byte <= 0x7e)
			m->escape = OUTSIDE;
		return false;
	case STRING:
		m->escape = byte == 0x07 ? OUTSIDE : byte == 0x1b ? STRING_ESCAPE : STRING;
		return false;
	case STRING_ESCAPE:
		m->escape = OUTSIDE;
		return false;
	default:
		if (byte == 0x1b)
			m->escape = ESCAPE;
		return byte != 0x1b && (byte >= 0x20 || byte == '\n' || byte == '\r') && byte != 0x7f;
	}
}

void masking_shown(struct masking *m, const uint8_t *data, size_t len)
{
	enum { LOOKED_AT = 4 * MASKING_TAIL }; /* escape sequences take room, too */

	if (len > LOOKED_AT) {
		data += len - LOOKED_AT;
		len = LOOKED_AT;
		m->tail_len = 0;
		m->escape = OUTSIDE;
	}
	for (size_t i = 0; i < len; i++) {
		if (!is_text(m, data[i]))
			continue;
		if (m->tail_len == sizeof m->tail) {
			memmove(m->tail, m->tail + sizeof m->tail / 2, sizeof m->tail / 2);
			m->tail_len = sizeof m->tail / 2;
		}
		m->tail[m->tail_len++] = (char)data[i];
	}
}

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

/* Words with letters beyond ASCII stand in both cases. */
static const char *const secrets[] = {
	"password", "passphrase", "passcode", "pin", "secret", "token", "otp", "verification code", "one-time code",
	"passwort", "kennwort", "mot de passe", "contraseña", "contraseÑa", "senha", "hasło", "hasŁo", "wachtwoord",
	"пароль", "Пароль", "ПАРОЛЬ", "パスワード", "密码", "密碼", "암호", "비밀번호",
};

static size_t word_at(const char *text, size_t len, size_t at)
{
	for (size_t i = 0; i < sizeof secrets / sizeof secrets[0]; i++) {
		size_t n = strlen(secrets[i]), j = 0;
		if (n > len - at || (at > 0 && is_letter(secrets[i][0]) && is_letter(text[at - 1]) && n < 4))
			continue;
		while (j < n && lower(text[at + j]) == secrets[i][j])
			j++;
		if (j == n)
			return n;
	}
	return 0;
}

/* A colon, > or ?, also the wide ones of Asian type (U+FF1A, U+FF1F), and at
 * most one space; returns the length without them, or 0. */
static size_t cut_end(const char *text, size_t len)
{
	if (len > 0 && text[len - 1] == ' ')
		len--;
	if (len > 0 && (text[len - 1] == ':' || text[len - 1] == '>' || text[len - 1] == '?'))
		return len - 1;
	if (len > 3 && (memcmp(text + len - 3, "\xef\xbc\x9a", 3) == 0 || memcmp(text + len - 3, "\xef\xbc\x9f", 3) == 0))
		return len - 3;
	return 0;
}

bool masking_prompts(const char *text, size_t len)
{
	enum { BETWEEN_MAX = 40 }; /* bytes from the word to the colon: "for bob@host" */

	len = cut_end(text, len);
	for (size_t at = len; at > 0 && text[at - 1] != '\n' && text[at - 1] != '\r'; at--) {
		size_t n = word_at(text, len, at - 1);
		if (n > 0)
			return len - (at - 1) - n <= BETWEEN_MAX;
	}
	return false;
}

/* Key by key, without echo, to what asks for a secret. */
static bool is_hidden(struct masking *m, uint32_t state)
{
	if (masking_hides(state))
		return true;
	if (state & (STATE_ECHO | STATE_ICANON))
		m->asked = false;
	else if (!m->asked)
		m->asked = masking_prompts(m->tail, m->tail_len);
	return m->asked;
}

size_t masking_observe(struct masking *m, uint32_t state, struct masking_event out[MASKING_EVENTS_MAX])
{
	m->state = state;
	if (state & (STATE_ECHO | STATE_ICANON))
		m->asked = false;
	return masking_hides(state) || m->asked ? 0 : release(m, out);
}

size_t masking_typed(struct masking *m, uint32_t state, const uint8_t *data, size_t len,
		     struct masking_event out[MASKING_EVENTS_MAX])
{
	bool hidden = is_hidden(m, state);
	size_t n = masking_observe(m, state, out);

	if (!hidden) {
		out[n] = (struct masking_event){ RECORD_COUNTED, (uint64_t)len << 2 };
		return n + 1;
	}
	m->held += len;
	if (memchr(data, '\n', len) != NULL || memchr(data, '\r', len) != NULL) {
		n += release(m, out + n);
		m->asked = false;
		m->tail_len = 0;
	}
	return n;
}
