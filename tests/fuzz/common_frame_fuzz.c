/* Whatever bytes arrive on an edge: an envelope, then the body as the method's
 * own message. Seeds: one packed envelope per method. */
#include <stddef.h>
#include <stdint.h>

#include "common/method.h"
#include "common/msg.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	ProtobufCMessage *m, *body;
	const struct nx_method *method;
	const Nx__Envelope *e;

	if (size > NX_FRAME_MAX)
		return 0;
	m = nx_message_unpack(&nx__envelope__descriptor, data, size, NULL);
	if (!m)
		return 0;
	e = (const Nx__Envelope *)m;
	method = nx_method_find((uint32_t)e->method);
	if (method) {
		body = nx_message_unpack(
		    method->request, e->body.data, e->body.len, NULL);
		nx_message_free(body);
		body = nx_message_unpack(
		    method->reply, e->body.data, e->body.len, NULL);
		nx_message_free(body);
	}
	nx_message_free(m);
	return 0;
}
