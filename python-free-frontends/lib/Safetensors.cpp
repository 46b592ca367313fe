//===- Safetensors.cpp - Checkpoints in safetensors files -----------------===//

#include "AMK/Frontends/Safetensors.h"
#include "AMK/Frontends/Json.h"

#include <algorithm>

namespace amk::frontends {

/// The header's text, after its length was checked against the file's.
static Expected<std::string> readHeader(const File &file) {
  if (file.size() < 8)
    return makeError(file.path(), "",
                     "expected at least the 8 bytes of the header length, "
                     "found " +
                         std::to_string(file.size()) + " bytes");
  char prefix[8];
  if (Expected<void> done = file.read(0, sizeof(prefix), prefix); !done)
    return done.error();
  uint64_t length = 0;
  for (unsigned i = 0; i < 8; ++i)
    length |= uint64_t(static_cast<unsigned char>(prefix[i])) << (8 * i);
  if (length > maxSafetensorsHeader)
    return makeError(file.path(), "header length",
                     "expected at most " +
                         std::to_string(maxSafetensorsHeader) +
                         " bytes, found " + std::to_string(length));
  if (length > file.size() - 8)
    return makeError(file.path(), "header length",
                     "expected at most the " + std::to_string(file.size() - 8) +
                         " bytes that follow it, found " +
                         std::to_string(length));
  std::string header(static_cast<size_t>(length), '\0');
  if (Expected<void> done = file.read(8, header.size(), header.data()); !done)
    return done.error();
  return header;
}

Expected<std::vector<TensorInfo>> Checkpoint::openFile(const std::string &path,
                                                       Open mode) {
  Expected<File> file = File::open(path);
  if (!file)
    return file.error();
  Expected<std::string> header = readHeader(*file);
  if (!header)
    return header.error();
  Expected<std::vector<TensorInfo>> tensors =
      parseSafetensorsHeader(*header, file->size(), path);
  if (!tensors)
    return tensors.error();
  Bytes mapped;
  if (mode == Open::Data) {
    // Checks the size again: offsets were checked against the size that the
    // file had when it was opened.
    Expected<Mapping> mapping = Mapping::map(*file);
    if (!mapping)
      return mapping.error();
    mapped = mapping->bytes();
    mappings.push_back(std::move(*mapping));
  }
  for (TensorInfo &tensor : *tensors) {
    tensor.file = paths.size();
    if (mapped.data)
      tensor.data = {mapped.data + tensor.offset,
                     static_cast<size_t>(tensor.size)};
  }
  paths.push_back(path);
  return tensors;
}

/// Why `name` may not name a shard; empty if it may. A shard lies in the
/// checkpoint's folder (as a link, if need be): an index must not be able to
/// make us read some other file.
static std::string_view shardNameProblem(const std::string &name) {
  if (name.empty())
    return "an empty name";
  if (name == "." || name == "..")
    return "the name of a folder";
  if (name.find_first_of("/\\") != std::string::npos)
    return "a path separator";
  if (name.find('\0') != std::string::npos)
    return "a NUL byte";
  return {};
}

namespace {
/// An entry of the index: which shard (an index in a list) has which tensor.
struct Assignment {
  std::string tensor;
  size_t shard = 0;
};

struct Index {
  std::vector<std::string> shards; ///< sorted
  std::vector<Assignment> tensors; ///< sorted by tensor
};
} // namespace

static Expected<Index> readIndex(const std::string &path) {
  Expected<json::Value> root = json::parseFile(path);
  if (!root)
    return root.error();
  if (!root->asObject())
    return makeError(path, "",
                     "expected an object, found " + json::describe(*root));
  const json::Value *map = root->find("weight_map");
  if (!map)
    return makeError(path, "weight_map",
                     "expected an object from tensor to shard, found no such "
                     "key");
  if (!map->asObject())
    return makeError(path, "weight_map",
                     "expected an object from tensor to shard, found " +
                         json::describe(*map));
  Index index;
  for (const json::Member &member : *map->asObject()) {
    const std::string *shard = member.value.asString();
    if (!shard)
      return makeError(path, member.key,
                       "expected the name of a shard, found " +
                           json::describe(member.value));
    if (std::string_view problem = shardNameProblem(*shard); !problem.empty())
      return makeError(path, member.key,
                       "expected the name of a shard in the same folder, "
                       "found " +
                           std::string(problem) + " in " + quoted(*shard));
    index.shards.push_back(*shard);
  }
  std::sort(index.shards.begin(), index.shards.end());
  index.shards.erase(std::unique(index.shards.begin(), index.shards.end()),
                     index.shards.end());
  for (const json::Member &member : *map->asObject()) {
    auto shard = std::lower_bound(index.shards.begin(), index.shards.end(),
                                  *member.value.asString());
    index.tensors.push_back(
        {member.key, static_cast<size_t>(shard - index.shards.begin())});
  }
  std::sort(index.tensors.begin(), index.tensors.end(),
            [](const Assignment &a, const Assignment &b) {
              return a.tensor < b.tensor;
            });
  return index;
}

static bool nameLess(const TensorInfo &tensor, std::string_view name) {
  return tensor.name < name;
}

Expected<void> Checkpoint::openIndex(const std::string &directory, Open mode) {
  Expected<Index> index = readIndex(source);
  if (!index)
    return index.error();
  std::vector<TensorInfo> all;
  for (const std::string &shard : index->shards) {
    Expected<std::vector<TensorInfo>> tensors =
        openFile(joinPath(directory, shard), mode);
    if (!tensors)
      return tensors.error();
    std::move(tensors->begin(), tensors->end(), std::back_inserter(all));
  }
  std::sort(all.begin(), all.end(),
            [](const TensorInfo &a, const TensorInfo &b) {
              return a.name != b.name ? a.name < b.name : a.file < b.file;
            });
  // Which of two tensors of one name is meant would depend on the reader.
  for (size_t i = 1; i < all.size(); ++i)
    if (all[i].name == all[i - 1].name)
      return makeError(paths[all[i].file], all[i].name,
                       "expected each tensor in one shard, found it also in " +
                           quoted(index->shards[all[i - 1].file]));
  for (const Assignment &entry : index->tensors) {
    auto found =
        std::lower_bound(all.begin(), all.end(), entry.tensor, nameLess);
    if (found == all.end() || found->name != entry.tensor ||
        found->file != entry.shard)
      return makeError(source, entry.tensor,
                       "expected a tensor that is in its shard, found none of "
                       "that name in " +
                           quoted(index->shards[entry.shard]));
    infos.push_back(*found);
  }
  return {};
}

Expected<Checkpoint> Checkpoint::open(const std::string &directory, Open mode) {
  Checkpoint checkpoint;
  std::string single = joinPath(directory, "model.safetensors");
  std::string index = joinPath(directory, "model.safetensors.index.json");
  if (exists(single)) {
    Expected<std::vector<TensorInfo>> tensors =
        checkpoint.openFile(single, mode);
    if (!tensors)
      return tensors.error();
    checkpoint.source = single;
    checkpoint.infos = std::move(*tensors);
    return checkpoint;
  }
  if (!exists(index))
    return makeError(directory, "",
                     "expected a folder with model.safetensors or "
                     "model.safetensors.index.json, found neither");
  checkpoint.source = index;
  if (Expected<void> done = checkpoint.openIndex(directory, mode); !done)
    return done.error();
  return checkpoint;
}

const TensorInfo *Checkpoint::find(std::string_view name) const {
  auto found = std::lower_bound(infos.begin(), infos.end(), name, nameLess);
  return found != infos.end() && found->name == name ? &*found : nullptr;
}

Expected<const TensorInfo *> Checkpoint::require(std::string_view name,
                                                 DType dtype,
                                                 const Shape &shape) const {
  std::string wanted =
      std::string(dtypeName(dtype)) + " " + describeShape(shape);
  const TensorInfo *tensor = find(name);
  if (!tensor)
    return makeError(source, name,
                     "expected " + wanted + ", found no such tensor");
  if (tensor->dtype != dtype || tensor->shape != shape)
    return makeError(paths[tensor->file], name,
                     "expected " + wanted + ", found " +
                         std::string(dtypeName(tensor->dtype)) + " " +
                         describeShape(tensor->shape));
  return tensor;
}

} // namespace amk::frontends
