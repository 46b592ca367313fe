//===- Mutation.cpp - Schedules as bytes, and changed ---------------------===//

#include "Mutation.h"

#include "AMK/Schedule/Operators.h"
#include "Fields.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <set>

namespace amk::fuzz {

namespace {

//===----------------------------------------------------------------------===//
// Bytes
//===----------------------------------------------------------------------===//

/// Numbers of 7 bits a byte, so that most are one byte.
class Encoder {
public:
  std::string out;

  void bits(uint64_t value) {
    for (; value >= 0x80; value >>= 7)
      out.push_back(char(value | 0x80));
    out.push_back(char(value));
  }
  template <typename T>
  void number(const T &value) {
    // kNone and small negative numbers are short too.
    using Signed = std::make_signed_t<T>;
    const int64_t wide = int64_t(Signed(value));
    bits(uint64_t(wide) << 1 ^ uint64_t(wide >> 63));
  }
  void real(const double &value) {
    uint64_t pattern;
    std::memcpy(&pattern, &value, sizeof(pattern));
    bits(pattern);
  }
  void flag(const bool &value) { bits(value); }
  template <typename T>
  void choice(const T &value, uint8_t) {
    bits(uint8_t(value));
  }
  void text(const std::string &value) {
    bits(value.size());
    out += value;
  }
  void name(const std::string &value) { text(value); }
  template <typename T, typename Fn>
  void list(std::vector<T> &values, Fn each) {
    bits(values.size());
    for (T &value : values)
      each(value);
  }
  template <typename T, typename Fn>
  void optional(std::optional<T> &value, Fn each) {
    flag(value.has_value());
    if (value)
      each(*value);
  }
};

class Decoder {
public:
  explicit Decoder(std::string_view bytes) : in(bytes) {}

  uint64_t bits() {
    uint64_t value = 0;
    for (unsigned shift = 0; !in.empty(); shift += 7) {
      const uint8_t byte = uint8_t(in.front());
      in.remove_prefix(1);
      if (shift < 64)
        value |= uint64_t(byte & 0x7f) << shift;
      if (byte < 0x80)
        break;
    }
    return value;
  }
  template <typename T>
  void number(T &value) {
    const uint64_t zigzag = bits();
    value = T(zigzag >> 1 ^ (0 - (zigzag & 1)));
  }
  void real(double &value) {
    const uint64_t pattern = bits();
    std::memcpy(&value, &pattern, sizeof(value));
  }
  void flag(bool &value) { value = bits() & 1; }
  /// Now and then a value that the enumeration does not have.
  template <typename T>
  void choice(T &value, uint8_t count) {
    const uint8_t byte = uint8_t(bits());
    value = T(byte >= 0xf0 ? byte : byte % count);
  }
  void text(std::string &value) {
    const uint64_t length = std::min<uint64_t>(bits(), in.size());
    value = in.substr(0, length);
    in.remove_prefix(length);
  }
  void name(std::string &value) { text(value); }
  template <typename T, typename Fn>
  void list(std::vector<T> &values, Fn each) {
    const uint64_t count = std::min<uint64_t>(bits(), in.size());
    values.clear();
    for (uint64_t i = 0; i < count && !in.empty(); ++i)
      each(values.emplace_back());
  }
  template <typename T, typename Fn>
  void optional(std::optional<T> &value, Fn each) {
    bool has;
    flag(has);
    value.reset();
    if (has)
      each(value.emplace());
  }

private:
  std::string_view in;
};

//===----------------------------------------------------------------------===//
// Changes
//===----------------------------------------------------------------------===//

/// Counts the places where something can be changed, or changes the one with
/// number `place`.
class Changer {
public:
  explicit Changer(Random &random, uint64_t place = ~uint64_t(0))
      : random(random), place(place) {}
  uint64_t places = 0;

  template <typename T>
  void number(T &value) {
    if (places++ == place)
      value = changed(value);
    // Any number seen before may come up again elsewhere.
    if (below(16) == 0)
      other = uint64_t(value);
  }
  void real(double &value) {
    if (places++ != place)
      return;
    constexpr double kValues[] = {0.0, -1.0, 1e-300, 1e300, 0.5};
    value = kValues[below(5)];
  }
  void flag(bool &value) {
    if (places++ == place)
      value = !value;
  }
  template <typename T>
  void choice(T &value, uint8_t count) {
    if (places++ == place)
      value = T(below(32) ? below(count) : 0xf0 + below(16));
  }
  void text(std::string &value) {
    if (places++ != place)
      return;
    if (value.empty() || below(2))
      value.push_back(char('a' + below(26)));
    else if (below(4))
      value.pop_back();
    else
      value[below(value.size())] = char(below(256));
  }
  void name(std::string &value) {
    if (places++ != place)
      return;
    const std::vector<std::string_view> names = core::operatorNames();
    value = names[below(names.size())];
  }
  template <typename T, typename Fn>
  void list(std::vector<T> &values, Fn each) {
    if (places++ == place)
      rearrange(values);
    for (T &value : values)
      each(value);
  }
  template <typename T, typename Fn>
  void optional(std::optional<T> &value, Fn each) {
    if (places++ == place) {
      if (value)
        value.reset();
      else
        value.emplace();
    }
    if (value)
      each(*value);
  }

private:
  uint64_t below(uint64_t n) { return random() % n; }

  template <typename T>
  T changed(T value) {
    switch (below(12)) {
    case 0:
    case 1:
      return T(uint64_t(value) + 1);
    case 2:
    case 3:
      return T(uint64_t(value) - 1);
    case 4:
      return T(uint64_t(value) * 2);
    case 5:
      return T(uint64_t(value) / 2);
    case 6:
      return T(below(8));
    case 7:
      return T(below(1 << 16));
    case 8:
      return T(core::kNone);
    case 9:
      return T(uint64_t(1) << below(64));
    case 10:
      return T((uint64_t(1) << below(64)) - 1);
    default:
      return T(other);
    }
  }

  template <typename T>
  void rearrange(std::vector<T> &v) {
    const size_t n = v.size();
    const size_t i = n ? below(n) : 0, j = n ? below(n) : 0;
    switch (n ? below(6) : 0) {
    case 0:
      v.emplace_back();
      break;
    case 1:
      v.erase(v.begin() + ptrdiff_t(i));
      break;
    case 2:
      std::swap(v[i], v[j]);
      break;
    case 3:
      v.push_back(v[i]);
      break;
    case 4:
      v.insert(v.begin() + ptrdiff_t(j), T(v[i]));
      break;
    default:
      std::rotate(v.begin() + ptrdiff_t(std::min(i, j)),
                  v.begin() + ptrdiff_t(std::max(i, j)), v.end());
    }
  }

  Random &random;
  uint64_t place, other = 0;
};

/// Copies of a list's elements get names of their own, or V1 says nothing else.
template <typename T>
void separateNames(std::vector<T> &things) {
  std::set<std::string> names;
  for (T &thing : things)
    while (!names.insert(thing.name).second)
      thing.name += '_';
}

template <typename T>
void mutateAny(T &thing, core::Schedule &schedule, Random &random) {
  for (uint64_t n = 1 + random() % 3; n > 0; --n) {
    Changer count(random);
    visit(count, thing);
    if (count.places == 0)
      return;
    Changer change(random, random() % count.places);
    visit(change, thing);
  }
  if (random() % 8 == 0)
    return;
  separateNames(schedule.buffers);
  separateNames(schedule.counters);
  separateNames(schedule.tasks);
}

} // namespace

std::string encode(core::Schedule schedule) {
  Encoder encoder;
  visit(encoder, schedule);
  return std::move(encoder.out);
}

core::Schedule decode(std::string_view bytes) {
  Decoder decoder(bytes);
  core::Schedule schedule;
  visit(decoder, schedule);
  return schedule;
}

core::Schedule inputSchedule(std::string_view bytes) {
  if (bytes.substr(0, 4) != "AMKP")
    return decode(bytes);
  core::Program program;
  std::string error;
  core::readProgram(core::sealProgram(std::string(bytes)), program, error);
  return std::move(program.schedule);
}

void mutate(core::Schedule &schedule, Random &random) {
  mutateAny(schedule, schedule, random);
}

void mutate(core::Program &program, Random &random) {
  mutateAny(program, program.schedule, random);
}

void check(bool holds, const char *what) {
  if (holds)
    return;
  std::fprintf(stderr, "does not hold: %s\n", what);
  std::abort();
}

} // namespace amk::fuzz
