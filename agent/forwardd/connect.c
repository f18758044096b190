#include "agent/forwardd/connect.h"

#include <errno.h>
#include <netdb.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int connect_split(const char *server, char host[CONNECT_NAME_SIZE], char port[16])
{
	const char *colon = strrchr(server, ':');
	if (colon == NULL)
		return ITM_EINVAL;
	size_t host_len = (size_t)(colon - server), port_len = strlen(colon + 1);
	if (host_len > 2 && server[0] == '[' && server[host_len - 1] == ']') {
		server++;
		host_len -= 2;
	}
	if (host_len == 0 || host_len >= CONNECT_NAME_SIZE || port_len == 0 || port_len >= 16)
		return ITM_EINVAL;
	memcpy(host, server, host_len);
	host[host_len] = '\0';
	memcpy(port, colon + 1, port_len + 1);
	return 0;
}

int connect_begin(const char *host, const char *port, unsigned attempt)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
	struct addrinfo *found;
	/* Waits for the resolver, at most its own time limit; nobody waits for us. */
	if (getaddrinfo(host, port, &hints, &found) != 0)
		return ITM_ENET;
	unsigned count = 0;
	for (const struct addrinfo *a = found; a != NULL; a = a->ai_next)
		count++;
	const struct addrinfo *chosen = found;
	for (unsigned i = attempt % count; i > 0; i--)
		chosen = chosen->ai_next;
	int fd = socket(chosen->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd >= 0 && connect(fd, chosen->ai_addr, chosen->ai_addrlen) != 0 && errno != EINPROGRESS) {
		int saved = errno;
		close(fd);
		errno = saved;
		fd = -1;
	}
	freeaddrinfo(found);
	return fd < 0 ? ITM_ESYS : fd;
}

int connect_result(int fd)
{
	int error = 0;
	socklen_t size = sizeof error;
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0)
		return ITM_ESYS;
	errno = error;
	return error == 0 ? 0 : ITM_ESYS;
}
