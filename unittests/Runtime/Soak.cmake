# Launches a program many times and compares every bit; see its head. A tool, so
# that it can be carried to a machine with a GPU.
amk_add_tool(AMKDeviceSoak SOURCES DeviceSoak.cpp LINK AMKRuntime)
