/* Requests for an approval: their one text, what they cover, who asked. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "format/request.h"

/* 2026-11-24 21:22:16 UTC */
enum { UNTIL_S = 1795555336 };
#define NS INT64_C(1000000000)

static const char golden[] =
	"ITM request 1\n"
	"ITM act 1\n"
	"time 2026-11-24T21:22:16.000000000Z\n"
	"uid 0\n"
	"login 1000\n"
	"verb redact\n"
	"subject 5FA5QN31QYF80KMBNH83V1DCZF\n"
	"reason a card number\n"
	"detail section=out\n"
	"detail from=1795480276000000000\n";

static struct act sample(void)
{
	return (struct act){
		.wall_ns = UNTIL_S * NS, .uid = 0, .login = 1000, .verb = "redact", .subject = "5FA5QN31QYF80KMBNH83V1DCZF",
		.reason = "a card number", .detail = "section=out\nfrom=1795480276000000000\n",
	};
}

static void a_request_has_one_text(void **state)
{
	struct act asked = sample(), again;
	struct fault fault;
	struct buffer b;
	char text[sizeof golden];
	buffer_init(&b, REQUEST_MAX);
	assert_int_equal(request_encode(&b, &asked), 0);
	assert_string_equal(buffer_text(&b), golden);
	assert_int_equal(request_decode(golden, sizeof golden - 1, &again, &fault), 0);
	assert_null(request_difference(&asked, &again));
	assert_string_equal(again.reason, asked.reason);
	/* No byte may be missing, and none be another but in the texts. */
	for (size_t i = 0; i < sizeof golden - 1; i++)
		if (request_decode(golden, i, &again, &fault) == 0)
			assert_int_equal(golden[i - 1], '\n');
	for (size_t i = 0; i < 24; i++) {
		memcpy(text, golden, sizeof text);
		text[i] ^= 1;
		assert_int_not_equal(request_decode(text, sizeof golden - 1, &again, &fault), 0);
	}
	memset(asked.detail, 'x', REQUEST_MAX);
	memcpy(asked.detail + REQUEST_MAX, "\n", 2);
	buffer_clear(&b);
	assert_int_equal(request_encode(&b, &asked), ITM_ELIMIT);
	assert_int_equal(b.len, 0);
	buffer_free(&b);
}

static void it_covers_the_act_that_was_asked(void **state)
{
	static const struct { const char *detail, *why; } details[] = {
		{ "section=out\nfrom=1795480276000000000\n", NULL },
		{ "section=out\nfrom=1795480276000000000\napproval-request=eA==\napproval-signature=eA==\n", NULL },
		{ "approval-request=eA==\nsection=out\nfrom=1795480276000000000\n", NULL },
		{ "section=out\n", "part" },
		{ "section=out\nfrom=1795480276000000000\nto=5\n", "part" },
		{ "from=1795480276000000000\nsection=out\n", "part" },
		{ "section=out\nfrom=179548027600000000\n", "part" },
		{ "", "part" },
	};
	static const struct { int64_t before_s; const char *why; } times[] = {
		{ 0, NULL }, { 1, NULL }, { REQUEST_DAY_S, NULL }, { REQUEST_DAY_S + 1, "longer" }, { -1, "over" },
	};
	struct act asked = sample(), act = sample();
	for (size_t i = 0; i < sizeof details / sizeof details[0]; i++) {
		snprintf(act.detail, sizeof act.detail, "%s", details[i].detail);
		const char *why = request_difference(&asked, &act);
		if (details[i].why == NULL ? why != NULL : why == NULL || strstr(why, details[i].why) == NULL)
			fail_msg("%s: %s", details[i].detail, why);
	}
	act = sample();
	for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
		act.wall_ns = (UNTIL_S - times[i].before_s) * NS;
		const char *why = request_difference(&asked, &act);
		if (times[i].why == NULL ? why != NULL : why == NULL || strstr(why, times[i].why) == NULL)
			fail_msg("%lld s before: %s", (long long)times[i].before_s, why);
	}
	act = sample();
	act.login = 1001;
	assert_non_null(request_difference(&asked, &act));
	act = sample();
	act.uid = 1;
	assert_non_null(request_difference(&asked, &act));
}

static void who_asked_is_known_by_his_login(void **state)
{
	static const struct { uint32_t uid, login, by_uid, by_login; bool is; } table[] = {
		{ 0, 1000, 0, 1000, true },
		{ 0, 1000, 0, 1001, false },             /* two who are root by sudo */
		{ 0, 1000, 1000, 1000, true },           /* the same one without it */
		{ 0, ACT_NO_LOGIN, 0, 1001, true },      /* not known: the account decides */
		{ 0, 1000, 0, ACT_NO_LOGIN, true },
		{ 1000, ACT_NO_LOGIN, 1001, ACT_NO_LOGIN, false },
	};
	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
		struct act asked = { .uid = table[i].uid, .login = table[i].login };
		assert_int_equal(request_is_by(&asked, table[i].by_uid, table[i].by_login), table[i].is);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_request_has_one_text),
		cmocka_unit_test(it_covers_the_act_that_was_asked),
		cmocka_unit_test(who_asked_is_known_by_his_login),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
