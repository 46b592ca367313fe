# The lit suite of AMK. Run it with `ninja check-amk`, or a part of it with
#   lit -sv BUILD/test --filter=PATTERN
# `-Droundtrip=1` makes every amk-opt print and parse its input once more and
# compare: lit -sv -Droundtrip=1 BUILD/test
# Nothing is assembled then: no PTX changes by it.
#
# Substitutions, beside lit's own:
#   %ptxas    ptxas, where the feature `ptxas` is present
#   %models   test/Inputs, the small checkpoints
#   %root     the source directory
#   %build    the build directory
#   %plugins  the directory with the plugins that examples/ builds
# Features: ptxas, gpu (an NVIDIA device is present).

import os

import lit.formats

roundtrip = bool(lit_config.params.get("roundtrip"))
config.name = "AMK"
config.test_format = lit.formats.ShTest(execute_external=False)
config.suffixes = [".mlir", ".test"]
config.excludes = ["Inputs"]
config.test_source_root = os.path.dirname(__file__)
config.test_exec_root = config.amk_exec_root

config.environment["PATH"] = os.pathsep.join(
    [
        os.path.join(config.amk_binary_root, "bin"),
        config.llvm_tools_dir,
        config.environment["PATH"],
    ]
)
config.environment["FILECHECK_OPTS"] = "--dump-input=fail --enable-var-scope"

config.substitutions += [
    ("%models", os.path.join(config.test_source_root, "Inputs")),
    ("%root", config.amk_source_root),
    ("%build", config.amk_binary_root),
    ("%plugins", os.path.join(config.amk_binary_root, "lib")),
]

if config.ptxas and not roundtrip:
    config.available_features.add("ptxas")
    config.substitutions.append(("%ptxas", config.ptxas))
if os.path.exists("/dev/nvidia0"):
    config.available_features.add("gpu")

if roundtrip:
    config.substitutions.append((r"\bamk-opt\b", "amk-opt --verify-roundtrip"))
