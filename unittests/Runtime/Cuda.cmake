# Tests of the cuda device, over a driver that works on the host's memory.
# It takes the prototypes from the runtime, so that they cannot differ.
add_library(AMKFakeCuda SHARED FakeCuda.cpp)
target_include_directories(AMKFakeCuda PRIVATE
  ${CMAKE_SOURCE_DIR}/runtime/lib ${CMAKE_SOURCE_DIR}/runtime/include)

amk_add_unittest(AMKRuntimeCudaTests THREADS
  SOURCES
    CudaDescribeTest.cpp
    CudaDeviceTest.cpp
    CudaHostTest.cpp
  LINK AMKRuntime
  DEPENDS AMKFakeCuda)
target_include_directories(AMKRuntimeCudaTests PRIVATE ${CMAKE_SOURCE_DIR}/runtime/lib)
target_compile_definitions(AMKRuntimeCudaTests PRIVATE
  AMK_FAKE_CUDA="$<TARGET_FILE:AMKFakeCuda>")
