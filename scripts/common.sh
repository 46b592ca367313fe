# What the scripts share. To be sourced from the source directory's scripts.

# say <text...>: what is being done, on a line of its own.
say() { printf '\n==> %s\n' "$*"; }

# note <text...>: something worth knowing about the step.
note() { printf '    %s\n' "$*"; }

# configure <preset>: sets up the preset's build directory. Quiet unless it fails.
configure() {
  local log
  log=$(cmake --preset "$1" 2>&1) || {
    printf '%s\n' "$log"
    return 1
  }
}

# find_ptxas: prints the path of ptxas, or fails.
find_ptxas() {
  command -v ptxas || { [ -x /usr/local/cuda/bin/ptxas ] && echo /usr/local/cuda/bin/ptxas; }
}
