#!/usr/bin/env bash
# Installs what AMK is built and tested with, on Debian 12 or later, from the
# machine's own apt sources. Installs only what is missing; with everything there
# it changes nothing and needs neither root nor a network.
set -euo pipefail

packages=(
  clang-22 lld-22 llvm-22-dev llvm-22-tools libmlir-22-dev mlir-22-tools
  libclang-rt-22-dev       # the sanitizers
  clang-format-22 clang-tidy-22
  zlib1g-dev libzstd-dev   # asked for by LLVM's CMake files
  nlohmann-json3-dev       # the front ends
  libgtest-dev libbenchmark-dev
  cmake ninja-build ccache git
  python3                  # lit
)

if ! command -v dpkg-query >/dev/null; then
  echo "install-deps: this is not Debian; please install the equivalents of:" >&2
  printf '  %s\n' "${packages[@]}" >&2
  exit 1
fi

missing=()
for package in "${packages[@]}"; do
  status=$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null || true)
  [ "$status" = installed ] || missing+=("$package")
done

if [ ${#missing[@]} -eq 0 ]; then
  echo "All ${#packages[@]} packages are installed."
  exit 0
fi

echo "Missing: ${missing[*]}"
as_root=(env DEBIAN_FRONTEND=noninteractive)
if [ "$(id -u)" -ne 0 ]; then
  if ! command -v sudo >/dev/null; then
    echo "install-deps: run this as root, or install sudo" >&2
    exit 1
  fi
  as_root=(sudo "${as_root[@]}")
fi
"${as_root[@]}" apt-get update -qq
"${as_root[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}"
echo "Installed: ${missing[*]}"
