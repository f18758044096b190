/* level: how much the run before this one saw, kept over restarts. */
#ifndef ITM_AGENT_WATCHD_LEVEL_H
#define ITM_AGENT_WATCHD_LEVEL_H

/* -1: nobody knows. */
int level_read(const char *path);
/* What can't be kept is said in the log. */
void level_keep(const char *path, int level);

#endif
