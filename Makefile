# One Makefile, not recursive. Everything it makes is below build/.
#
#	make            programs, in build/bin
#	make up         a whole Nexus from this directory, in the foreground
#	make check      every test; parts: check-unit check-integration check-host
#	make soak       random operations and kills against a model, long
#	make proof      power cuts at 200 points, every call failing once, long
#	make bench      numbers, each beside its peer in the same run
#	make bench-storage  those of storage alone, with what they are to be
#	make fuzz       the fuzzers, FUZZ_SECONDS each (default 60)
#	make deps       installs missing Debian packages by name
#	make install    into DESTDIR, as packages do
#	make format     clang-format over the tree
#	make clean      removes what was made; the state of a Nexus stays
#	make distclean  removes all of build/, that state too

BUILD	?= build
# By one name, however it was given: the .d files name what they are of by it.
override BUILD := $(patsubst $(CURDIR)/%,%,$(abspath $(BUILD)))
CC	?= gcc
PORT	?= 8080
CLANG	?= clang
FUZZ_SECONDS ?= 60
prefix	?= /usr

DAEMONS	:= nexusd nodemgr storaged netd authd maild gatewayd
TOOLS	:= nexusctl nexus-up
PROGRAMS := $(DAEMONS) $(TOOLS) nexus-init
VERSION := 0.1

PKGS	:= libevent libprotobuf-c libnl-3.0 libnl-route-3.0 sqlite3 libjwt \
	   libsodium libseccomp libcap-ng libcjson libnftables libcrypto \
	   libisal libzstd libfido2 libcurl
PKG_CFLAGS := $(shell pkg-config --cflags $(PKGS) 2>/dev/null)

WARN	:= -Wall -Wextra -Werror -Wshadow -Wconversion -Wsign-conversion \
	   -Wformat=2 -Wstrict-prototypes -Wmissing-prototypes -Wcast-qual \
	   -Wswitch-enum -Wvla -Wundef -Wimplicit-fallthrough
# clang looks into protobuf-c's initialisers, which cast const away.
ifneq ($(findstring clang,$(CC)),)
WARN	+= -Wno-cast-qual
endif
HARDEN	:= -fstack-protector-strong -fPIE
ifeq ($(SANITIZE),)
OPT	:= -O2 -g -D_FORTIFY_SOURCE=3
else
OPT	:= -O1 -g -fsanitize=address,undefined -fno-omit-frame-pointer \
	   -fno-sanitize-recover=undefined
endif
CFLAGS	+= -std=gnu17 $(OPT) $(HARDEN) -D_GNU_SOURCE -DNX_VERSION='"$(VERSION)"'
CPPFLAGS += -I. -isystem $(BUILD) -isystem /usr/share/include/llhttp $(PKG_CFLAGS) -MD -MP
LDFLAGS	+= -pie -Wl,-z,relro,-z,now $(if $(SANITIZE),-fsanitize=address$(comma)undefined)
comma	:= ,

# --- sources: a directory per program, a folder in it per room; every .c is part -
PROTO	:= $(wildcard proto/*.proto)
PB_C	:= $(PROTO:proto/%.proto=$(BUILD)/proto/%.pb-c.c)
PB_H	:= $(PB_C:.c=.h)
# The methods: their numbers, their table, typed calls for each family of edges
# and typed handlers for each program that serves some.
RPC	:= $(filter-out envelope,$(PROTO:proto/%.proto=%))
SERVERS	:= nexusd nodemgr storaged netd authd maild
PROTO_H	:= $(PB_H) $(BUILD)/proto/methods.h $(RPC:%=$(BUILD)/proto/%.rpc.h) \
	   $(SERVERS:%=$(BUILD)/proto/serve_%.h)
# The request parser is llhttp, built from Debian's node-llhttp sources.
LLHTTP	:= $(BUILD)/llhttp/llhttp.o $(BUILD)/llhttp/api.o $(BUILD)/llhttp/http.o

objs	= $(patsubst %.c,$(BUILD)/%.o,$(filter-out $(2),$(wildcard $(1)/*.c $(1)/*/*.c)))
COMMON	:= $(call objs,common) $(call objs,proto) $(PB_C:.c=.o) \
	   $(BUILD)/proto/limits.o $(BUILD)/proto/methods.o
NEXUSD_O := $(call objs,nexusd) $(BUILD)/proto/serve_nexusd.o
NODEMGR_O := $(call objs,nodemgr,nodemgr/init/%) $(BUILD)/proto/serve_nodemgr.o
STORAGED_O := $(call objs,storaged) $(BUILD)/proto/serve_storaged.o
NETD_O	:= $(call objs,netd) $(BUILD)/proto/serve_netd.o
# One rule for addresses, asked by both
AUTHD_O	:= $(call objs,authd,authd/maild/%) $(BUILD)/proto/serve_authd.o \
	   $(BUILD)/authd/maild/address.o
MAILD_O	:= $(call objs,authd/maild) $(BUILD)/proto/serve_maild.o
GATEWAYD_O := $(call objs,gatewayd) $(LLHTTP)
NEXUSCTL_O := $(call objs,nexusctl)
# The launcher starts each daemon with what its own table says it needs.
UP_O	:= $(call objs,packaging/launcher) $(BUILD)/authd/maild/conf.o \
	   $(patsubst %,$(BUILD)/netd/%.o,address bridge conf lock nfnl rtnl teardown) \
	   $(patsubst %,$(BUILD)/%/sandbox.o,nexusd nodemgr storaged netd authd authd/maild gatewayd)

LIBS_COMMON := -levent_core -lprotobuf-c -lsqlite3 -lsodium -lseccomp -lcap-ng -linih -pthread
LIBS_nexusd :=
LIBS_nodemgr :=
LIBS_storaged := -lcrypto -lisal -lzstd
LIBS_netd := -lnl-route-3 -lnl-3 -lnftables
LIBS_authd := -ljwt -lcrypto -lcjson -lfido2 -lzstd
# libcurl: of all programs maild alone has it (tests/format).
LIBS_maild := -lcurl
LIBS_gatewayd := -lcjson
LIBS_nexusctl := -lcjson
LIBS_nexus-up := -lnl-3
LIBS_launcher := $(LIBS_nexus-up)

.PHONY: all
all: $(PROGRAMS:%=$(BUILD)/bin/%)

define program
$(BUILD)/bin/$(1): $(2) $(BUILD)/libnx.a | $(BUILD)/bin/
	$$(CC) $$(LDFLAGS) -o $$@ $(2) $(BUILD)/libnx.a $$(LIBS_$(1)) $$(LIBS_COMMON)
endef
$(eval $(call program,nexusd,$(NEXUSD_O)))
$(eval $(call program,nodemgr,$(NODEMGR_O)))
$(eval $(call program,storaged,$(STORAGED_O)))
$(eval $(call program,netd,$(NETD_O)))
$(eval $(call program,authd,$(AUTHD_O)))
$(eval $(call program,maild,$(MAILD_O)))
$(eval $(call program,gatewayd,$(GATEWAYD_O)))
$(eval $(call program,nexusctl,$(NEXUSCTL_O)))
$(eval $(call program,nexus-up,$(UP_O)))

# PID 1 of a node runs inside foreign root filesystems: static, no library.
$(BUILD)/bin/nexus-init: nodemgr/init/init.c nodemgr/box/gate.h | $(BUILD)/bin/
	$(CC) -std=gnu17 -O2 -g -D_GNU_SOURCE $(WARN) -I. -static -o $@ $<

$(BUILD)/libnx.a: $(COMMON)
	rm -f $@ && ar rcs $@ $^

# --- rules -------------------------------------------------------------------
$(BUILD)/%.o: %.c Makefile | $(PROTO_H)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(WARN) $(CPPFLAGS) -c -o $@ $<

# Generated and foreign code: our warnings are not theirs.
$(BUILD)/proto/%.o: $(BUILD)/proto/%.c $(PROTO_H)
	$(CC) $(CFLAGS) -w $(CPPFLAGS) -c -o $@ $<
$(BUILD)/llhttp/%.o: /usr/share/llhttp/%.c
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -w -DLLHTTP_STRICT_MODE=1 $(CPPFLAGS) -c -o $@ $<

$(BUILD)/proto/%.pb-c.c $(BUILD)/proto/%.pb-c.h: proto/%.proto | $(BUILD)/proto/
	protoc-c --proto_path=proto --c_out=$(BUILD)/proto $<
$(BUILD)/proto/limits.c: $(PROTO) proto/limits.awk | $(BUILD)/proto/
	awk -f proto/limits.awk $(PROTO) > $@.tmp && mv $@.tmp $@
METHODS_AWK := awk -f proto/methods.awk
$(BUILD)/proto/methods.h: $(PROTO) proto/methods.awk | $(BUILD)/proto/
	$(METHODS_AWK) -v make=numbers $(PROTO) > $@.tmp && mv $@.tmp $@
$(BUILD)/proto/methods.c: $(PROTO) proto/methods.awk | $(BUILD)/proto/
	$(METHODS_AWK) -v make=table $(PROTO) > $@.tmp && mv $@.tmp $@
$(RPC:%=$(BUILD)/proto/%.rpc.h): $(BUILD)/proto/%.rpc.h: proto/%.proto proto/methods.awk | $(BUILD)/proto/
	$(METHODS_AWK) -v make=calls $< > $@.tmp && mv $@.tmp $@
$(SERVERS:%=$(BUILD)/proto/serve_%.h): $(BUILD)/proto/serve_%.h: $(PROTO) proto/methods.awk | $(BUILD)/proto/
	$(METHODS_AWK) -v make=serve.h -v program=$* $(PROTO) > $@.tmp && mv $@.tmp $@
$(SERVERS:%=$(BUILD)/proto/serve_%.c): $(BUILD)/proto/serve_%.c: $(PROTO) proto/methods.awk | $(BUILD)/proto/
	$(METHODS_AWK) -v make=serve.c -v program=$* $(PROTO) > $@.tmp && mv $@.tmp $@

$(BUILD)/%/:
	@mkdir -p $@

# --- tests: tests/unit/<directory>_<module>_test.c links that directory ------
UNIT	:= $(patsubst tests/unit/%.c,%,$(wildcard tests/unit/*_test.c))
FUZZERS	:= $(patsubst tests/fuzz/%.c,%,$(wildcard tests/fuzz/*_fuzz.c))
area	= $(firstword $(subst _, ,$(1)))
area_objs = $(filter-out %/main.o,$(NX_O_$(1)))
NX_O_common :=
NX_O_nexusd := $(NEXUSD_O)
NX_O_nodemgr := $(NODEMGR_O)
NX_O_storaged := $(STORAGED_O)
NX_O_netd := $(NETD_O)
NX_O_authd := $(AUTHD_O)
NX_O_maild := $(MAILD_O)
NX_O_gatewayd := $(GATEWAYD_O)
NX_O_nexusctl := $(NEXUSCTL_O)
NX_O_launcher := $(UP_O)
# privsep tests look at every daemon's tables at once
NX_O_privsep := $(foreach d,nexusd nodemgr storaged netd authd authd/maild gatewayd,$(BUILD)/$(d)/sandbox.o)

define unit_test
$(BUILD)/tests/unit/$(1): $(BUILD)/tests/unit/$(1).o $(call area_objs,$(call area,$(1))) $(BUILD)/libnx.a
	$$(CC) $$(LDFLAGS) -o $$@ $$^ $$(LIBS_$(call area,$(1))) $$(LIBS_COMMON) -lcmocka
endef
$(foreach t,$(UNIT),$(eval $(call unit_test,$(t))))
UNIT_BIN := $(UNIT:%=$(BUILD)/tests/unit/%)
# Sanitized, a test takes three times as long to compile as it takes to run what
# the optimizer would have made shorter; what it tests is optimized as ever.
ifneq ($(SANITIZE),)
$(BUILD)/tests/unit/%.o: CFLAGS += -O0
endif

.PHONY: unit-programs
unit-programs: $(UNIT_BIN) $(BUILD)/bin/nexus-init

# Fuzzers are clang's, in a build of their own.
define fuzz_test
$(BUILD)/tests/fuzz/$(1): $(BUILD)/tests/fuzz/$(1).o $(call area_objs,$(call area,$(1))) $(BUILD)/libnx.a
	$$(CC) $$(LDFLAGS) -fsanitize=fuzzer -o $$@ $$^ $$(LIBS_$(call area,$(1))) $$(LIBS_COMMON)
endef
$(foreach t,$(FUZZERS),$(eval $(call fuzz_test,$(t))))
.PHONY: fuzz-programs
fuzz-programs: $(FUZZERS:%=$(BUILD)/tests/fuzz/%)

include tests/tests.mk

.PHONY: deps up install format check-format clean distclean
deps:
	@packaging/deps.sh build run
up:
	@packaging/deps.sh build run
	@$(MAKE) --no-print-directory -s -q all 2>/dev/null || \
	    echo "make up: compiling, on all processors; it takes a minute or two ..."
	@$(MAKE) --no-print-directory -s $(if $(findstring j,$(MAKEFLAGS)),,-j$(shell nproc)) all
	@packaging/up.sh $(PORT)
install: all
	packaging/install.sh "$(DESTDIR)" $(BUILD)/bin

C_FILES	= $(shell git ls-files '*.c' '*.h')
format:
	clang-format -i $(C_FILES)
check-format:
	clang-format --dry-run -Werror $(C_FILES)

# By name: what else lies below build/ is somebody's state, perhaps with volumes
# mounted in it.
MADE	:= bin libnx.a asan fuzz llhttp tests proto common authd gatewayd netd nexusctl \
	   nexusd nodemgr storaged packaging
clean:
	@rm -rf --one-file-system $(MADE:%=$(BUILD)/%)
	@rmdir $(BUILD) 2>/dev/null || [ ! -d $(BUILD) ] || \
	    echo "make clean: kept what was not made here: $$(ls -d $(BUILD)/* | tr '\n' ' ')(make distclean removes it)"
distclean: clean
	@! grep -q " $(abspath $(BUILD))/" /proc/self/mountinfo || \
	    { echo "make distclean: something is mounted below $(BUILD); unmount it first" >&2; exit 1; }
	@for lock in $$(find $(BUILD) -maxdepth 3 -name lock -type f 2>/dev/null); do \
	    flock -n "$$lock" true || { echo "make distclean: a Nexus runs from $${lock%/lock}; stop it first" >&2; exit 1; }; \
	done
	rm -rf --one-file-system $(BUILD)

# What each object was made from: of objects we know, for anything else below
# build/ (state of a Nexus among it) is nobody's makefile.
OBJECTS	:= $(sort $(COMMON) $(NEXUSD_O) $(NODEMGR_O) $(STORAGED_O) $(NETD_O) $(AUTHD_O) \
	   $(MAILD_O) $(GATEWAYD_O) $(NEXUSCTL_O) $(UP_O) $(UNIT_BIN:=.o) \
	   $(FUZZERS:%=$(BUILD)/tests/fuzz/%.o) $(INTEGRATION:%=$(BUILD)/tests/integration/%.o) $(INTEGRATION_O_hostile_gateway) \
	   $(BENCH:%=$(BUILD)/tests/bench/%.o))
-include $(wildcard $(OBJECTS:.o=.d))
