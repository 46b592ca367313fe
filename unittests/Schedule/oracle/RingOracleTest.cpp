//===- RingOracleTest.cpp - V8 against every reachable state --------------===//

#include "RingOracle.h"
#include "AMK/Schedule/StreamRing.h"
#include "Builder.h"

using namespace amk::core;
using namespace amk::core::oracle;

namespace {

/// Whether rule V8 accepts a ring.
bool accepts(const RingModel &m) {
  test::Builder b;
  const uint32_t x = b.input("x", 128, ElementType::BF16);
  b.task("product", test::Builder::op("linear", {x, b.weight("w", 4, 128),
                                                 b.output("y", 4)}));
  b.s.tasks[0].stream = {4, 128, m.holds};
  b.s.ring = Ring{uint32_t(m.slots), 1024, uint32_t(m.window),
                  uint32_t(m.ahead), uint32_t(m.teams)};
  const std::string text = b.check();
  EXPECT_TRUE(text.empty() || text.substr(0, 3) == "V8:") << text;
  return text.empty();
}

/// The rule accepts a ring if and only if no state can be reached, with any
/// number of stages and any cut of them into tiles, in which a wait passes
/// early or nothing moves any more.
TEST(RingOracleTest, V8IsExact) {
  RingCounts c;
  const auto fits = [](const RingModel &m) {
    return m.slots * m.teams <= (m.holds ? 6 : 9);
  };
  const std::string wrong = campaign(4, 3, fits, accepts, c);
  EXPECT_EQ(wrong, "");
  RecordProperty("states", std::to_string(c.states));
  EXPECT_GT(c.safe, 50u);
  EXPECT_GT(c.unsafe, 200u);
}

/// `ahead` above the window is refused for what the two mean. For the waits
/// only the larger of them counts.
TEST(RingOracleTest, V8TheLargerOfTheWindowsCounts) {
  RingModel m;
  for (const auto &[slots, teams] : {std::pair(2, 2), {3, 2}, {4, 1}, {2, 3}})
    for (m.window = 1; m.window <= slots; ++m.window)
      for (m.ahead = m.window + 1; m.ahead <= slots + 1; ++m.ahead) {
        m.slots = slots;
        m.teams = teams;
        EXPECT_FALSE(accepts(m)) << toString(m);
        const int most = int(mostInFlight(uint32_t(slots), uint32_t(teams)));
        EXPECT_EQ(judgeRing(m).fault.empty(), m.ahead <= most) << toString(m);
      }
}

/// The loader waits for fewer landings where it goes from the window to fewer
/// stages ahead. Only because all teams end a tile before one begins the next
/// does nobody miss those it has not waited for.
TEST(RingOracleTest, V8RestsOnTeamsThatEndATileTogether) {
  RingModel m{5, 2, 3, 1, false, true};
  EXPECT_TRUE(accepts(m));
  EXPECT_EQ(judgeRing(m).fault, "");
  m.together = false;
  EXPECT_NE(judgeRing(m).fault.find("a team passes early"), std::string::npos);
}

/// What the search finds, in the smallest rings that are wrong.
TEST(RingOracleTest, V8Faults) {
  const auto fault = [](const RingModel &m) {
    EXPECT_FALSE(accepts(m)) << toString(m);
    return judgeRing(m).fault;
  };
  EXPECT_EQ(fault({3, 2, 2, 2}).find("a team passes early"), 0u);
  EXPECT_EQ(fault({1, 2, 1, 1}).find("a team passes early"), 0u);
  EXPECT_EQ(fault({1, 1, 2, 1}).find("the loader's window is wider"), 0u);
  EXPECT_EQ(fault({2, 2, 1, 0}).find("nothing moves"), 0u);
}

} // namespace
