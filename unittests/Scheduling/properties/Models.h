//===- Models.h - Random Llamas as imported ---------------------*- C++ -*-===//

#ifndef AMK_UNITTESTS_SCHEDULING_PROPERTIES_MODELS_H
#define AMK_UNITTESTS_SCHEDULING_PROPERTIES_MODELS_H

#include "AMK/Runtime/WeightSource.h"
#include "AMK/Schedule/Schedule.h"

#include <map>
#include <random>

namespace amk::scheduling::properties {

class Random {
public:
  explicit Random(uint64_t seed) : engine(seed) {}
  uint64_t bits() { return engine(); }
  uint32_t below(uint64_t n) { return uint32_t(engine() % n); }
  bool oneIn(uint32_t n) { return below(n) == 0; }
  template <typename T>
  T pick(std::initializer_list<T> values) {
    return values.begin()[below(values.size())];
  }

private:
  std::mt19937_64 engine;
};

struct Model {
  int64_t hidden = 0, inter = 0, heads = 0, kvHeads = 0, headDim = 0;
  int64_t vocab = 0, layers = 0;
  int64_t positions = 0; ///< that the model takes at most
  bool tied = false;
  core::RopeTable rope;
  core::Numerics numerics;
};

Model randomModel(Random &random);
std::string print(const Model &model);
/// "MHA", "GQA", "MQA", "tied", ...: what the counts list.
std::vector<std::string> kindsOf(const Model &model);

/// The schedule that the import makes of such a model: a task for every
/// operator, in program order, no target.
core::Schedule importModel(const Model &model);

/// Tensors of any name and shape, large enough that every operator matters.
class Weights : public runtime::WeightSource {
public:
  explicit Weights(uint64_t seed) : seed(seed) {}
  runtime::Status tensor(const std::string &name, int64_t rows, int64_t columns,
                         const void *&data) override;

private:
  uint64_t seed;
  std::map<std::string, std::vector<uint16_t>> tensors;
};

} // namespace amk::scheduling::properties

#endif // AMK_UNITTESTS_SCHEDULING_PROPERTIES_MODELS_H
