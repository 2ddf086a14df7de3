/* The one table of error classes; everybody who acts on a volume's error asks
 * here. */
#include <errno.h>
#include <stddef.h>

#include "common/err.h"
#include "storaged/volumes/fault.h"

static const struct {
	int error;
	enum volume_fault fault;
} classes[] = {
    {0, FAULT_NONE},
    {EMFILE, FAULT_OURS},
    {ENFILE, FAULT_OURS},
    {ENOMEM, FAULT_OURS},
    {EAGAIN, FAULT_OURS},
    {EINTR, FAULT_OURS},
    {ECANCELED, FAULT_OURS},
    {ENOSPC, FAULT_FULL},
    {EDQUOT, FAULT_FULL},
    {EBADMSG, FAULT_CHUNK},
    {ENOENT, FAULT_CHUNK},
};

enum volume_fault
volume_fault_of(int error)
{
	for (size_t i = 0; i < NX_ARRAY_SIZE(classes); i++)
		if (classes[i].error == -error)
			return classes[i].fault;
	return FAULT_VOLUME;
}
