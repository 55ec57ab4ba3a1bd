#!/usr/bin/env bash
# Makes the Debian packages, installs them into an empty root, looks at what they say they need, and removes them again.
#   check_package.sh BUILD
set -euo pipefail
build=$1

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
fail() {
  echo "$1" >&2
  exit 1
}

# Compressing takes a minute, and nothing is learned of it.
cpack --config "$build/CPackConfig.cmake" -G DEB -B "$folder/made" -D CPACK_DEBIAN_COMPRESSION_TYPE=none \
  >"$folder/log" 2>&1 || fail "cpack: $(cat "$folder/log")"
packages=("$folder"/made/*.deb)
[ ${#packages[@]} -eq 3 ] || fail "there are ${#packages[@]} packages, not 3: ${packages[*]}"

# needs PACKAGE WORD: what is linked is among what the package depends on.
needs() {
  local depends
  depends=$(dpkg-deb -f "$folder"/made/"$1"_*.deb Depends)
  [[ $depends == *"$2"* ]] || fail "$1 depends on '$depends', and not on $2"
  [[ $depends != *LLVM* && $depends != *libmlir* ]] || fail "$1 depends on $depends"
}
needs libsinter0 libc6
needs libsinter0 libprotobuf-lite
needs libsinter0 libstdc++6
needs sinter libc6
needs libsinter-dev "libsinter0 (= "

root=$folder/root
mkdir -p "$root"/var/lib/dpkg/{info,updates,triggers} "$folder/logs" "$folder/bin"
# The packages' scripts are run out here, and are to leave this machine's own libraries alone.
ln -s /bin/true "$folder/bin/ldconfig"
touch "$root"/var/lib/dpkg/{status,available}
manage() { # The packages they need are not in this root, nor is a shell to run scripts in.
  PATH="$folder/bin:$PATH" dpkg --root="$root" --log="$folder/logs/dpkg" --force-depends --force-not-root --force-bad-path \
    --force-script-chrootless "$@" >"$folder/log" 2>&1 || fail "dpkg $1: $(cat "$folder/log")"
}
manage --install "${packages[@]}"
for file in bin/sinter bin/sinter-opt lib/libsinter.so.0 lib/libsinter.so lib/libsinter_runtime.a include/sinter/sinter.h \
  lib/cmake/sinter/sinterConfig.cmake lib/pkgconfig/sinter.pc share/man/man1/sinter.1 share/doc/libsinter0/copyright; do
  [ -e "$root/usr/$file" ] || fail "no /usr/$file is installed"
done
"$root/usr/bin/sinter" --version
manage --purge libsinter0 libsinter-dev sinter
left=$(find "$root" -path "$root/var/lib/dpkg" -prune -o \( -type f -o -type l \) -print)
[ -z "$left" ] || fail "after removal there is still: $left"
