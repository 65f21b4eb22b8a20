# A private PostgreSQL: a copy of the installed one in a folder of its own,
# with promo in it, on a unix socket, run by an unprivileged user.  Nothing is
# installed on the machine, and the machine's own clusters are left alone.
#
# Sourced by test/run, test/demo and the benchmarks:
#
#   private_need PACKAGE...   installs what is missing (as root or with sudo)
#   private_setup             makes $private, the folder, and $private/pg in it
#   private_build [FLAGS]     builds promo from $root and installs it there
#   private_start [SETTING]   starts a server; PGHOST, PGUSER, PGDATABASE are set
#   private_stop              stops it
#   private_as COMMAND...     runs a command as the server's user
#
# PROMO_DIR=dir keeps and reuses the folder, which makes the next run quicker.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
private=
private_user=$(id -un)

private_say() { printf '%s\n' "-- $*"; }

private_die() { printf '%s\n' "$*" >&2; exit 1; }

private_admin() {
	if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

private_need() {
	local missing=() package
	for package in "$@"; do
		dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
	done
	[ ${#missing[@]} = 0 ] && return
	private_say "installing ${missing[*]}"
	private_admin apt-get -q update >/dev/null
	# A cluster of the package's own is not wanted.
	if [ ! -e /etc/postgresql-common/createcluster.conf ]; then
		private_admin mkdir -p /etc/postgresql-common
		echo 'create_main_cluster = false' | private_admin tee /etc/postgresql-common/createcluster.conf >/dev/null
	fi
	private_admin env DEBIAN_FRONTEND=noninteractive apt-get -q -y --no-install-recommends \
		-o Dpkg::Options::=--force-confold install "${missing[@]}" >/tmp/promo-apt.$$.log 2>&1 ||
		{ tail -n 20 /tmp/promo-apt.$$.log; private_die "could not install ${missing[*]}"; }
	rm -f /tmp/promo-apt.$$.log
}

# The newest installed PostgreSQL that has what it takes to build extensions.
private_find() {
	local candidate
	for candidate in ${PG_CONFIG:-} $(ls -d /usr/lib/postgresql/*/bin/pg_config 2>/dev/null | sort -rV) $(command -v pg_config); do
		[ -x "$candidate" ] || continue
		[ -e "$("$candidate" --pgxs)" ] || continue
		[ -x "$("$candidate" --bindir)/initdb" ] || continue
		echo "$candidate"
		return
	done
}

private_link() {
	local entry
	mkdir -p "$2"
	for entry in "$1"/*; do
		[ -e "$2/$(basename "$entry")" ] || ln -s "$entry" "$2/"
	done
}

private_setup() {
	local config bin share lib include prefix
	if [ -z "$(private_find)" ]; then
		private_need postgresql postgresql-server-dev-all
	fi
	private_need make gcc libc6-dev
	config=$(private_find)
	[ -n "$config" ] || private_die "no PostgreSQL with its development files was found"

	if [ -n "${PROMO_DIR:-}" ]; then
		mkdir -p "$PROMO_DIR"
		private=$(cd "$PROMO_DIR" && pwd)
	else
		private=$(mktemp -d "${TMPDIR:-/tmp}/promo.XXXXXX")
	fi
	chmod 755 "$private"
	[ "$(id -u)" = 0 ] && private_user=postgres

	# PostgreSQL finds its other folders from where its programs lie.
	bin=$("$config" --bindir) share=$("$config" --sharedir)
	lib=$("$config" --pkglibdir) include=$("$config" --includedir-server)
	prefix=$bin
	until [ "${share#"$prefix"/}" != "$share" ] && [ "${lib#"$prefix"/}" != "$lib" ] &&
		[ "${include#"$prefix"/}" != "$include" ]; do
		prefix=$(dirname "$prefix")
	done
	private_bin=$private/pg${bin#"$prefix"}
	if [ ! -d "$private_bin" ]; then
		mkdir -p "$private_bin"
		cp "$bin"/* "$private_bin"
		private_link "$share" "$private/pg${share#"$prefix"}.links"
		mv "$private/pg${share#"$prefix"}.links" "$private/pg${share#"$prefix"}"
		rm "$private/pg${share#"$prefix"}/extension"
		private_link "$share/extension" "$private/pg${share#"$prefix"}/extension"
		rm -f "$private/pg${share#"$prefix"}/extension"/promo*
		private_link "$lib" "$private/pg${lib#"$prefix"}"
		rm -f "$private/pg${lib#"$prefix"}/promo.so"
		private_link "$include" "$private/pg${include#"$prefix"}"
	fi
	export PATH=$private_bin:$PATH
}

# Builds in a copy, so that the checkout stays clean and may be out of the
# server's user's reach.
private_build() {
	mkdir -p "$private/build"
	(cd "$root" && cp -Rup Makefile promo.control README.md src sql expected test "$private/build/")
	find "$root" -maxdepth 1 -name 'promo--*--*.sql' -exec cp -up {} "$private/build/" \;
	# In a folder that is used again, what the checkout no longer has goes.
	(cd "$private/build" && find src sql expected test -type f ! -name '*.o' | while read -r file; do
		[ -e "$root/$file" ] || rm -f "$file" "${file%.c}.o"
	done)
	make -s -C "$private/build" -j "$(nproc)" with_llvm=no PG_CONFIG="$private_bin/pg_config" "$@" all install >"$private/build.log" 2>&1 ||
		{ cat "$private/build.log"; return 1; }
}

private_as() {
	if [ "$(id -u)" = 0 ]; then
		runuser -u "$private_user" -- "$@"
	else
		"$@"
	fi
}

private_start() {
	local setting settings=()
	private_stop
	rm -rf "$private/data" "$private/socket"
	mkdir -p "$private/data" "$private/socket"
	chmod 700 "$private/data"
	[ "$(id -u)" = 0 ] && chown "$private_user" "$private/data" "$private/socket"
	(cd "$private" && private_as "$private_bin/initdb" -D data -A trust -U postgres --no-sync --locale=C -E UTF8 >initdb.log 2>&1) ||
		{ cat "$private/initdb.log"; return 1; }
	for setting in listen_addresses= "unix_socket_directories=$private/socket" \
		fsync=off shared_buffers=256MB max_wal_size=4GB "$@"; do
		settings+=("-c" "$setting")
	done
	(cd "$private" && private_as "$private_bin/pg_ctl" -D data -l data/log -w -o "${settings[*]}" start >start.log 2>&1) ||
		{ cat "$private/start.log"; private_as tail -n 20 "$private/data/log"; return 1; }
	export PGHOST=$private/socket PGUSER=postgres PGDATABASE=postgres PGPORT=5432
	unset PGPASSWORD PGSERVICE PGOPTIONS
}

private_stop() {
	[ -n "$private" ] && [ -e "$private/data/postmaster.pid" ] || return 0
	(cd "$private" && private_as "$private_bin/pg_ctl" -D data -m "${1:-fast}" -w stop >/dev/null 2>&1)
}

# At the end of the command: nothing stays unless it was asked for.
private_leave() {
	private_stop immediate
	[ -n "${PROMO_DIR:-}" ] || [ -z "$private" ] || rm -rf "$private"
}
