//===- Safetensors.h - Checkpoints in safetensors files ---------*- C++ -*-===//
//
// Part of AMK's front ends. No LLVM in here.
//
//===----------------------------------------------------------------------===//
//
// A checkpoint is a folder with `model.safetensors`, or with several such
// files ("shards") and `model.safetensors.index.json`, which says which tensor
// is in which. A file is: 8 bytes, the little-endian length of the header; the
// header, JSON of {name: {dtype, shape, data_offsets: [begin, end]}}; the data,
// to which the offsets are relative. Every byte of it is untrusted.
//
//===----------------------------------------------------------------------===//

#ifndef AMK_FRONTENDS_SAFETENSORS_H
#define AMK_FRONTENDS_SAFETENSORS_H

#include "AMK/Frontends/Error.h"
#include "AMK/Frontends/File.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace amk::frontends {

/// Element types of the format, in the order of its reference implementation.
enum class DType : uint8_t {
  Bool,
  F4,
  F6E2M3,
  F6E3M2,
  U8,
  I8,
  F8E5M2,
  F8E4M3,
  F8E5M2FNUZ,
  F8E4M3FNUZ,
  F8E8M0,
  I16,
  U16,
  F16,
  BF16,
  I32,
  U32,
  F32,
  C64,
  F64,
  I64,
  U64,
};

/// The type's name as the format spells it.
std::string_view dtypeName(DType type);

/// The size of one element in bits; some are smaller than a byte.
unsigned dtypeBits(DType type);

using Shape = std::vector<int64_t>;

/// `[2, 3]`.
std::string describeShape(const Shape &shape);

struct TensorInfo {
  std::string name;
  DType dtype = DType::BF16;
  Shape shape;
  /// Index in Checkpoint::files().
  size_t file = 0;
  /// Where the data starts, from the start of the file, and its size in bytes.
  uint64_t offset = 0;
  uint64_t size = 0;
  /// The bytes in the mapped file, as they are stored (possibly unaligned);
  /// null if the checkpoint was opened for its headers only.
  Bytes data;
};

/// The tensors described by the header of a file of `fileSize` bytes, sorted by
/// name, with `file` and `data` unset. `path` names the file in errors. Refuses
/// whatever does not tile the data section exactly. Separate from Checkpoint so
/// that it can be tested and fuzzed on bytes.
Expected<std::vector<TensorInfo>>
parseSafetensorsHeader(std::string_view header, uint64_t fileSize,
                       std::string_view path);

/// The largest header that is accepted, as in the reference implementation.
inline constexpr uint64_t maxSafetensorsHeader = 100'000'000;

class Checkpoint {
public:
  enum class Open {
    HeadersOnly, ///< names, types and shapes; no data, no mapping
    Data,        ///< files mapped; pages are read when they are touched
  };

  /// Opens the checkpoint in `directory`. `model.safetensors` is preferred
  /// where both layouts are there.
  static Expected<Checkpoint> open(const std::string &directory, Open mode);

  /// Paths of the files that hold tensors.
  const std::vector<std::string> &files() const { return paths; }

  /// All tensors, sorted by name. Those in a shard that the index does not
  /// mention are left out.
  const std::vector<TensorInfo> &tensors() const { return infos; }

  /// Null if there is none. Pointers stay valid as long as the checkpoint and
  /// when it is moved.
  const TensorInfo *find(std::string_view name) const;

  /// The tensor of that name, an error if it is missing or its type or shape
  /// is another.
  Expected<const TensorInfo *> require(std::string_view name, DType dtype,
                                       const Shape &shape) const;

  /// `require` for the one type in which weights are supported.
  Expected<const TensorInfo *> requireBF16(std::string_view name,
                                           const Shape &shape) const {
    return require(name, DType::BF16, shape);
  }

private:
  Checkpoint() = default;

  /// What names the checkpoint in errors about missing tensors: the file, or
  /// the index.
  std::string source;
  std::vector<std::string> paths;
  std::vector<Mapping> mappings;
  std::vector<TensorInfo> infos;

  Expected<std::vector<TensorInfo>> openFile(const std::string &path,
                                             Open mode);
  Expected<void> openIndex(const std::string &directory, Open mode);
};

} // namespace amk::frontends

#endif // AMK_FRONTENDS_SAFETENSORS_H
