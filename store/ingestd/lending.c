#include "store/ingestd/lending.h"

bool lending_take(struct lending *l, struct loan *loan, size_t bytes)
{
	if (loan->bytes >= bytes)
		return true;
	/* Who has a loan gives it back first. */
	bool lends = loan->bytes == 0 && bytes <= l->max && l->lent <= l->max - bytes;
	if (loan->waits == lends) {
		loan->waits = !lends;
		l->waiting += lends ? (size_t)-1 : 1;
	}
	if (!lends)
		return false;
	loan->bytes = bytes;
	l->lent += bytes;
	return true;
}

void lending_repay(struct lending *l, struct loan *loan)
{
	l->lent -= loan->bytes;
	l->waiting -= loan->waits ? 1 : 0;
	*loan = (struct loan){ 0 };
}
