#include "local/space.h"

enum space_act space_act(enum space_level level, enum space_policy policy, enum users_failure failure)
{
	if (level < SPACE_FULL || policy == SPACE_OPEN)
		return SPACE_STORE;
	/* Who always gets in must also be able to work: he may be the one who
	 * makes room. */
	if (policy == SPACE_BLOCK && failure != USERS_BREAK_GLASS)
		return SPACE_HOLD;
	return SPACE_THIN;
}

bool space_refuses(enum space_level level, enum space_policy policy, enum users_failure failure)
{
	if (level < SPACE_FULL || failure == USERS_BREAK_GLASS)
		return false;
	/* Strict means: never unrecorded, whatever the policy. */
	return policy == SPACE_BLOCK || (level == SPACE_NONE && failure == USERS_STRICT);
}

const char *space_level_name(enum space_level level)
{
	static const char *const names[SPACE_LEVELS] = { "room", "low", "full", "none" };
	return level < SPACE_LEVELS ? names[level] : "?";
}

const char *space_policy_name(enum space_policy policy)
{
	static const char *const names[SPACE_POLICIES] = { "degrade", "block", "open" };
	return policy < SPACE_POLICIES ? names[policy] : "?";
}
