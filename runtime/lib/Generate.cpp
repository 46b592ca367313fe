//===- Generate.cpp - Greedy generation -----------------------------------===//

#include "AMK/Runtime/Generate.h"

#include "AMK/Schedule/Operators.h"

#include <algorithm>

namespace amk::runtime {

uint32_t findBuffer(const core::Schedule &schedule, std::string_view name) {
  for (uint32_t b = 0; b < schedule.buffers.size(); ++b)
    if (schedule.buffers[b].name == name)
      return b;
  return core::kNone;
}

namespace {

Status expectScalar(const core::Schedule &s, const char *name,
                    core::BufferKind kind, uint32_t &buffer) {
  buffer = findBuffer(s, name);
  const std::string expected = std::string("the program does not generate "
                                           "tokens: expected ") +
                               std::string(core::toString(kind)) + " buffer '" +
                               name + "' of type i32[1]";
  if (buffer == core::kNone)
    return {ErrorKind::Usage, expected + ", found none"};
  const core::Buffer &b = s.buffers[buffer];
  if (b.kind != kind || b.type != core::ElementType::I32 || b.elements() != 1)
    return {ErrorKind::Usage, expected + ", found another"};
  return {};
}

} // namespace

Status findTokenBuffers(const core::Schedule &s, TokenBuffers &found) {
  if (Status st =
          expectScalar(s, "token", core::BufferKind::Input, found.token);
      !st.ok())
    return st;
  if (Status st = expectScalar(s, "next", core::BufferKind::Output, found.next);
      !st.ok())
    return st;
  found.logits = findBuffer(s, "logits");
  if (found.logits != core::kNone) {
    const core::Buffer &b = s.buffers[found.logits];
    if (b.kind != core::BufferKind::Output ||
        b.type != core::ElementType::F32 || b.shape.size() != 1)
      found.logits = core::kNone;
  }
  // The vocabulary is what the embedding can look up.
  for (const core::Task &task : s.tasks)
    for (const core::Operator &op : task.ops)
      if (op.name == "embed" && op.operands.size() == 3 &&
          op.operands[0] == found.token)
        found.vocabulary = s.buffers[op.operands[1]].shape[0];
  if (!found.vocabulary && found.logits != core::kNone)
    found.vocabulary = s.buffers[found.logits].shape[0];
  if (!found.vocabulary)
    return {ErrorKind::Usage, "the program does not generate tokens: expected "
                              "an operator 'embed' of 'token', found none"};
  return {};
}

uint64_t bytesPerStep(const core::Schedule &s) {
  uint64_t bytes = 0;
  for (const core::Task &task : s.tasks)
    for (const core::Operator &op : task.ops) {
      const bool weights =
          std::any_of(op.operands.begin(), op.operands.end(), [&](uint32_t b) {
            return s.buffers[b].kind == core::BufferKind::Weight ||
                   s.buffers[b].kind == core::BufferKind::Constant;
          });
      const core::OperatorModel *model = core::lookupOperator(op.name);
      if (weights)
        bytes += model->cost(s, op, {0, model->extent(s, op)}).bytes;
    }
  return bytes;
}

Status checkRequest(const core::Schedule &s, const GenerateOptions &options) {
  TokenBuffers buffers;
  if (Status st = findTokenBuffers(s, buffers); !st.ok())
    return st;
  if (options.prompt.empty())
    return {ErrorKind::Usage, "--prompt-ids: expected at least one id"};
  for (int64_t id : options.prompt)
    if (id < 0 || id >= buffers.vocabulary)
      return {ErrorKind::Usage, "--prompt-ids: expected ids from 0 to " +
                                    std::to_string(buffers.vocabulary - 1) +
                                    ", found " + std::to_string(id)};
  if (options.maxNewTokens < 1)
    return {ErrorKind::Usage, "--max-new-tokens: expected at least 1, found " +
                                  std::to_string(options.maxNewTokens)};
  const int64_t prompt = int64_t(options.prompt.size());
  if (prompt > s.positions || options.maxNewTokens > s.positions - prompt)
    return {ErrorKind::Usage,
            "--max-new-tokens: the cache holds " + std::to_string(s.positions) +
                " tokens, found a prompt of " + std::to_string(prompt) +
                " and " + std::to_string(options.maxNewTokens) + " new ones"};
  return {};
}

namespace {

/// One launch: the token in, the next one out.
Status step(Device &device, const TokenBuffers &buffers, int64_t token,
            int64_t position, int64_t &next, double &milliseconds) {
  const int32_t in = int32_t(token);
  if (Status s = device.write(buffers.token, &in, sizeof in); !s.ok())
    return s;
  if (Status s = device.launch(position, milliseconds); !s.ok())
    return s;
  int32_t out = 0;
  if (Status s = device.read(buffers.next, &out, sizeof out); !s.ok())
    return s;
  next = out;
  if (out == -1)
    return {ErrorKind::Numeric,
            "a NaN among the logits at position " + std::to_string(position)};
  if (out < 0 || out >= buffers.vocabulary)
    return {ErrorKind::Device, "the device gave token " + std::to_string(out) +
                                   " at position " + std::to_string(position) +
                                   ", outside the vocabulary of " +
                                   std::to_string(buffers.vocabulary)};
  return {};
}

} // namespace

Status generate(const core::Schedule &s, Device &device,
                const GenerateOptions &options, const GenerateEvents &events,
                GenerateResult &result) {
  result = {};
  TokenBuffers buffers;
  if (Status st = checkRequest(s, options); !st.ok())
    return st;
  if (Status st = findTokenBuffers(s, buffers); !st.ok())
    return st;
  std::vector<float> logits;
  if (events.wantLogits) {
    if (buffers.logits == core::kNone)
      return {ErrorKind::Usage, "the program has no output 'logits'"};
    logits.resize(size_t(s.buffers[buffers.logits].elements()));
  }
  const int64_t prompt = int64_t(options.prompt.size());
  const int64_t steps = prompt + options.maxNewTokens - 1;
  int64_t next = 0;
  for (int64_t p = 0; p < steps; ++p) {
    double milliseconds = 0;
    const int64_t token = p < prompt ? options.prompt[size_t(p)] : next;
    if (Status st = step(device, buffers, token, p, next, milliseconds);
        !st.ok())
      return st;
    result.stepMs.push_back(milliseconds);
    if (events.step)
      events.step(p + 1, steps);
    if (p + 1 < prompt)
      continue;
    result.tokens.push_back(next);
    if (events.wantLogits)
      if (Status st = device.read(buffers.logits, logits.data(),
                                  logits.size() * sizeof(float));
          !st.ok())
        return st;
    if (events.token)
      if (Status st = events.token(next, logits); !st.ok())
        return st;
    result.endToken = std::count(s.endTokens.begin(), s.endTokens.end(), next);
    if (result.endToken && !options.ignoreEos)
      return {};
  }
  result.endToken = false;
  return {};
}

} // namespace amk::runtime
