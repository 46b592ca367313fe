//===- Model.h - A copy of tiny-llama to change -----------------*- C++ -*-===//

#ifndef AMK_UNITTESTS_INTEGRATION_MODEL_H
#define AMK_UNITTESTS_INTEGRATION_MODEL_H

#include "Frontends/TempFolder.h"

namespace amk::test {

inline constexpr char kConfig[] = "config.json";
inline constexpr char kIndex[] = "model.safetensors.index.json";
inline constexpr char kShard1[] = "model-00001-of-00002.safetensors";
inline constexpr char kShard2[] = "model-00002-of-00002.safetensors";

/// A checkpoint folder whose files are links to those of tiny-llama until they
/// are written.
class Model : public TempFolder {
public:
  Model();

  /// Takes a file away.
  void remove(std::string_view file) const;
  /// Writes a file of its own in place of the link.
  void replace(std::string_view file, std::string_view content) const;
  /// Replaces the first `from`, which has to be there, in a text file.
  void edit(std::string_view file, std::string_view from,
            std::string_view to) const;

  /// The header and the data of a safetensors file, and writing them.
  std::string header(std::string_view shard) const;
  std::string data(std::string_view shard) const;
  void writeShard(std::string_view shard, std::string_view header,
                  std::string_view data) const;
  /// Replaces the first `from`, which has to be there, in a shard's header.
  void editHeader(std::string_view shard, std::string_view from,
                  std::string_view to) const;
};

} // namespace amk::test

#endif // AMK_UNITTESTS_INTEGRATION_MODEL_H
