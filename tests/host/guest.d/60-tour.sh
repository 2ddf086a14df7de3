#!/bin/bash
# The tour of tests/integration, here with real limits and under systemd.
. "$LIB"
needs_nexus

tour=$SRC/tests/integration/tour.sh
if [ -x "$tour" ]; then
	cd "$SRC" && exec "$tour"
fi
fail "there is a tour"
