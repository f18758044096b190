/* lately: the events of the last day that an administrator should see, for
 * itm status. */
#ifndef ITM_CLI_LATELY_H
#define ITM_CLI_LATELY_H

#include "view/places.h"

/* Prints the newest few, if the index can be read and has any. */
void lately_show(const struct places *places);

#endif
