#!/bin/bash
# The privilege of every daemon as the kernel tells it, under systemd's units:
# the same table as for `make up`.
. "$LIB"
needs_nexus
export NEXUS_UNITS=yes
exec "$SRC/tests/integration/privsep.py"
