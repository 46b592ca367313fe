//===- DeviceFile.cpp - Records of GPUs from files ------------------------===//

#include "AMK/Scheduling/CostModel.h"

#include "AMK/Frontends/Json.h"
#include "AMK/Schedule/TargetInfo.h"

#include <algorithm>

namespace amk::scheduling {

using namespace core;
namespace json = frontends::json;

namespace {

/// A record is small.
constexpr json::Limits kLimits{size_t(1) << 20, 8, 4096};

std::string expected(const std::string &what, const std::string &key,
                     const json::Value &found) {
  return "'" + key + "': expected " + what + ", found " + json::describe(found);
}

std::string readFigure(const json::Value &value, const std::string &key,
                       Figure &figure) {
  const json::Value *number = &value;
  figure.source = "given";
  if (value.asObject()) {
    for (const json::Member &m : *value.asObject())
      if (m.key != "value" && m.key != "source")
        return "'" + key + "': expected 'value' and 'source', found '" + m.key +
               "'";
    number = value.find("value");
    if (!number)
      return "'" + key + "': expected a 'value'";
    if (const json::Value *source = value.find("source")) {
      if (!source->asString() || source->asString()->empty())
        return expected("a text", key + ".source", *source);
      figure.source = *source->asString();
    }
  }
  if (number->isNull()) {
    figure = {};
    return {};
  }
  const std::optional<double> v = number->asNumber();
  if (!v || !(*v > 0) || *v > 1e15)
    return expected("a positive number", key, *number);
  figure.value = *v;
  return {};
}

std::string readMember(const json::Member &m, DeviceRecord &record) {
  if (m.key == "name" || m.key == "board" || m.key == "chip") {
    if (!m.value.asString() || m.value.asString()->empty())
      return expected("a text", m.key, m.value);
    (m.key == "name"    ? record.name
     : m.key == "board" ? record.board
                        : record.chip) = *m.value.asString();
    return {};
  }
  for (const FigureField &f : figureFields())
    if (m.key == f.key)
      return readFigure(m.value, m.key, record.*f.member);
  return "'" + m.key + "': no such figure";
}

std::string check(const DeviceRecord &record) {
  if (record.name.empty())
    return "expected a 'name'";
  if (!lookupTarget(record.chip))
    return "'chip': expected one of " + knownTargets() + ", found '" +
           record.chip + "'";
  for (const FigureField &f : figureFields())
    if (f.required && !(record.*f.member).known())
      return std::string("'") + f.key + "': expected a figure, found none";
  const auto whole = [](const Figure &f) {
    return f.value == double(uint64_t(f.value));
  };
  if (!whole(record.workers) || !whole(record.sharedBytes))
    return "'workers' and 'shared_bytes': expected whole numbers";
  return {};
}

std::string parseValue(const frontends::Expected<json::Value> &value,
                       const std::string &file, DeviceRecord &record) {
  if (!value)
    return value.error().message;
  if (!value->asObject())
    return file + ": expected an object, found " + json::describe(*value);
  record = {};
  std::string error;
  for (const json::Member &m : *value->asObject())
    if (error.empty())
      error = readMember(m, record);
  if (error.empty())
    error = check(record);
  return error.empty() ? error : file + ": " + error;
}

} // namespace

std::string parseDevice(std::string_view text, const std::string &file,
                        DeviceRecord &record) {
  return parseValue(json::parse(text, file, kLimits), file, record);
}

std::string findDevice(const std::string &target, DeviceRecord &record) {
  constexpr std::string_view suffix = ".json";
  if (target.size() > suffix.size() &&
      target.compare(target.size() - suffix.size(), suffix.size(), suffix) ==
          0) {
    if (std::string m =
            parseValue(json::parseFile(target, kLimits), target, record);
        !m.empty())
      return m;
  } else {
    const DeviceRecord *known = lookupDevice(target);
    if (!known)
      known = defaultDevice(target);
    if (!known)
      return "target: expected one of " + knownTargets() + ", " +
             knownDevices() + " or a .json file, found '" + target + "'";
    record = *known;
  }
  completeRecord(record);
  return {};
}

} // namespace amk::scheduling
