#!/usr/bin/env bash
# Builds a program against an installed Sinter as one does by hand, and runs it.
#   check_pkg_config.sh PREFIX SOURCE MODEL COMPILER
set -euo pipefail
prefix=$1 source=$2 model=$3 compiler=$4

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
PKG_CONFIG_PATH=$(find "$prefix" -type d -name pkgconfig)
export PKG_CONFIG_PATH
flags=$(pkg-config --cflags --libs sinter)
# shellcheck disable=SC2086 # several flags
"$compiler" -std=c++20 -Wall -Wextra -Wpedantic -Werror -O1 "$source" -o "$folder/app" $flags
LD_LIBRARY_PATH=$(pkg-config --variable=libdir sinter) "$folder/app" "$model"
