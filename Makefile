# quantgate: `make` builds build/quantgate, `make help` lists the rest.

# ---- settings ------------------------------------------------------------------------------------
VERSION  := 0.1.0
CC       ?= cc
OPT      ?= -O2 -g
SAN      ?= 0          # 1: AddressSanitizer and UndefinedBehaviorSanitizer
TSAN     ?= 0          # 1: ThreadSanitizer, with ci/tsan/gomp.c in the place of OpenMP's runtime
COV      ?= 0          # 1: coverage counters for gcovr
WERROR   ?= 0          # 1: warnings are errors (CI)
CUDA     ?= auto       # 1: with the CUDA backend, which nvcc builds; 0: without; auto: where nvcc is found
NVCC     ?= $(firstword $(shell command -v nvcc 2>/dev/null) $(wildcard build/cuda/bin/nvcc) $(wildcard /usr/local/cuda/bin/nvcc))
GPUS     ?= 80 90a     # compute capabilities that machine code is made for; others start from PTX of the first
BUILD    ?= build
ARGS     ?=            # arguments of `make kcheck` and `make bench`
# Chart.js 3, minified, for the pages of `quantgate dashboard` (Debian's libjs-chart.js).
CHART_JS ?= $(firstword $(wildcard $(addprefix /usr/share/javascript/chart.js/,chart.min.js Chart.min.js)) libjs-chart.js)
# Where `make install` puts things, below $(DESTDIR).
PREFIX   ?= /usr/local
WARN     = -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes \
           -Wno-sign-conversion
# Clang counts a field that is left zero, and a loop that it does not vectorize, as mistakes.
ifneq ($(findstring clang,$(CC)),)
WARN    += -Wno-missing-field-initializers -Wno-pass-failed
endif

# ---- END OF USER SETTINGS. NO NEED TO CHANGE ANYTHING BELOW --------------------------------------
.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules
SHELL := /bin/bash
# Threads that wait for others spin for some 20 us, then sleep: on a machine that is busy with other
# things OpenMP's default of milliseconds makes a decode step a hundred times slower.
export GOMP_SPINCOUNT ?= 2000

MODE := $(if $(filter 1,$(SAN)),san,$(if $(filter 1,$(TSAN)),tsan,$(if $(filter 1,$(COV)),cov,release)))
OUT  := $(BUILD)/$(MODE)
GEN  := $(OUT)/gen
# The release program lies where people look for it; the others keep out of its way.
BIN  := $(if $(filter release,$(MODE)),$(BUILD),$(OUT))

PACKAGES := jansson yaml-0.1 sqlite3 libpcre2-8 libutf8proc libcrypto libxml-2.0
PKG_CFLAGS := $(shell pkg-config --cflags $(PACKAGES) 2>/dev/null)
PKG_LIBS   := $(shell pkg-config --libs $(PACKAGES) 2>/dev/null)
CHECK_LIBS  = $(shell pkg-config --libs check)

BASE_CFLAGS := -std=c11 -D_GNU_SOURCE -Isrc -I. -I$(GEN) $(WARN) -fno-strict-aliasing \
               -fno-trapping-math -fno-omit-frame-pointer $(PKG_CFLAGS)
ifeq ($(WERROR),1)
BASE_CFLAGS += -Werror
endif
ifeq ($(SAN),1)
BASE_CFLAGS += -fsanitize=address,undefined -fno-sanitize-recover=all -DQG_SANITIZED=1
LDFLAGS     += -fsanitize=address,undefined
endif
ifeq ($(TSAN),1)
OPT         := -O1 -g
BASE_CFLAGS += -fsanitize=thread -DQG_SANITIZED=1
LDFLAGS     += -fsanitize=thread
endif
ifeq ($(COV),1)
OPT         := -O1 -g
BASE_CFLAGS += --coverage -fprofile-update=single
LDFLAGS     += --coverage
endif

# Tier flags by file-name suffix, in a variable of their own so that CFLAGS= on the command line is safe.
TIER = -fopenmp
%_ref.o:    TIER = -ffp-contract=off -fopenmp
%_avx2.o:   TIER = -O3 -mavx2 -mfma -mf16c -fopenmp
%_avx512.o: TIER = -O3 -mavx512f -mavx512bw -mavx512vl -mavx512dq -mavx512vnni -mfma -mf16c -fopenmp

# CUDA is built into the release program alone: sanitizers and coverage see the CPU.
USE_CUDA := $(if $(filter auto,$(CUDA)),$(if $(filter release,$(MODE)),$(if $(NVCC),1)),$(filter 1,$(CUDA)))
ifeq ($(USE_CUDA),1)
CUDA_HOME  := $(patsubst %/bin/,%,$(dir $(realpath $(lastword $(NVCC)))))
NVCC_FLAGS := -O3 -std=c++17 -Isrc -I. $(if $(filter 90a,$(GPUS)),-DQGK_HOPPER) -Xcompiler -Wall,-Wextra $(foreach gpu,$(GPUS),-gencode arch=compute_$(gpu),code=sm_$(gpu)) \
              -gencode arch=compute_$(firstword $(GPUS)),code=compute_$(firstword $(GPUS)) $(if $(filter 1,$(WERROR)),-Werror all-warnings)
CUDA_LIBS  := -L$(CUDA_HOME)/lib64 -L$(CUDA_HOME)/lib -lcudart_static -lstdc++ -lrt -ldl -lpthread
CU_ALL     := $(shell find kernels -name '*.cu' 2>/dev/null | LC_ALL=C sort)
%/backend_cuda.o: CUDA_INCLUDE = -isystem $(CUDA_HOME)/include
endif
WITHOUT  := $(if $(USE_CUDA),src/backend/backend_cuda_none.c,kernels/table_cuda.c src/backend/backend_cuda.c src/backend/cublas.c)
C_ALL    := $(filter-out $(WITHOUT),$(shell find src kernels -name '*.c' 2>/dev/null | LC_ALL=C sort))
MAINS    := src/main.c src/check_main.c kernels/kcheck_main.c
CHECKS   := $(filter %_check.c,$(C_ALL))
KCHECKS  := $(filter %_kcheck.c,$(C_ALL))
HARNESS  := kernels/kcheck.c $(if $(USE_CUDA),kernels/kcheck_cuda.cu,kernels/kcheck_cuda_none.c)
KERNELS  := $(filter-out $(CHECKS) $(KCHECKS) $(MAINS) kernels/kcheck.c kernels/kcheck_cuda_none.c,$(filter kernels/%,$(C_ALL)))
SOURCES  := $(filter-out $(CHECKS) $(KCHECKS) $(MAINS) kernels/%,$(C_ALL))

obj = $(patsubst %.cu,$(OUT)/%.o,$(patsubst %.c,$(OUT)/%.o,$(1)))
# The runtime of OpenMP: an object of ours, or the compiler's library.
RUNTIME := $(if $(filter tsan,$(MODE)),$(call obj,ci/tsan/gomp.c))
OPENMP  := $(if $(RUNTIME),,-fopenmp)
LIBS = $(PKG_LIBS) $(OPENMP) $(CUDA_LIBS) -lm -ldl -lpthread
KERNELS  += $(filter-out kernels/kcheck_cuda.cu,$(CU_ALL))

PROGRAMS := $(if $(wildcard src/main.c),$(BIN)/quantgate) $(BIN)/unit \
            $(if $(wildcard kernels/kcheck_main.c),$(BIN)/kcheck)

all: $(PROGRAMS) ## build the program and its tests

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 14

# Changed flags, compiler or Makefile rebuild everything.
$(OUT)/flags: FORCE
	@mkdir -p $(GEN)
	@echo '$(CC) $(shell $(CC) -dumpfullversion -dumpversion) $(OPT) $(BASE_CFLAGS) $(CFLAGS) $(NVCC_FLAGS)' | cmp -s - $@ || \
	  echo '$(CC) $(shell $(CC) -dumpfullversion -dumpversion) $(OPT) $(BASE_CFLAGS) $(CFLAGS) $(NVCC_FLAGS)' >$@

# What the program says of its own build.
define BUILD_INFO
#define QG_BUILD_VERSION "$(VERSION)"
#define QG_BUILD_COMMIT "$(shell git describe --always --dirty --abbrev=12 2>/dev/null || echo unknown)"
#define QG_BUILD_COMPILER "$(shell $(CC) --version | head -1 | tr -d '"\\')"
#define QG_BUILD_FLAGS "$(strip $(OPT) $(CFLAGS))"
#define QG_BUILD_MODE "$(MODE)"
#define QG_BUILD_DATE "$(shell git log -1 --format=%cs 2>/dev/null || date +%F)"
endef
$(GEN)/build_info.h: FORCE
	@mkdir -p $(GEN)
	$(file >$@.new,$(BUILD_INFO))@cmp -s $@.new $@ && rm $@.new || mv $@.new $@

# The pages of the dashboard and Chart.js go into the program as they are.
WEB    := $(sort $(wildcard src/report/web/*))
ASSETS := $(GEN)/web_assets.o
$(GEN)/web_assets.c: $(WEB) $(or $(wildcard $(CHART_JS)),FORCE) ci/embed.sh $(OUT)/flags Makefile
	ci/embed.sh $(CHART_JS) $(WEB) >$@
$(ASSETS): $(GEN)/web_assets.c
	$(CC) $(BASE_CFLAGS) $(OPT) $(CFLAGS) -c -o $@ $<

# Unit suites and kernel cases are found by file name: declarations and list in one generated header.
check_names  := $(notdir $(CHECKS:.c=))
kcheck_names := $(notdir $(KCHECKS:.c=))
$(GEN)/check_suites.h: Makefile $(CHECKS) $(OUT)/flags
	@{ echo '/* generated from the names of *_check.c */'; echo '#include <check.h>'; \
	   for n in $(check_names); do echo "Suite *$$n(void);"; done; \
	   printf '#define QG_CHECK_SUITES(X)'; for n in $(check_names); do printf ' X(%s)' $$n; done; echo; } >$@
$(GEN)/kcheck_cases.h: Makefile $(KCHECKS) $(OUT)/flags
	@{ echo '/* generated from the names of *_kcheck.c */'; \
	   for n in $(kcheck_names); do echo "void $$n(void);"; done; \
	   printf '#define QGK_KCHECK_CASES(X)'; for n in $(kcheck_names); do printf ' X(%s)' $$n; done; echo; } >$@

$(OUT)/%.o: %.c $(OUT)/flags Makefile | $(GEN)/check_suites.h $(GEN)/kcheck_cases.h $(GEN)/build_info.h
	@mkdir -p $(@D)
	$(CC) $(BASE_CFLAGS) $(OPT) $(TIER) $(CUDA_INCLUDE) $(CFLAGS) -MMD -MP -c -o $@ $<
$(OUT)/%.o: %.cu $(OUT)/flags Makefile
	@mkdir -p $(@D)
	$(NVCC) $(NVCC_FLAGS) -MMD -MP -c -o $@ $<

$(BIN)/quantgate: $(call obj,$(SOURCES) $(KERNELS) src/main.c) $(ASSETS) $(RUNTIME)
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) -o $@ $^ $(LIBS)
$(BIN)/unit: $(call obj,$(SOURCES) $(KERNELS) $(CHECKS) src/check_main.c) $(ASSETS) $(RUNTIME)
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) -o $@ $^ $(LIBS) $(CHECK_LIBS)
$(BIN)/kcheck: $(call obj,$(KERNELS) $(KCHECKS) $(HARNESS) kernels/kcheck_main.c) $(RUNTIME)
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) -o $@ $^ $(OPENMP) $(CUDA_LIBS) -lm -lpthread
$(BIN)/race: $(call obj,ci/tsan/race.c) $(RUNTIME)
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) -o $@ $^ $(OPENMP) -lpthread

$(BIN)/history-scale: $(call obj,$(SOURCES) $(KERNELS) ci/scale/history.c) $(RUNTIME) $(ASSETS)
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) -o $@ $^ $(LIBS)

# The program once more, with ci/mutation/fault.c between its own objects.
FAULTY := qgk_table_init qg_ledger_add qg_backend_open qg_forward
comma := ,
faulty: $(BUILD)/faulty/quantgate ## link the program that can be given faults (ci/mutation.sh)
$(BUILD)/faulty/quantgate: $(call obj,$(SOURCES) $(KERNELS) src/main.c ci/mutation/fault.c) $(ASSETS)
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) $(FAULTY:%=-Wl$(comma)--wrap=%) -o $@ $^ $(LIBS)

check: all ## run the unit tests (SUITE=noun_check runs one)
	QG_CHECK_JOBS=$${QG_CHECK_JOBS:-$$(getconf _NPROCESSORS_ONLN)} QG_ROOT=$(CURDIR) QG_PROGRAM=$(CURDIR)/$(BIN)/quantgate $(if $(SUITE),CK_RUN_SUITE=$(SUITE)) $(BIN)/unit

kcheck: all ## prove every kernel tier of this CPU against its reference (ARGS=--case ...)
	$(BIN)/kcheck $(ARGS)

manual: $(BUILD)/quantgate.1 ## write the manual page into build/
$(BUILD)/quantgate.1: $(BIN)/quantgate
	$(BIN)/quantgate --man >$@

install: $(BIN)/quantgate $(BUILD)/quantgate.1 ## install program and manual page below $(DESTDIR)$(PREFIX)
	install -D -m 755 $(BIN)/quantgate $(DESTDIR)$(PREFIX)/bin/quantgate
	install -D -m 644 $(BUILD)/quantgate.1 $(DESTDIR)$(PREFIX)/share/man/man1/quantgate.1

bench: all ## prove, then time every kernel tier
	$(BIN)/kcheck --bench $(ARGS)

cuda: ## build the CUDA backend, and see what the program says where no GPU is
	ci/cuda.sh

layers: ## check who includes whom
	ci/layers.sh

style: ## check formats, shell scripts, YAML and blanks
	ci/style.sh

suites: all ## judge the embedded models, and prove that damage turns the gate red
	ci/suites.sh

transcripts: all ## compare what the program prints (ci/cli.sh --set-exact-output renews)
	ci/cli.sh

browser: all ## look at the dashboard in a real Chromium
	ci/browser.sh

sanitize: ## every test under AddressSanitizer and UBSan
	ci/sanitize.sh

threads: ## the parallel regions under ThreadSanitizer
	ci/tsan.sh

coverage: ## line coverage into build/coverage
	ci/coverage.sh

convert: ## test scripts/convert-bin.py where torch is installed
	scripts/convert-bin-check.py

workflows: ## check .github/ against its schema
	ci/workflows.sh

actions: all ## run the action and the workflows as GitHub would
	$(BUILD)/venv/bin/python ci/actions/check.py

headers: | $(GEN)/check_suites.h $(GEN)/kcheck_cases.h $(GEN)/build_info.h ## compile every header alone
	@for h in $$(find src kernels -name '*.h' | LC_ALL=C sort); do \
	  $(CC) $(BASE_CFLAGS) -fopenmp -Wno-unused-function -fsyntax-only -x c $$h || exit 1; done; echo "headers: each compiles alone"

CLANG_FORMAT ?= $(firstword $(wildcard $(BUILD)/venv/bin/clang-format) clang-format)
format: ## rewrite the sources in the house style
	$(CLANG_FORMAT) -i $$(find src kernels ci -name '*.[ch]' -o -name '*.js')

ci: ## all that CI runs
	ci/gate.sh

clean: ## remove what was built
	rm -rf $(BUILD)

FORCE:
.PHONY: all help cuda faulty check kcheck manual install bench style layers suites transcripts browser sanitize threads \
        coverage convert workflows actions headers format ci clean FORCE
-include $(shell find $(OUT) -name '*.d' 2>/dev/null)
