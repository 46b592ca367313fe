# Finds LLVM and MLIR, and defines
#   AMKMLIRUsage  an interface target with MLIR's include paths, definitions and
#                 our generated headers. Nothing but MLIR code may see it.
#   AMKPCH        the one precompiled header that all MLIR code shares.

find_package(MLIR 22.1 REQUIRED CONFIG HINTS /usr/lib/llvm-22/lib/cmake/mlir)
message(STATUS "MLIR ${LLVM_PACKAGE_VERSION} in ${MLIR_DIR}")
list(APPEND CMAKE_MODULE_PATH ${MLIR_CMAKE_DIR} ${LLVM_CMAKE_DIR})
include(TableGen)
include(AddLLVM)
include(AddMLIR)

add_library(AMKMLIRUsage INTERFACE)
separate_arguments(llvm_definitions NATIVE_COMMAND "${LLVM_DEFINITIONS}")
target_compile_options(AMKMLIRUsage INTERFACE ${llvm_definitions})
target_include_directories(AMKMLIRUsage INTERFACE
  ${CMAKE_SOURCE_DIR}/include ${CMAKE_BINARY_DIR}/include)
target_include_directories(AMKMLIRUsage SYSTEM INTERFACE
  ${MLIR_INCLUDE_DIRS} ${LLVM_INCLUDE_DIRS})

# CMake wants a source to build the header with.
file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/AMKPCH.cpp CONTENT "")
add_library(AMKPCH OBJECT ${CMAKE_BINARY_DIR}/AMKPCH.cpp)
target_link_libraries(AMKPCH PRIVATE AMKMLIRUsage)
target_precompile_headers(AMKPCH PRIVATE ${CMAKE_SOURCE_DIR}/cmake/AMKPCH.h)
