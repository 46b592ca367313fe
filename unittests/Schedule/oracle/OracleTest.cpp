//===- OracleTest.cpp - The verifier against every reachable state --------===//

#include "AMK/Schedule/Verify.h"
#include "Builder.h"
#include "Campaign.h"
#include "Probe.h"

#include <random>

using namespace amk::core;
using namespace amk::core::oracle;

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define AMK_ORACLE_SANITIZED
#endif
#endif

namespace {

// A sanitizer makes it ten times as slow. It looks for other things, which
// fewer schedules show too.
#ifdef AMK_ORACLE_SANITIZED
constexpr uint64_t kSchedules = 4000;
#else
constexpr uint64_t kSchedules = 20000;
#endif

TEST(OracleTest, VerifierAgreesOnRandomSchedules) {
  const uint64_t seed = uint64_t(std::random_device{}()) << 20;
  RecordProperty("seed", std::to_string(seed));
  const Counts c = campaign(seed, kSchedules);
  EXPECT_EQ(c.disagreement, "") << "seed " << seed;
  EXPECT_GT(c.safe, c.schedules / 5);
  EXPECT_GT(c.concurrencyOnly, c.schedules / 10);
  EXPECT_GT(c.gangs, c.schedules / 10);
  EXPECT_GT(c.gangsSafe, c.schedules / 50);
  EXPECT_GT(c.inboxes, c.schedules / 10);
  EXPECT_GT(c.inboxesSafe, c.schedules / 50);
  EXPECT_GT(c.inboxesSmall, c.schedules / 1000);
  EXPECT_GT(c.inboxRule[1], c.schedules / 400);
  EXPECT_GT(c.inboxRule[5], c.schedules / 400);
  EXPECT_GT(c.inboxRule[7], c.schedules / 400);
  EXPECT_GT(c.stuckByMeeting, c.schedules / 400);
  EXPECT_GT(c.safeByMeeting, c.schedules / 1000);
}

/// The one place where a tile that is one step would see more than the rules
/// say: 'second' reads packets of 'first', so its signal comes second if a tile
/// is one step. But packets are there before their writer has signaled, so
/// the counter may reach 1 by 'second' alone.
TEST(OracleTest, V5PacketsDoNotOrderTheSignalsOfACounter) {
  registerProbes();
  test::Builder b;
  const uint32_t x = b.input("x", 12), d = b.value("d", 12);
  const uint32_t p = b.packets("p", 6, 6), y = b.value("y", 12);
  const uint32_t z = b.output("z", 12), c = b.counters("c");
  const auto touch = [](uint32_t operand, bool write, uint64_t bytes) {
    return encode({operand, write, false, Position::None, 0, {0, bytes, 0, 1}});
  };
  const auto probe = [&](std::vector<uint32_t> operands,
                         std::vector<OpAttribute> touches) {
    Operator op = test::Builder::op(probeName(1, unsigned(operands.size()) - 1),
                                    std::move(operands));
    op.attributes = std::move(touches);
    return op;
  };
  b.task("first", probe({x, d, p}, {touch(1, true, 48), touch(2, true, 12)}),
         {}, {0});
  b.task("second", probe({p, y}, {touch(0, false, 12), touch(1, true, 48)}), {},
         {1});
  b.task("reader", probe({d, z}, {touch(0, false, 48), touch(1, true, 48)}), {},
         {2});
  b.signal(0, c);
  b.signal(1, c);
  b.wait(2, c, 1);
  const Verdict v = judge(b.s);
  EXPECT_TRUE(v.concurrencyOnly());
  EXPECT_TRUE(v.consistent);
  EXPECT_TRUE(v.byPacketsOnly);
  EXPECT_EQ(disagreement(b.s), "");
  EXPECT_NE(b.check().find("V5: task 'reader'"), std::string::npos)
      << b.check();
  b.s.tasks[2].waits.clear();
  b.wait(2, c, 2);
  EXPECT_TRUE(judge(b.s).safe());
  EXPECT_EQ(b.check(), "");
}

} // namespace
