/*
 * Frames: one Envelope with its descriptors is one SEQPACKET datagram. This is
 * the only place that sends and receives on an edge; what a receiver of
 * descriptors has to check is checked below it (common/rights.h).
 */
#ifndef NX_MSG_H
#define NX_MSG_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <protobuf-c/protobuf-c.h>

#include "proto/envelope.pb-c.h"

#define NX_PROTO_VERSION 1U
#define NX_FRAME_MAX     65536U /* bytes */
#define NX_FRAME_FDS     16U    /* descriptors */
#define NX_BODY_MAX      65000U

/* A received frame. Owns @envelope and the descriptors in @fds. */
struct nx_frame {
	Nx__Envelope *envelope;
	int fds[NX_FRAME_FDS];
	size_t n_fds;
};

/* Frees what is in @frame and closes the descriptors nobody took. */
void nx_frame_fini(struct nx_frame *frame);

/*
 * Receives one frame from the non-blocking @sock.
 *	1	a frame in *ret_frame
 *	0	nothing there (EAGAIN)
 *	-EPIPE	the peer is gone
 *	-EPROTO	a malformed frame: truncated, control data truncated, more or
 *		fewer descriptors than declared, not an Envelope, wrong version,
 *		a field beyond its written limit. Everything it carried has been
 *		closed. Disconnect such a peer.
 *	-errno	anything else from recvmsg
 */
int nx_frame_recv(int sock, struct nx_frame *ret_frame);

/*
 * Packs @envelope into @buf (NX_FRAME_MAX bytes), setting its n_fds and version.
 * Returns the length, or -EMSGSIZE.
 */
ssize_t nx_frame_pack(Nx__Envelope *envelope, size_t n_fds, uint8_t *buf);

/*
 * Sends one packed frame, all or nothing. Borrows @fds. 0, -EAGAIN, -EPIPE, or
 * another negative errno.
 */
int nx_frame_send(
    int sock, const uint8_t *data, size_t len, const int *fds, size_t n_fds);

/*
 * Unpacks @len bytes into a message of @descriptor with a bounded allocator
 * (256 KiB) and checks it against its written limits. NULL when it does not
 * hold; *ret_field then names the field if one is to blame. Free with
 * nx_message_free().
 */
ProtobufCMessage *
nx_message_unpack(const ProtobufCMessageDescriptor *descriptor,
    const uint8_t *data, size_t len, const char **ret_field);
void nx_message_free(ProtobufCMessage *message);

#endif
