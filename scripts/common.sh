# shellcheck shell=bash
# What scripts/demo, scripts/test and .ci/run share; sourced by them, with bash.

set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"

# All that meson and cargo make stays in these folders. Meson's cargo uses cargo's usual folder, so
# that nothing is compiled twice.
meson_dir=$root/build/check
prefix=$root/build/prefix
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$root/target}

packages=(
  # to build
  gcc g++ libc6-dev pkg-config meson ninja-build libglib2.0-dev libssl-dev
  gobject-introspection libgirepository1.0-dev valac gi-docgen
  # to run the demo and the tests
  openssl gnutls-bin python3 python3-cryptography python3-gi gir1.2-glib-2.0 gjs valgrind libc6-dbg
  glib-networking softhsm2 libengine-pkcs11-openssl abigail-tools
  tshark libcoap3-bin python3-venv
  # other implementations of DTLS
  libwolfssl-dev libnss3-dev libnss3-tools libmbedtls-dev botan erlang-base erlang-ssl
)

say() {
  printf '\n== %s\n' "$*"
}

die() {
  printf 'error: %s\n' "$*" >&2
  exit 1
}

# Installs what is missing of the packages, and nothing when nothing is.
install_packages() {
  command -v cargo >/dev/null ||
    die "cargo is missing: install the stable Rust toolchain with rustup"
  command -v apt-get >/dev/null ||
    die "this script installs Debian packages; elsewhere install the equivalents of: ${packages[*]}"

  local package missing=() as_root=()
  for package in "${packages[@]}"; do
    if [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" != installed ]; then
      missing+=("$package")
    fi
  done
  if [ ${#missing[@]} -eq 0 ]; then
    return
  fi
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || die "as root, run: apt-get install ${missing[*]}"
    as_root=(sudo)
  fi
  say "Installing Debian packages: ${missing[*]}"
  "${as_root[@]}" apt-get -q update
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get -q install -y --no-install-recommends "${missing[@]}"
}

# Builds and installs into $prefix; sets $libdir. Without options: everything, for tests.
build_and_install() { # [MESON-OPTION...]
  if [ $# -eq 0 ]; then
    set -- --buildtype=debug -Dvapi=enabled -Ddocs=true
  fi
  local reconfigure=()
  if [ -d "$meson_dir/meson-private" ]; then
    reconfigure=(--reconfigure)
  fi
  meson setup "${reconfigure[@]}" "$meson_dir" --prefix="$prefix" "$@"
  meson install -C "$meson_dir"
  # shellcheck disable=SC2034 # The sourcing scripts use it.
  libdir=$(dirname "$(find "$prefix" -name libgio-ossl-1.so.0 -print -quit)")
}

# The library alone, beside what the tests use: in build/NAME and build/NAME-prefix.
build_library() { # NAME MESON-OPTION...
  meson_dir=$root/build/$1
  prefix=$root/build/$1-prefix
  shift
  build_and_install "$@" -Dtool=disabled -Dintrospection=disabled -Dvapi=disabled -Ddocs=false
}

build_for_release() {
  build_library release --buildtype=release
}
