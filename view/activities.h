/* activities: what the process monitor saw, for those who show it. */
#ifndef ITM_VIEW_ACTIVITIES_H
#define ITM_VIEW_ACTIVITIES_H

#include <stddef.h>

#include "base/buffer.h"
#include "base/json.h"

/* Every field as an object.  ITM_EFORMAT when data is no activity (then
 * nothing was put). */
int activities_json(struct json *j, const void *data, size_t len);
/* "exec 4711 /usr/bin/id: id -u", escaped, appended to out.  0, ITM_EFORMAT,
 * the error of out. */
int activities_line(struct buffer *out, const void *data, size_t len);
/* The arguments (each with a NUL) after the program's own name, escaped, a
 * blank before each. */
int activities_arguments(struct buffer *out, const void *data, size_t len);

#endif
