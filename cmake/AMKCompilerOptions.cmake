# Flags of every target, whether it uses LLVM or not.

# RTTI stays on, as in the LLVM packages.
#
# -fPIC is given as an option, not by CMAKE_POSITION_INDEPENDENT_CODE: that
# property becomes -fPIC for libraries and -fPIE for executables, and a
# precompiled header cannot serve both.
add_compile_options(
  -fPIC
  $<$<COMPILE_LANGUAGE:CXX>:-fno-exceptions>
  $<$<COMPILE_LANGUAGE:CXX>:-fvisibility-inlines-hidden>
  # Results are the same bits whichever compiler and instruction set: a product
  # and a sum are one operation only where the source says so.
  -ffp-contract=off
  -Wall -Wextra -Wno-unused-parameter)
if(AMK_ENABLE_WERROR)
  add_compile_options(-Werror)
endif()

if(CMAKE_CXX_COMPILER_ID MATCHES "Clang")
  # std::stable_sort of libstdc++ 12 uses a deprecated function of its own, and
  # clang blames the caller.
  add_compile_options(-Wno-error=deprecated-declarations)
  # Without its time stamp a precompiled header is the same file each time, so
  # ccache hits for what includes it.
  add_compile_options("SHELL:-Xclang -fno-pch-timestamp")
  add_link_options(-fuse-ld=lld)
endif()
add_link_options(-Wl,--as-needed)

if(AMK_SANITIZE)
  if(NOT AMK_SANITIZE MATCHES "^(address|undefined|address,undefined|thread)$")
    message(FATAL_ERROR
            "AMK_SANITIZE: expected 'address', 'undefined', 'address,undefined' or 'thread', "
            "found '${AMK_SANITIZE}'")
  endif()
  add_compile_options(-fsanitize=${AMK_SANITIZE} -fno-sanitize-recover=all
                      -fno-omit-frame-pointer)
  add_compile_definitions(_GLIBCXX_ASSERTIONS)
  add_link_options(-fsanitize=${AMK_SANITIZE})
  # A fuzzer (amk_add_fuzzer) steers by the branches that its input reaches.
  if(AMK_SANITIZE MATCHES "address" AND CMAKE_CXX_COMPILER_ID MATCHES "Clang")
    set(AMK_ENABLE_FUZZERS ON)
    add_compile_options(-fsanitize=fuzzer-no-link)
  endif()
endif()

# The settings go in front of the compiler's name rather than into a preset's
# environment, which a plain `ninja` would not see.
find_program(AMK_CCACHE ccache)
mark_as_advanced(AMK_CCACHE)
if(AMK_ENABLE_CCACHE AND AMK_CCACHE)
  set(launcher ${CMAKE_COMMAND} -E env
      CCACHE_BASEDIR=${CMAKE_SOURCE_DIR} CCACHE_NOHASHDIR=1
      CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime
      ${AMK_CCACHE})
  set(CMAKE_C_COMPILER_LAUNCHER ${launcher})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${launcher})
endif()
