# Tests of the CPU device, the kernels, and of what both devices promise. The
# schedules come from the toy Llama and the solvers of the passes.
amk_add_unittest(AMKRuntimeTests THREADS
  SOURCES
    AmkRunTest.cpp
    ConcurrentRunTest.cpp
    CpuDeviceTest.cpp
    DeviceConformanceTest.cpp
    GenerateTest.cpp
    InboxRunTest.cpp
    KernelsTest.cpp
    NumericsTest.cpp
    TraceTest.cpp
    WeightsTest.cpp
    ToyProgram.cpp
    ../Schedule/ToInboxes.cpp
    ../Scheduling/ToyLlama.cpp
    ../../tools/amk-run/Options.cpp
    ../../tools/amk-run/Output.cpp
    ../../tools/amk-run/Trace.cpp
  LINK AMKRuntime AMKScheduling)
target_include_directories(AMKRuntimeTests PRIVATE
  ${CMAKE_SOURCE_DIR}/runtime/lib ${CMAKE_SOURCE_DIR}/tools ${CMAKE_SOURCE_DIR}/unittests)
