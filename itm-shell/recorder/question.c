#include "itm-shell/recorder/question.h"

#include <errno.h>
#include <sys/socket.h>

#include "base/buffer.h"

#define NS_PER_MS UINT64_C(1000000)

void question_init(struct question *q, int sock)
{
	*q = (struct question){ .sock = sock };
}

/* Pauses after the first questions, then one for all later ones: a shell may
 * take its time before it starts the program. */
static uint64_t pause_ms(unsigned asked)
{
	static const uint16_t pauses[] = { 0, 0, 5, 20, 50, 100, 250 };
	const unsigned count = sizeof pauses / sizeof pauses[0];

	return asked <= count ? pauses[asked - 1] : 1000;
}

static void ask(struct question *q, uint64_t now_ns)
{
	struct buffer b;

	buffer_init(&b, 64);
	if (message_encode_numbers(&b, MESSAGE_ASK_PROGRAM, 0, 0) == 0)
		(void)!send(q->sock, b.data, b.len, MSG_DONTWAIT | MSG_NOSIGNAL);
	buffer_free(&b);
	q->asked++;
	q->next_ns = now_ns + pause_ms(q->asked) * NS_PER_MS;
}

void question_data(struct question *q, bool is_out, bool known, bool likely, uint64_t now_ns)
{
	if (q->sock < 0 || known || q->done)
		return;
	bool first = is_out && !q->spoken;
	if (first || now_ns >= q->next_ns)
		ask(q, now_ns);
	if (!first)
		return;
	q->spoken = true;
	q->wanted = q->asked;
	if (likely)
		q->hold_ns = now_ns + QUESTION_HOLD_MS * NS_PER_MS;
}

bool question_receive(struct question *q, struct question_answer *out, uint64_t now_ns)
{
	uint8_t data[512];
	struct question_answer a;
	uint32_t number;
	ssize_t n = recv(q->sock, data, sizeof data, MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	if (n <= 0) {
		q->sock = -1;
		q->hold_ns = 0;
		return false;
	}
	if (message_decode_words(data, (size_t)n, MESSAGE_PROGRAM, &number, a.path, sizeof a.path, NULL) != 0 ||
	    number > MESSAGE_PROGRAM_RSYNC)
		return false;
	a.program = (enum message_program)number;
	q->done = a.program != MESSAGE_PROGRAM_OTHER;
	q->answered++;
	if (q->done || now_ns >= q->hold_ns || q->answered >= q->wanted)
		q->hold_ns = 0;
	*out = a;
	return true;
}

bool question_holds(const struct question *q, uint64_t now_ns)
{
	return q->hold_ns != 0 && now_ns < q->hold_ns;
}

void question_tick(struct question *q, uint64_t now_ns)
{
	if (now_ns >= q->hold_ns)
		q->hold_ns = 0;
}

int question_wait_ms(const struct question *q, uint64_t now_ns)
{
	if (q->hold_ns == 0)
		return -1;
	return q->hold_ns <= now_ns ? 0 : (int)((q->hold_ns - now_ns + NS_PER_MS - 1) / NS_PER_MS);
}
