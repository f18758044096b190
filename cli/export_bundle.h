/* export_bundle: itm export --format bundle. */
#ifndef ITM_CLI_EXPORT_BUNDLE_H
#define ITM_CLI_EXPORT_BUNDLE_H

#include "view/locate.h"

/* Tell the server of it, then write the bundle of where->session to a new file
 * at path.  reason may be NULL.  A sysexits status; failures are said. */
int export_bundle_run(const struct places *places, const struct located *where, const char *path, const char *reason);

#endif
