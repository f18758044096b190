/* Makes what the sealer needs to start: identity key and host id in a folder. */
#include <stdio.h>

#include "base/atomicfile.h"
#include "base/id.h"
#include "format/sign.h"

int main(int argc, char **argv)
{
	char path[4096], text[ID_TEXT_SIZE + 1];
	struct sign_key key;
	struct id host = id_random();

	if (argc != 2 || sign_init() != 0)
		return 64;
	sign_keypair(&key);
	(void)snprintf(path, sizeof path, "%s/identity.secret", argv[1]);
	if (sign_save_secret(path, &key) != 0)
		return 1;
	(void)snprintf(path, sizeof path, "%s/identity.public", argv[1]);
	if (sign_save_public(path, key.public_key) != 0)
		return 1;
	id_format(&host, text);
	text[ID_TEXT_SIZE - 1] = '\n';
	(void)snprintf(path, sizeof path, "%s/host-id", argv[1]);
	return atomicfile_write(path, text, ID_TEXT_SIZE, 0644) != 0;
}
