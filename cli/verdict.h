/* verdict: shows what a walk found, a line for each host and why, or as JSON. */
#ifndef ITM_CLI_VERDICT_H
#define ITM_CLI_VERDICT_H

#include "cli/walk.h"

void verdict_text(const struct walk *w, enum verdict worst);
void verdict_json(const struct walk *w, enum verdict worst);

#endif
