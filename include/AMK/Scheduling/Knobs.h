//===- Knobs.h - All options from one JSON file -----------------*- C++ -*-===//
//
// docs/knobs.schema.json describes the file, docs/knobs.md what each knob does.
// A test holds the schema against this reader.
//
//===----------------------------------------------------------------------===//

#ifndef AMK_SCHEDULING_KNOBS_H
#define AMK_SCHEDULING_KNOBS_H

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace amk::scheduling {

/// What a file gives; the rest stays at its default.
struct Knobs {
  std::optional<std::string> target;
  std::optional<int64_t> workers, positions;
  std::optional<int64_t> rows;    ///< tiling.gemv.N_tile
  std::optional<int64_t> kvBlock; ///< tiling.attention.kv_block
  std::optional<bool> balance, fewest;
  std::optional<bool> splitAttention;    ///< tiling.attention.split
  std::optional<bool> fuse;              ///< fusion_grouping: "none"
  std::vector<std::string> groups;       ///< fusion_grouping: a list
  std::optional<std::string> assignment; ///< policy
  std::vector<std::string> map;          ///< TASK=WORKERS
  std::optional<int64_t> cluster;
  std::optional<bool> keepOwners;
  std::optional<int64_t> slots;     ///< pipelining_depth
  std::optional<std::string> pages; ///< page_allocation
  std::optional<int64_t> threads, sharedBytes;
  std::optional<int64_t> window, ahead, held, warps, columns, packets,
      sharedPageBytes, inboxBytes;
  std::optional<std::string> slices; ///< kernel_knobs.slices
  std::optional<bool> reduce, clusterGathers;
};

/// The names of all knobs, "tiling.gemv.N_tile" and so on.
std::vector<std::string> knobNames();

/// Reads knobs from JSON text; `file` names it in messages. Returns what is
/// wrong, with the knob's name, or an empty string.
std::string parseKnobs(std::string_view text, const std::string &file,
                       Knobs &knobs);
/// The same from a file.
std::string readKnobs(const std::string &file, Knobs &knobs);

} // namespace amk::scheduling

#endif // AMK_SCHEDULING_KNOBS_H
