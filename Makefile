# promo: build with `make`, install with `sudo make install`.
#
# A room's C files are found by themselves; its scripts are listed here, since
# the order of the rooms is the order of the install script.

EXTENSION = promo
EXTVERSION = 0.1.0
MODULE_big = promo

PG_CONFIG ?= pg_config
ifeq ($(shell command -v $(PG_CONFIG) 2>/dev/null),)
$(error $(PG_CONFIG) is missing. On Debian or Ubuntu: apt-get install postgresql-server-dev-all make gcc; \
elsewhere install your PostgreSQL's development package, or say: make PG_CONFIG=/path/to/pg_config)
endif

ROOMS = core pg behavior forest recommend segment membership coupon effect night
ROOM_SCRIPTS = src/promo.sql \
	src/behavior/clean.sql src/behavior/timeline.sql src/behavior/features.sql \
	src/behavior/rfm.sql src/behavior/lifetime.sql \
	src/forest/forest.sql src/forest/predict.sql src/forest/explain.sql \
	src/forest/linear.sql src/forest/train.sql src/forest/validate.sql src/forest/import.sql \
	src/forest/metrics.sql \
	src/recommend/measure.sql src/recommend/build.sql src/recommend/recommend.sql src/recommend/rules.sql \
	src/recommend/evaluate.sql \
	src/segment/experiment.sql src/segment/segment.sql \
	src/membership/rules.sql src/membership/replay.sql src/membership/tiers.sql src/membership/program.sql src/membership/member.sql \
	src/membership/ledger.sql src/membership/points.sql src/membership/holds.sql \
	src/membership/reversal.sql src/membership/standing.sql src/membership/benefit.sql \
	src/membership/merge.sql src/membership/tier_audit.sql src/membership/audit.sql \
	src/membership/statement.sql src/membership/tier_report.sql \
	src/coupon/promotion.sql src/coupon/code.sql src/coupon/usage.sql src/coupon/redemption.sql \
	src/coupon/limit.sql src/coupon/define.sql \
	src/coupon/price.sql src/coupon/quote.sql \
	src/coupon/take.sql src/coupon/redeem.sql src/coupon/refund.sql src/coupon/check.sql \
	src/coupon/issue.sql src/coupon/cart.sql \
	src/effect/lift.sql \
	src/night/privacy.sql

OBJS = src/promo.o \
	$(patsubst %.c,%.o,$(sort $(foreach room,$(ROOMS),$(wildcard src/$(room)/*.c))))
ROOM_HEADERS = $(wildcard src/*.h src/*/*.h)

DATA_built = promo--$(EXTVERSION).sql
DATA = $(filter-out promo--$(EXTVERSION).sql,$(wildcard promo--*--*.sql))

# The server's headers as system headers: they do not pass -Wextra.
PG_CPPFLAGS = -Isrc -isystem $(shell $(PG_CONFIG) --includedir-server)
# The plain C of the forest and the timelines is where the time goes.
PG_CFLAGS = -O3 -fno-math-errno
SHLIB_LINK = -Wl,--version-script=src/promo.map -lm

REGRESS = $(sort $(patsubst sql/%.sql,%,$(wildcard sql/*.sql)))
REGRESS_OPTS = --load-extension=promo
ISOLATION = $(sort $(patsubst test/specs/%.spec,%,$(wildcard test/specs/*.spec)))
ISOLATION_OPTS = --inputdir=test --outputdir=build/isolation --load-extension=promo
EXTRA_CLEAN = promo--$(EXTVERSION).sql build

PGXS := $(shell $(PG_CONFIG) --pgxs)
include $(PGXS)

$(OBJS): $(ROOM_HEADERS) Makefile
$(shlib): src/promo.map

promo--$(EXTVERSION).sql: $(ROOM_SCRIPTS) Makefile
	@{ printf '%s\n' '\echo Use "CREATE EXTENSION promo" to load this file. \quit'; cat $(ROOM_SCRIPTS); } > $@
