/* width: how many columns a character takes, and its small letter; the only
 * door to libutf8proc. */
#ifndef ITM_TERMINAL_WIDTH_H
#define ITM_TERMINAL_WIDTH_H

#include <stdbool.h>
#include <stdint.h>

/* 1 or 2 columns; 0 for a mark that joins the character before it; -1 for
 * what shows nothing (controls, format and bidirectional characters, halves of
 * surrogates, non-characters). */
int width_of(uint32_t rune);
/* Simple case folding, as the index's tokenizer does it. */
uint32_t width_fold(uint32_t rune);
/* A letter or a number of any script: what makes up a word. */
bool width_is_word(uint32_t rune);

#endif
