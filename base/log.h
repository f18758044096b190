/* log: one line per happening, to stderr or syslog, never terminal content.
 *
 * Levels: error = an operator must act; info = state changed; debug = trace.
 * Control bytes in the finished line become '?', so hostile names can't forge
 * lines or reach a terminal. */
#ifndef ITM_BASE_LOG_H
#define ITM_BASE_LOG_H

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/* program: static text, shown before each line.  to_syslog: also (facility
 * authpriv) syslog(3).  The level is info until log_set_level; the
 * environment is not looked at, since login programs call this. */
void log_open(const char *program, int to_syslog);
void log_set_level(enum log_level level);

/* At most 1024 bytes a line; longer ones are cut and end in "...". */
void log_error(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_info(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_debug(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
