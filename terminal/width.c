#include "terminal/width.h"

#include <utf8proc.h>

/* utf8proc is itself a two-stage table; a cache before it measured no faster. */
int width_of(uint32_t rune)
{
	if (rune - 0x20 < 0x5f)
		return 1;
	if (rune < 0xa0 || rune > 0x10ffff || (rune & 0xfffe) == 0xfffe)
		return -1;
	if (rune >= 0x2500 && rune < 0x25a0)    /* line drawing and blocks */
		return 1;
	switch (utf8proc_category((utf8proc_int32_t)rune)) {
	case UTF8PROC_CATEGORY_MN:
	case UTF8PROC_CATEGORY_ME:
		return 0;
	case UTF8PROC_CATEGORY_CF:
		return rune == 0xad ? 1 : -1;   /* soft hyphen is shown by terminals */
	case UTF8PROC_CATEGORY_CC:
	case UTF8PROC_CATEGORY_CS:
	case UTF8PROC_CATEGORY_ZL:
	case UTF8PROC_CATEGORY_ZP:
		return -1;
	default:
		break;
	}
	/* Vowels and final consonants of Hangul join the syllable. */
	if (rune >= 0x1160 && rune <= 0x11ff)
		return 0;
	/* utf8proc says 0 for what is not assigned; terminals show a box. */
	return utf8proc_charwidth((utf8proc_int32_t)rune) == 2 ? 2 : 1;
}

uint32_t width_fold(uint32_t rune)
{
	if (rune < 0x80)
		return rune - 'A' < 26 ? rune + 32 : rune;
	return rune > 0x10ffff ? rune : (uint32_t)utf8proc_tolower((utf8proc_int32_t)rune);
}

bool width_is_word(uint32_t rune)
{
	if (rune < 0x80)
		return (rune | 32) - 'a' < 26 || rune - '0' < 10;
	switch (utf8proc_category((utf8proc_int32_t)rune)) {
	case UTF8PROC_CATEGORY_LU:
	case UTF8PROC_CATEGORY_LL:
	case UTF8PROC_CATEGORY_LT:
	case UTF8PROC_CATEGORY_LM:
	case UTF8PROC_CATEGORY_LO:
	case UTF8PROC_CATEGORY_ND:
	case UTF8PROC_CATEGORY_NL:
	case UTF8PROC_CATEGORY_NO:
	case UTF8PROC_CATEGORY_CO:
		return true;
	default:
		return false;
	}
}
