# How the tests are run; included by the Makefile. Every part prints TAP, and
# tests/run counts it: the last line is "N passed, N failed, N skipped".

.PHONY: check check-unit check-integration check-host soak proof bench bench-storage fuzz check-deps
check-deps:
	@packaging/deps.sh build run check

check: check-deps
	@packaging/deps.sh host
	@tests/run format unit asan fuzz host integration

check-unit: check-deps
	@tests/run unit asan fuzz

check-integration: check-deps
	@tests/run integration

check-host: check-deps
	@packaging/deps.sh host
	@tests/run host

# Random operations and kills against a model, for as long as it takes.
soak: check-deps
	@tests/run soak

# Power cuts, at as many points as it takes to believe it (`make check` has eight),
# and every call that storaged makes failing once (a sample).
proof: check-deps
	@tests/run proof

bench:
	@packaging/deps.sh build run bench
	@$(MAKE) --no-print-directory -s all bench-programs
	@tests/bench/run

# How fast storage is, beside the bare loops; MILLION=1: with a large catalogue
# beside an empty one, too.
bench-storage:
	@packaging/deps.sh build run bench
	@$(MAKE) --no-print-directory -s all bench-programs
	@tests/bench/run small files $(if $(MILLION),million)

fuzz: check-deps
	@FUZZ_SECONDS=$(FUZZ_SECONDS) tests/run fuzz

# Programs the integration tests start: tests/integration/NAME.c, and a folder of
# more where one file would be too long.
INTEGRATION := $(patsubst tests/integration/%.c,%,$(wildcard tests/integration/*.c))
INTEGRATION_O_hostile_gateway := \
    $(patsubst %.c,$(BUILD)/%.o,$(wildcard tests/integration/hostile/*.c))
INTEGRATION_LIBS_logdisk := -lfuse3
INTEGRATION_LIBS_faultdisk := -lfuse3
define integration_program
$(BUILD)/tests/integration/$(1): $(BUILD)/tests/integration/$(1).o $(INTEGRATION_O_$(1)) $(BUILD)/libnx.a
	$$(CC) $$(LDFLAGS) -o $$@ $$^ $$(LIBS_COMMON) $$(INTEGRATION_LIBS_$(1))
endef
$(foreach t,$(INTEGRATION),$(eval $(call integration_program,$(t))))
# Takes the place of storaged's syncs: see tests/integration/power.py.
$(BUILD)/tests/integration/swallow.so: tests/integration/power/swallow.c
	@mkdir -p $(@D)
	$(CC) -shared -fPIC -O2 -Wall -Wextra -Werror -D_GNU_SOURCE -o $@ $<
.PHONY: integration-programs
integration-programs: $(INTEGRATION:%=$(BUILD)/tests/integration/%) \
    $(BUILD)/tests/integration/swallow.so

# Goes before User-Mode Linux's C library: see the file.
$(BUILD)/tests/host/xstate.so: tests/host/xstate.c
	@mkdir -p $(@D)
	$(CC) -shared -fPIC -O2 -Wall -Wextra -Werror -D_GNU_SOURCE -o $@ $<
.PHONY: host-programs
host-programs: $(BUILD)/tests/host/xstate.so

# Programs of `make bench`: tests/bench/NAME.c; engine is made of nodemgr's own,
# creates, coded and million of storaged's.
BENCH	:= $(patsubst tests/bench/%.c,%,$(wildcard tests/bench/*.c))
BENCH_O_engine := $(filter-out %/main.o,$(NODEMGR_O))
BENCH_O_creates := $(filter-out %/main.o,$(STORAGED_O))
BENCH_O_coded := $(BENCH_O_creates)
BENCH_O_million := $(BENCH_O_creates)
LIBS_bench := $(LIBS_storaged) -lcmocka $(LIBS_nodemgr)
define bench_program
$(BUILD)/tests/bench/$(1): $(BUILD)/tests/bench/$(1).o $(BENCH_O_$(1)) $(BUILD)/libnx.a
	$$(CC) $$(LDFLAGS) -o $$@ $$^ $$(LIBS_bench) $$(LIBS_COMMON)
endef
$(foreach t,$(BENCH),$(eval $(call bench_program,$(t))))
.PHONY: bench-programs
bench-programs: $(BENCH:%=$(BUILD)/tests/bench/%)
