# The functions with which the directories of AMK declare their targets.
#
# There are two worlds. The LLVM-free one (core libraries, amk-run) never sees an
# LLVM header: it runs on machines without LLVM and under the sanitizers. The MLIR
# one is the compiler: all its libraries end up in one shared libAMK.so, so that a
# tool and the plugins it loads see one copy of everything.

find_package(Threads REQUIRED)

set(AMK_FUZZ_SECONDS 5 CACHE STRING "How long ctest runs each fuzzer")

# amk_add_subdirectories([dir...] [EXCEPT dir...])
#   Adds each named directory that has a CMakeLists.txt; without names, each
#   subdirectory that has one, but those after EXCEPT.
function(amk_add_subdirectories)
  cmake_parse_arguments(PARSE_ARGV 0 arg "" "" "EXCEPT")
  set(dirs ${arg_UNPARSED_ARGUMENTS})
  if(NOT dirs)
    file(GLOB lists RELATIVE ${CMAKE_CURRENT_SOURCE_DIR} CONFIGURE_DEPENDS
         ${CMAKE_CURRENT_SOURCE_DIR}/*/CMakeLists.txt)
    foreach(list IN LISTS lists)
      get_filename_component(dir ${list} DIRECTORY)
      list(APPEND dirs ${dir})
    endforeach()
  endif()
  list(REMOVE_ITEM dirs ${arg_EXCEPT})
  foreach(dir IN LISTS dirs)
    if(EXISTS ${CMAKE_CURRENT_SOURCE_DIR}/${dir}/CMakeLists.txt)
      add_subdirectory(${dir})
    endif()
  endforeach()
endfunction()

# libAMK.so: made here, filled by the functions below.
if(AMK_ENABLE_MLIR)
  file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/AMK.cpp CONTENT "")
  add_library(AMK SHARED ${CMAKE_BINARY_DIR}/AMK.cpp)
  target_link_libraries(AMK
    PUBLIC AMKMLIRUsage MLIR LLVM
    PRIVATE Threads::Threads ${CMAKE_DL_LIBS})
  # A missing symbol is an error when the library is linked, not when a tool starts.
  # Those of a sanitizer are in the tool.
  if(NOT AMK_SANITIZE)
    target_link_options(AMK PRIVATE -Wl,-z,defs)
  endif()
endif()

# amk_link_with_libamk(<target> library...)
#   Links an MLIR target with the named libraries. For a core library that means
#   its include paths only: libAMK.so has its objects, and a second copy in the
#   tool would have statics of its own.
function(amk_link_with_libamk target)
  foreach(library IN LISTS ARGN)
    get_property(core GLOBAL PROPERTY AMK_CORE_LIBRARIES)
    if(library IN_LIST core)
      target_include_directories(${target} PRIVATE
        $<TARGET_PROPERTY:${library},INTERFACE_INCLUDE_DIRECTORIES>)
    else()
      target_link_libraries(${target} PRIVATE ${library})
    endif()
  endforeach()
endfunction()

# amk_add_core_library(<name> SOURCES source... [LINK library...] [INCLUDES dir...])
#   A static library of the LLVM-free world. LINK names other core libraries (or
#   system libraries); pthread and dl are there already. Users of the library see
#   the project's include/ and the directories in INCLUDES (relative to the
#   caller). Its objects also become part of libAMK.so.
function(amk_add_core_library name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;LINK;INCLUDES")
  amk_check_arguments(amk_add_core_library ${name})
  list(TRANSFORM arg_INCLUDES REPLACE "^([^/].*)$" "${CMAKE_CURRENT_SOURCE_DIR}/\\1")
  add_library(${name} STATIC ${arg_SOURCES})
  target_include_directories(${name} PUBLIC ${CMAKE_SOURCE_DIR}/include ${arg_INCLUDES})
  target_compile_options(${name} PRIVATE -ffunction-sections -fdata-sections
    -Wno-deprecated-declarations)  # see AMKCompilerOptions.cmake
  target_link_libraries(${name} PUBLIC ${arg_LINK} Threads::Threads ${CMAKE_DL_LIBS})
  set_property(GLOBAL APPEND PROPERTY AMK_CORE_LIBRARIES ${name})
  if(AMK_ENABLE_MLIR)
    target_sources(AMK PRIVATE $<TARGET_OBJECTS:${name}>)
  endif()
endfunction()

# amk_add_mlir_library(<name> SOURCES source... [DEPENDS target...]
#                      [LINK library...] [INCLUDES dir...])
#   A part of libAMK.so that uses LLVM or MLIR. DEPENDS names the TableGen targets
#   whose headers the sources include. All of MLIR and LLVM is linked already, and
#   other MLIR libraries need no LINK: they are in libAMK.so too. LINK names the
#   core libraries whose headers lie outside include/.
function(amk_add_mlir_library name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;DEPENDS;LINK;INCLUDES")
  amk_check_arguments(amk_add_mlir_library ${name})
  add_library(${name} OBJECT ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE AMKMLIRUsage)
  target_include_directories(${name} PRIVATE ${arg_INCLUDES})
  target_precompile_headers(${name} REUSE_FROM AMKPCH)
  if(arg_DEPENDS)
    add_dependencies(${name} ${arg_DEPENDS})
  endif()
  amk_link_with_libamk(${name} ${arg_LINK})
  target_sources(AMK PRIVATE $<TARGET_OBJECTS:${name}>)
endfunction()

# amk_add_tool(<name> [MLIR] SOURCES source... [LINK library...] [DEPENDS target...])
#   A program in bin/. With MLIR it is linked with libAMK.so and exports its
#   symbols to plugins; it is left out of a build without MLIR. Without, it is
#   LLVM-free and carries libstdc++ and libgcc in itself, so that it runs on
#   another machine.
function(amk_add_tool name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "MLIR" "" "SOURCES;LINK;DEPENDS")
  amk_check_arguments(amk_add_tool ${name})
  if(arg_MLIR AND NOT AMK_ENABLE_MLIR)
    return()
  endif()
  add_executable(${name} ${arg_SOURCES})
  if(arg_DEPENDS)
    add_dependencies(${name} ${arg_DEPENDS})
  endif()
  if(arg_MLIR)
    target_precompile_headers(${name} REUSE_FROM AMKPCH)
    target_link_libraries(${name} PRIVATE AMK)
    amk_link_with_libamk(${name} ${arg_LINK})
    set_target_properties(${name} PROPERTIES ENABLE_EXPORTS ON)
  else()
    target_link_libraries(${name} PRIVATE ${arg_LINK})
    if(NOT AMK_SANITIZE)
      target_link_options(${name} PRIVATE -static-libstdc++ -static-libgcc -Wl,--gc-sections)
    endif()
  endif()
  set_property(GLOBAL APPEND PROPERTY AMK_TOOLS ${name})
endfunction()

# amk_add_unittest(<name> [MLIR] [THREADS] SOURCES source... [LINK library...]
#                  [DEPENDS target...])
#   A GoogleTest program in bin/, with its tests registered in ctest. With MLIR it
#   is linked with libAMK.so, and left out of a build without MLIR. Without, it is
#   LLVM-free and LINK names the core libraries it tests. THREADS: what it tests
#   runs in several threads. With the thread sanitizer, which finds nothing
#   elsewhere, others are not tested, nor built unless asked for. The macro
#   AMK_TEST_INPUTS is the path of test/Inputs.
function(amk_add_unittest name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "MLIR;THREADS" "" "SOURCES;LINK;DEPENDS")
  amk_check_arguments(amk_add_unittest ${name})
  if(arg_MLIR AND NOT AMK_ENABLE_MLIR)
    return()
  endif()
  add_executable(${name} ${arg_SOURCES})
  if(arg_DEPENDS)
    add_dependencies(${name} ${arg_DEPENDS})
  endif()
  target_compile_definitions(${name} PRIVATE
    AMK_TEST_INPUTS="${CMAKE_SOURCE_DIR}/test/Inputs")
  if(arg_MLIR)
    target_precompile_headers(${name} REUSE_FROM AMKPCH)
    target_link_libraries(${name} PRIVATE AMK)
    amk_link_with_libamk(${name} ${arg_LINK})
  else()
    target_link_libraries(${name} PRIVATE ${arg_LINK})
  endif()
  target_link_libraries(${name} PRIVATE GTest::gtest_main)
  if(AMK_SANITIZE)
    # What a test spends its time in is what it tests, and a sanitizer makes its
    # many expectations slow to optimize.
    target_compile_options(${name} PRIVATE -O0)
  endif()
  if(AMK_SANITIZE STREQUAL "thread" AND NOT arg_THREADS)
    set_target_properties(${name} PROPERTIES EXCLUDE_FROM_ALL ON)
    return()
  endif()
  gtest_discover_tests(${name} DISCOVERY_MODE PRE_TEST PROPERTIES TIMEOUT 300)
  set_property(GLOBAL APPEND PROPERTY AMK_UNITTESTS ${name})
endfunction()

# amk_add_test_library(<name> SOURCES source... [INCLUDES dir...] [USES library...])
#   What several unit tests and programs share, compiled once: a static library of
#   the LLVM-free world. USES names the core libraries whose headers it needs; who
#   links it links them, or libAMK.so. Its users see the directories in INCLUDES.
function(amk_add_test_library name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;INCLUDES;USES")
  amk_check_arguments(amk_add_test_library ${name})
  add_library(${name} STATIC EXCLUDE_FROM_ALL ${arg_SOURCES})
  target_include_directories(${name} PUBLIC ${arg_INCLUDES})
  foreach(library IN LISTS arg_USES)
    target_include_directories(${name} PUBLIC
      $<TARGET_PROPERTY:${library},INTERFACE_INCLUDE_DIRECTORIES>)
  endforeach()
endfunction()

# amk_add_fuzzer(<name> [MLIR] SOURCES source... [LINK library...] [CORPUS dir...])
#   A libFuzzer program in bin/, in a build with the address sanitizer; nothing in
#   others. LINK names core libraries; with MLIR it may also name MLIR libraries,
#   and the fuzzer is left out of a build without MLIR. ctest runs it for a few
#   seconds as Fuzz.<name>, starting from the files in each CORPUS (relative to the
#   caller). LLVMFuzzerTestOneInput is what a source defines. scripts/fuzz.sh runs
#   it for longer.
add_custom_target(fuzzers)
function(amk_add_fuzzer name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "MLIR" "" "SOURCES;LINK;CORPUS")
  amk_check_arguments(amk_add_fuzzer ${name})
  if(NOT AMK_ENABLE_FUZZERS OR (arg_MLIR AND NOT AMK_ENABLE_MLIR))
    return()
  endif()
  add_executable(${name} ${arg_SOURCES})
  add_dependencies(fuzzers ${name})
  foreach(library IN LISTS arg_LINK)
    get_target_property(type ${library} TYPE)
    if(type STREQUAL OBJECT_LIBRARY)
      target_sources(${name} PRIVATE $<TARGET_OBJECTS:${library}>)
      add_dependencies(${name} ${library})
    else()
      target_link_libraries(${name} PRIVATE ${library})
    endif()
  endforeach()
  if(arg_MLIR)
    # Not with libAMK.so: only what the fuzzer is about has to be built.
    target_precompile_headers(${name} REUSE_FROM AMKPCH)
    target_link_libraries(${name} PRIVATE AMKMLIRUsage MLIR LLVM)
  endif()
  target_link_options(${name} PRIVATE -fsanitize=fuzzer)
  if(AMK_ENABLE_TESTS)
    # libFuzzer adds what it finds to the first directory; the others are only read.
    set(found ${CMAKE_BINARY_DIR}/fuzz/${name})
    file(MAKE_DIRECTORY ${found})
    set(corpus)
    foreach(dir IN LISTS arg_CORPUS)
      get_filename_component(dir ${dir} ABSOLUTE)
      list(APPEND corpus ${dir})
    endforeach()
    add_test(NAME Fuzz.${name}
      COMMAND ${name} -max_total_time=${AMK_FUZZ_SECONDS} -timeout=60 -rss_limit_mb=2048
              -artifact_prefix=${found}- ${found} ${corpus})
    set_tests_properties(Fuzz.${name} PROPERTIES TIMEOUT 300 LABELS fuzz)
  endif()
  set_property(GLOBAL APPEND PROPERTY AMK_UNITTESTS ${name})
endfunction()

# Stops at a misspelt keyword or missing sources. A macro: it reads the caller's
# parsed arguments.
macro(amk_check_arguments function target)
  if(arg_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "${function}(${target}): unknown arguments: ${arg_UNPARSED_ARGUMENTS}")
  endif()
  if(NOT arg_SOURCES)
    message(FATAL_ERROR "${function}(${target}): no SOURCES given")
  endif()
endmacro()
