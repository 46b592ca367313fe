#!/usr/bin/env bash
# check-links.sh ROOT: fails if a relative link in a page names no file.
set -euo pipefail
cd "$1"
broken=0
for page in README.md docs/*.md docs/*/*.md; do
  # Anchors within a page and links to other sites are not followed.
  while read -r target; do
    if [ ! -e "$(dirname "$page")/${target%%#*}" ]; then
      echo "$page: broken link: $target"
      broken=1
    fi
  done < <({ grep -o '](\([^)#][^)]*\))' "$page" || true; } | sed 's/^](//; s/)$//' | grep -v '^[a-z]*:' || true)
done
exit "$broken"
