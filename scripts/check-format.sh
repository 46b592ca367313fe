#!/usr/bin/env bash
# Checks that every C++ file under version control is formatted as .clang-format
# says. With --fix, formats them instead.
set -euo pipefail
cd "$(dirname "$0")/.."

git ls-files -z -- '*.cpp' '*.h' ':!test/**/Inputs/**' |
  if [ "${1:-}" = --fix ]; then
    xargs -0 -r clang-format-22 -i
  else
    xargs -0 -r clang-format-22 --dry-run --Werror
  fi
