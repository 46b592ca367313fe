# Lets other CMake projects use a build directory of AMK: see AMKConfig.cmake.in.
set(config_dir ${CMAKE_BINARY_DIR}/lib/cmake/AMK)
configure_file(${CMAKE_SOURCE_DIR}/cmake/AMKConfig.cmake.in ${config_dir}/AMKConfig.cmake @ONLY)
export(TARGETS AMK AMKMLIRUsage NAMESPACE AMK:: FILE ${config_dir}/AMKExports.cmake)
