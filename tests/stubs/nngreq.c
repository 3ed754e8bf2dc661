/*
 * nngreq: asks the daemon for a ping and its status as any nng REQ client
 * would. Exit status 0: it was answered.
 *
 * Must never: know anything of plugind but docs/CONTROL.md.
 */
#include <nng/nng.h>
#include <nng/protocol/reqrep0/req.h>

#include <stdio.h>
#include <string.h>

enum { TIMEOUT_MS = 10000 };

/* [1, type, 7, []], and the same head in the reply with code 0. */
static int
ask(nng_socket s, int low)
{
	unsigned char request[] = {0x94, 1, 0xcd, 1, 0, 7, 0x90};
	unsigned char *reply = NULL;
	size_t len = 0;
	int r;

	request[4] = (unsigned char)low;
	r = nng_send(s, request, sizeof(request), 0);
	if (r == 0)
		r = nng_recv(s, &reply, &len, NNG_FLAG_ALLOC);
	if (r != 0) {
		fprintf(stderr, "nngreq: %s\n", nng_strerror(r));
		return 1;
	}
	r = len < 8 || memcmp(reply, request, 6) != 0 || reply[6] != 0x92 ||
	    reply[7] != 0;
	nng_free(reply, len);
	return r;
}

int
main(int argc, char **argv)
{
	nng_socket s;

	if (argc != 2 || nng_req0_open(&s) != 0)
		return 2;
	nng_socket_set_ms(s, NNG_OPT_RECVTIMEO, TIMEOUT_MS);
	nng_socket_set_ms(s, NNG_OPT_SENDTIMEO, TIMEOUT_MS);
	if (nng_dial(s, argv[1], NULL, 0) != 0)
		return 3;
	if (ask(s, 0x91) != 0 || ask(s, 0x93) != 0)
		return 1;
	nng_close(s);
	return 0;
}
