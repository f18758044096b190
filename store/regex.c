#define PCRE2_CODE_UNIT_WIDTH 8
#include "store/regex.h"

#include <pcre2.h>
#include <stdlib.h>

struct regex {
	pcre2_code *code;
	pcre2_match_data *match;
	pcre2_match_context *limits;
};

/* pcre2api(3), "ERROR NUMBERS FROM pcre2_compile". */
static const char *reason_of(int code)
{
	switch (code) {
	case PCRE2_ERROR_END_BACKSLASH: return "a \\ at the end of the expression";
	case PCRE2_ERROR_MISSING_SQUARE_BRACKET: return "a [ without its ]";
	case PCRE2_ERROR_CLASS_RANGE_ORDER: return "a range whose end is before its start";
	case PCRE2_ERROR_QUANTIFIER_INVALID: return "nothing stands here that could be repeated";
	case PCRE2_ERROR_QUANTIFIER_OUT_OF_ORDER: return "a repetition whose least is over its most";
	case PCRE2_ERROR_QUANTIFIER_TOO_BIG: return "a repetition of too many";
	case PCRE2_ERROR_MISSING_CLOSING_PARENTHESIS: return "a ( without its )";
	case PCRE2_ERROR_UNMATCHED_CLOSING_PARENTHESIS: return "a ) without its (";
	case PCRE2_ERROR_BAD_SUBPATTERN_REFERENCE: return "there is no such group";
	case PCRE2_ERROR_PATTERN_TOO_LARGE: return "the expression is too large";
	default: return "not a regular expression (Perl's syntax)";
	}
}

struct regex *regex_new(const char *pattern, size_t len, bool any_case, struct fault *fault)
{
	struct regex *r = calloc(1, sizeof *r);
	int code;
	size_t offset;
	if (r == NULL)
		goto no_memory;
	r->code = pcre2_compile((PCRE2_SPTR)pattern, len,
				PCRE2_UTF | PCRE2_MATCH_INVALID_UTF | PCRE2_NEVER_BACKSLASH_C | (any_case ? PCRE2_CASELESS : 0),
				&code, &offset, NULL);
	if (r->code == NULL) {
		error_fault(fault, ITM_EFORMAT, offset < len ? offset : len, reason_of(code));
		goto fail;
	}
	r->match = pcre2_match_data_create_from_pattern(r->code, NULL);
	r->limits = pcre2_match_context_create(NULL);
	if (r->match == NULL || r->limits == NULL)
		goto no_memory;
	pcre2_set_match_limit(r->limits, REGEX_STEPS);
	pcre2_set_depth_limit(r->limits, REGEX_DEPTH);
	pcre2_set_heap_limit(r->limits, REGEX_HEAP_KIB);
	return r;
no_memory:
	error_fault(fault, ITM_ENOMEM, 0, "out of memory");
fail:
	regex_free(r);
	return NULL;
}

void regex_free(struct regex *r)
{
	if (r == NULL)
		return;
	pcre2_match_context_free(r->limits);
	pcre2_match_data_free(r->match);
	pcre2_code_free(r->code);
	free(r);
}

int regex_find(struct regex *r, const char *text, size_t len, size_t from, size_t *start, size_t *match_len)
{
	int result = pcre2_match(r->code, (PCRE2_SPTR)text, len, from, 0, r->match, r->limits);
	if (result == PCRE2_ERROR_NOMATCH)
		return 0;
	if (result < 0)
		return ITM_ETIMEOUT;
	const size_t *at = pcre2_get_ovector_pointer(r->match);
	/* \K in a lookahead can set the start behind the end (pcre2api(3)). */
	*start = at[0] < len ? at[0] : len;
	*match_len = at[1] > *start && at[1] <= len ? at[1] - *start : 0;
	return 1;
}
