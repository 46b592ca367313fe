//===- VerifyStream.cpp - V8 and V9: the stream ---------------------------===//
//
// A ring is judged for every number of stages and every cut of them into
// tiles: how many there are may depend on the position. So V8 is a condition on
// the ring alone, and on what single tasks take of it.
//
//===----------------------------------------------------------------------===//

#include "AMK/Schedule/Operators.h"
#include "AMK/Schedule/SharedLayout.h"
#include "AMK/Schedule/StreamRing.h"
#include "VerifyImpl.h"

namespace amk::core::verifier {

namespace {

void checkRing(Report &r, const Ring &ring) {
  const uint32_t most = mostInFlight(ring.slots, ring.teams);
  if (most == 0) {
    r.add("V8", {},
          say({"ring: expected at least as many slots as teams, ", ring.teams,
               ", found ", ring.slots}));
    return;
  }
  if (ring.window < 1 || ring.window > most)
    r.add("V8", {},
          say({"ring: expected a window of 1 to ", most, " with ", ring.slots,
               " slots and ", ring.teams, " teams, found ", ring.window,
               ring.window ? ": a wait for a slot could run two phases ahead"
                           : ""}));
  else if (ring.ahead < 1 || ring.ahead > ring.window)
    r.add("V8", {},
          say({"ring: expected 1 to ", ring.window,
               " stages ahead, the window, found ", ring.ahead}));
}

/// V9, of what a tile has of its own: the rest is asked of the bytes.
void checkStreamedOperands(Report &r, uint32_t t) {
  const Task &task = r.s.tasks[t];
  for (uint32_t o = 0; task.stream.rows && o < task.ops.size(); ++o) {
    const unsigned operand =
        lookupOperator(task.ops[o].name)->streamedOperand();
    if (operand == kNone)
      continue;
    const Buffer &b = r.s.buffers[task.ops[o].operands[operand]];
    if (b.kind == BufferKind::Local)
      r.add("V9", atTask(t, o),
            say({"streams '", b.name, "', a value that the tile itself makes: ",
                 "expected one that is there before the launch"}));
  }
}

void checkStages(Report &r, uint32_t t, const Ring &ring) {
  const Stream &stream = r.s.tasks[t].stream;
  if (stream.rows == 0)
    return;
  const uint64_t bytes = stageBytes(r.s, r.s.tasks[t]);
  if (bytes > ring.bytes)
    r.add("V8", atTask(t),
          say({"stream: expected stages of at most ", ring.bytes,
               " bytes, a slot of the ring, found ", bytes}));
  if (stream.held > kMostHeld)
    r.add("V8", atTask(t),
          say({"stream: expected a warp to hold at most ", kMostHeld,
               " stage, found ", stream.held}));
  if (std::string why; stream.bySlice && !canTakeSlices(r.s, r.s.tasks[t], why))
    r.add("V8", atTask(t), "stream: " + why);
}

} // namespace

void checkStream(Report &r) {
  if (!r.s.ring)
    return;
  checkRing(r, *r.s.ring);
  for (uint32_t t = 0; t < r.s.tasks.size() && !r.full(); ++t) {
    checkStages(r, t, *r.s.ring);
    checkStreamedOperands(r, t);
  }
}

} // namespace amk::core::verifier
