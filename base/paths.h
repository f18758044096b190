/* paths: where things are by default; each can be moved by configuration. */
#ifndef ITM_BASE_PATHS_H
#define ITM_BASE_PATHS_H

#define PATHS_RUN "/run/itm"
#define PATHS_PAM_SOCKET PATHS_RUN "/pam.sock"      /* 0600: only root announces a login */
#define PATHS_SHELL_SOCKET PATHS_RUN "/shell.sock"  /* 0666: stubs */
#define PATHS_CONTROL_SOCKET PATHS_RUN "/agentd.sock" /* 0666, root and the children: children that outlived agentd come back */
#define PATHS_AGENT_CONF "/etc/itm/agent.conf"
#define PATHS_SERVER_CONF "/etc/itm/server.conf"
#define PATHS_KEYLIST "/etc/itm/keylist"
#define PATHS_OFFICER "/etc/itm/officer.pub"
#define PATHS_STATE "/var/lib/itm"
#define PATHS_SPOOL PATHS_STATE "/spool"
#define PATHS_STORE PATHS_STATE "/store"
#define PATHS_INDEX PATHS_STATE "/index"
#define PATHS_MISSED PATHS_STATE "/missed"          /* 0700: notes of logins nobody could be told of */
#define PATHS_WITNESS PATHS_STATE "/witness"
#define PATHS_NSS_USERS PATHS_STATE "/nss/users"
/* ITM_LIBEXECDIR (itm-shell, daemons) comes from configure. */

#endif
