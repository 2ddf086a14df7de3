# How the tests are run; included by the Makefile. Every part prints TAP, and
# tests/run counts it: the last line is "N passed, N failed, N skipped".

.PHONY: check check-unit check-integration check-host bench fuzz check-deps
check-deps:
	@packaging/deps.sh build run check

check: check-deps
	@packaging/deps.sh host
	@tests/run format unit asan fuzz integration host

check-unit: check-deps
	@tests/run unit asan fuzz

check-integration: check-deps
	@tests/run integration

check-host: check-deps
	@packaging/deps.sh host
	@tests/run host

bench:
	@packaging/deps.sh build run bench
	@$(MAKE) --no-print-directory -s all
	@tests/bench/run

fuzz: check-deps
	@FUZZ_SECONDS=$(FUZZ_SECONDS) tests/run fuzz

# Programs the integration tests start: tests/integration/NAME.c.
INTEGRATION := $(patsubst tests/integration/%.c,%,$(wildcard tests/integration/*.c))
define integration_program
$(BUILD)/tests/integration/$(1): $(BUILD)/tests/integration/$(1).o $(BUILD)/libnx.a
	$$(CC) $$(LDFLAGS) -o $$@ $$^ $$(LIBS_COMMON)
endef
$(foreach t,$(INTEGRATION),$(eval $(call integration_program,$(t))))
.PHONY: integration-programs
integration-programs: $(INTEGRATION:%=$(BUILD)/tests/integration/%)
