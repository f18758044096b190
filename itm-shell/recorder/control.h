/* control: the recorder's end of the socket it shares with the stub. */
#ifndef ITM_SHELL_RECORDER_CONTROL_H
#define ITM_SHELL_RECORDER_CONTROL_H

#include <stdint.h>

#include "local/message.h"

struct control_message { enum message_type type; uint64_t number; };

/* One message, without waiting.  1, 0 = none now (or one we don't know), or
 * ITM_ECLOSED: the stub is gone. */
int control_receive(int sock, struct control_message *out);

/* Without waiting: a stub that does not read is its user's own trouble. */
void control_send(int sock, enum message_type type);
void control_send_ended(int sock, const char *text);

#endif
